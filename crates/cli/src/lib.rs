//! The command line: one file in [`commands`] for each subcommand.
//!
//! Parsed arguments become checked values before anything is sent. Every subcommand returns an exit code
//! of [`exit`], or a [`exit::CliError`] with one.
//!
//! **Architecture invariant:** only [`output`] prints, and stdout carries results only.

pub mod account;
pub mod answers;
pub mod artifacts;
mod commands;
pub mod config;
pub mod context;
mod contract_call;
#[cfg(test)]
mod deploy_tests;
mod error_codes;
mod evidence_sources;
pub mod exit;
mod fetch;
mod flags;
pub mod follow;
mod funds;
mod log;
pub mod money;
pub mod operators;
pub mod output;
mod param_values;
mod params_file;
pub mod relayer_task;
mod reload;
pub mod render;
#[cfg(test)]
mod samples;
mod servers;
mod stages;
pub mod subcommand;
mod terminal;

pub use log::LogFormat;
pub use subcommand::{MoreSubcommands, NoMoreSubcommands, RunSubcommand};

use clap::Parser;
use commands::{signer::SignerSubcommand, CommandLine, Subcommands};
use context::CommandContext;
use exit::{CliError, CommandResult};
use llm_oracle_sources::reader;
use log::LogControl;
use output::Output;
use std::process::ExitCode;

/// Variable with the name of the settings file.
const CONFIG_VARIABLE: &str = "LLM_ORACLE_CONFIG";

/// Runs the program and returns its exit code.
pub fn main<M: MoreSubcommands>() -> ExitCode {
    // The process of its own that reads a stranger's document: nothing else of the program runs in it.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == reader::ARGUMENT)
    {
        return reader::serve();
    }
    // As with the other variables, an empty one is not set. Nothing else runs yet that could read it.
    if std::env::var_os(CONFIG_VARIABLE).is_some_and(|value| value.is_empty()) {
        std::env::remove_var(CONFIG_VARIABLE);
    }
    // Invalid arguments end here, with clap's own message and code, which is [`exit::USAGE`].
    let line = CommandLine::<M>::try_parse().unwrap_or_else(|error| exit_with(&error));
    let out = Output::new(line.global.json);
    // With --json, stderr has JSON lines only.
    let json = line.global.json.then_some(LogFormat::Json);
    let log = LogControl::start(line.global.verbose, line.subcommand.service_log(), json);
    let code = run(line, out.clone(), log).unwrap_or_else(|failure| {
        out.failure(&failure);
        failure.code
    });
    ExitCode::from(code)
}

/// Whether a command line, program name first, is valid.
#[cfg(test)]
pub fn parses<'a, M: MoreSubcommands>(words: impl Iterator<Item = &'a str>) -> bool {
    CommandLine::<M>::try_parse_from(words).is_ok()
}

/// Ends with clap's message, as JSON if the arguments ask for it.
fn exit_with(error: &clap::Error) -> ! {
    let json = std::env::args_os().any(|argument| argument == "--json");
    if json && error.use_stderr() {
        let text = error.to_string();
        let message = text
            .trim_start_matches("error: ")
            .lines()
            .next()
            .unwrap_or_default();
        let failure = CliError::usage(message).help("see `llm-oracle --help`");
        Output::new(true).failure(&failure);
        std::process::exit(exit::USAGE.into());
    }
    error.exit()
}

fn run<M: MoreSubcommands>(line: CommandLine<M>, out: Output, log: LogControl) -> CommandResult {
    let CommandLine { global, subcommand } = line;
    // The signer has settings of its own, so it starts before the relayer's are loaded.
    if let Subcommands::Signer(SignerSubcommand::Run(signer)) = &subcommand {
        return signer.exec(&global);
    }
    let flags = subcommand.overrides(global.overrides());
    let context = CommandContext::load(global.config.as_deref(), flags, out, log)?;
    // Two at least: on one processor a write that waits for the disk must not stop the watchdog's task.
    let threads = std::thread::available_parallelism().map_or(2, |cpus| cpus.get().max(2));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|error| CliError::bug(format!("cannot start threads: {error}")))?;
    runtime.block_on(subcommand.run(&context))
}
