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
pub mod money;
pub mod operators;
pub mod output;
mod param_values;
mod params_file;
pub mod relayer_task;
pub mod render;
#[cfg(test)]
mod samples;
mod servers;
mod stages;
pub mod subcommand;
mod terminal;

pub use subcommand::{MoreSubcommands, NoMoreSubcommands, RunSubcommand};

use clap::Parser;
use commands::{signer::SignerSubcommand, CommandLine, Subcommands};
use context::CommandContext;
use exit::{CliError, CommandResult};
use output::Output;
use std::{io, process::ExitCode};
use subcommand::LogFormat;
use tracing_subscriber::{
    filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt, EnvFilter,
};

/// Variable with the name of the settings file.
const CONFIG_VARIABLE: &str = "LLM_ORACLE_CONFIG";

/// Runs the program and returns its exit code.
pub fn main<M: MoreSubcommands>() -> ExitCode {
    // As with the other variables, an empty one is not set. Nothing else runs yet that could read it.
    if std::env::var_os(CONFIG_VARIABLE).is_some_and(|value| value.is_empty()) {
        std::env::remove_var(CONFIG_VARIABLE);
    }
    // Invalid arguments end here, with clap's own message and code, which is [`exit::USAGE`].
    let line = CommandLine::<M>::try_parse().unwrap_or_else(|error| exit_with(&error));
    let out = Output::new(line.global.json);
    // With --json, stderr has JSON lines only.
    let json = line.global.json.then_some(LogFormat::Json);
    start_log(line.global.verbose, line.subcommand.service_log(), json);
    let code = run(line, out.clone()).unwrap_or_else(|failure| {
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

fn start_log(verbose: u8, service: Option<LogFormat>, asked: Option<LogFormat>) {
    let quiet = match service {
        Some(_) => "info,subxt=warn",
        None => "error",
    };
    let default = match verbose {
        0 => quiet,
        1 => "llm_oracle=debug,warn",
        _ => "llm_oracle=trace,debug",
    };
    let filter =
        EnvFilter::try_from_env("LLM_ORACLE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // A log that cannot be written must not stop the program: reporting it would panic, because
        // stderr is the log.
        .log_internal_errors(false)
        .with_writer(io::stderr);
    // Fails only if a subscriber is set already; there is none.
    let _ = if asked.or(service) == Some(LogFormat::Json) {
        let log = log.json().finish();
        log.with(filter_fn(keeps_secrets)).try_init()
    } else {
        let log = log.compact().finish();
        log.with(filter_fn(keeps_secrets)).try_init()
    };
}

/// Whether a record may be written at any verbosity. The node library logs at debug level the URL that it
/// connects to, with its password.
fn keeps_secrets(record: &tracing::Metadata<'_>) -> bool {
    *record.level() <= tracing::Level::INFO || !record.target().starts_with("jsonrpsee")
}

fn run<M: MoreSubcommands>(line: CommandLine<M>, out: Output) -> CommandResult {
    let CommandLine { global, subcommand } = line;
    // The signer has settings of its own, so it starts before the relayer's are loaded.
    if let Subcommands::Signer(SignerSubcommand::Run(signer)) = &subcommand {
        return signer.exec(&global);
    }
    let flags = subcommand.overrides(global.overrides());
    let context = CommandContext::load(global.config.as_deref(), &flags, out)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::bug(format!("cannot start threads: {error}")))?;
    runtime.block_on(subcommand.run(&context))
}
