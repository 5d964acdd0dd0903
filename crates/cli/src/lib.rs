//! The command line: one module for each verb.
//!
//! Parsed arguments become checked values before anything is sent; every verb returns an exit code
//! of [`exit`] or a [`exit::CliError`] with one.
//!
//! **Architecture invariant:** only [`output`] prints, and stdout carries results only.

pub mod account;
pub mod answers;
mod args;
pub mod ask;
mod bond;
mod checks;
pub mod config;
mod config_show;
pub mod context;
pub mod deploy;
#[cfg(test)]
mod deploy_tests;
mod doctor;
mod equivocation;
mod evidence;
pub mod exit;
mod failure;
mod fetch;
mod list;
mod maintain;
pub mod money;
pub mod operator;
pub mod output;
mod owner;
mod params;
pub mod plan;
pub mod relayer;
pub mod render;
#[cfg(test)]
mod samples;
mod show;
mod signer;
pub mod stages;
mod status;
pub mod terms;
mod verify;
pub mod watch;

use args::{Cli, ConfigVerb, EvidenceVerb, OperatorVerb, RelayerVerb, SignerVerb, Verb};
use clap::Parser;
use context::CommandContext;
use exit::{CliError, CommandResult};
use output::Output;
use std::{io, process::ExitCode};
use tracing_subscriber::{
    filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt, EnvFilter,
};

/// Subcommands that another crate adds.
#[allow(async_fn_in_trait)] // Awaited where it is called, on one thread.
pub trait MoreSubcommands: clap::Subcommand + std::fmt::Debug {
    /// What their flags say about settings.
    fn overrides(&self, flags: config::Overrides) -> config::Overrides;
    /// Runs one.
    ///
    /// # Errors
    /// Its own.
    async fn run(self, context: &CommandContext) -> CommandResult;
}

/// No further subcommands.
#[derive(clap::Subcommand, Debug)]
pub enum NoMoreSubcommands {}

impl MoreSubcommands for NoMoreSubcommands {
    fn overrides(&self, flags: config::Overrides) -> config::Overrides {
        flags
    }

    async fn run(self, _: &CommandContext) -> CommandResult {
        match self {}
    }
}

/// Runs the program and gives its exit code.
pub fn main<E: MoreSubcommands>() -> ExitCode {
    // Wrong arguments end here, with clap's own message and code, which is [`exit::USAGE`].
    let cli = Cli::<E>::try_parse().unwrap_or_else(|error| refuse(&error));
    let out = Output::new(cli.global.json);
    start_log(&cli);
    let code = run(cli, out.clone()).unwrap_or_else(|failure| {
        out.failure(&failure);
        failure.code
    });
    ExitCode::from(code)
}

/// Whether a command line, program name first, is one of ours.
#[cfg(test)]
pub fn parses<'a, E: MoreSubcommands>(words: impl Iterator<Item = &'a str>) -> bool {
    Cli::<E>::try_parse_from(words).is_ok()
}

/// Ends with clap's message; as JSON if that was asked for.
fn refuse(error: &clap::Error) -> ! {
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

fn start_log<E: MoreSubcommands>(cli: &Cli<E>) {
    let (quiet, log_json) = match &cli.verb {
        Verb::Relayer(RelayerVerb::Run { log_json, .. })
        | Verb::Signer(SignerVerb::Run { log_json }) => ("info,subxt=warn", *log_json),
        _ => ("error", false),
    };
    let default = match cli.global.verbose {
        0 => quiet,
        1 => "llm_oracle=debug,warn",
        _ => "llm_oracle=trace,debug",
    };
    let filter =
        EnvFilter::try_from_env("LLM_ORACLE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // A log that can't be written is no reason to stop: reporting that would panic where stderr is
        // the log.
        .log_internal_errors(false)
        .with_writer(io::stderr);
    // The first subscriber stays; there is none before this one.
    let _ = if log_json {
        let log = log.json().finish();
        log.with(filter_fn(keeps_secrets)).try_init()
    } else {
        let log = log.compact().finish();
        log.with(filter_fn(keeps_secrets)).try_init()
    };
}

/// Whether a record may be written, however much is asked for. The library that speaks to nodes tells
/// in its details whom it connects to, and with it the password of a node's URL.
fn keeps_secrets(record: &tracing::Metadata<'_>) -> bool {
    *record.level() <= tracing::Level::INFO || !record.target().starts_with("jsonrpsee")
}

fn run<E: MoreSubcommands>(cli: Cli<E>, out: Output) -> CommandResult {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::bug(format!("cannot start threads: {error}")))?;
    if let Verb::Signer(SignerVerb::Run { log_json }) = cli.verb {
        return signer::run(cli.global.config.as_deref(), cli.global.json, log_json);
    }
    let context = CommandContext::load(&cli, out)?;
    runtime.block_on(verb(&context, cli.verb))
}

async fn verb<E: MoreSubcommands>(context: &CommandContext, verb: Verb<E>) -> CommandResult {
    match verb {
        Verb::Extra(extra) => extra.run(context).await,
        Verb::Deploy(args) => deploy::run(context, &args).await,
        Verb::Operator(verb) => operator_verb(context, verb).await,
        Verb::Owner(verb) => owner::run(context, verb).await,
        Verb::Relayer(RelayerVerb::Run { recover, .. }) => relayer::run(context, recover).await,
        Verb::Relayer(RelayerVerb::Status { address }) => status::run(context, address).await,
        Verb::Signer(SignerVerb::Settings) => signer::settings(context).await,
        Verb::Signer(SignerVerb::Run { .. }) => {
            Err(CliError::bug("a signer takes no relayer's settings"))
        }
        Verb::Ask(args) => ask::run(context, &args).await,
        Verb::Show(args) => show::run(context, &args).await,
        Verb::List(args) => list::run(context, &args).await,
        Verb::Doctor(_) => doctor::run(context).await,
        Verb::Withdraw(args) => maintain::withdraw(context, &args).await,
        Verb::Prune(args) => maintain::prune(context, &args).await,
        Verb::Advance(args) => maintain::advance(context, &args).await,
        Verb::Deliver(args) => maintain::deliver(context, &args).await,
        Verb::Verify(args) => verify::run(context, &args).await,
        Verb::Evidence(EvidenceVerb::Export { id, out }) => evidence::export(context, id, &out),
        Verb::Config(ConfigVerb::Show) => config_show::run(context),
    }
}

async fn operator_verb(context: &CommandContext, verb: OperatorVerb) -> CommandResult {
    match verb {
        OperatorVerb::Register { sign, bond, held } => {
            operator::register(context, &sign, bond, &held).await
        }
        OperatorVerb::Bond {
            amount,
            operator,
            sign,
        } => bond::add(context, &sign, amount, operator).await,
        OperatorVerb::Unbond { amount, sign } => bond::unbond(context, &sign, amount).await,
        OperatorVerb::Release { operator, sign } => bond::release(context, &sign, operator).await,
        OperatorVerb::Show { account } => operator::show(context, account).await,
        OperatorVerb::List => operator::list(context).await,
        OperatorVerb::ReportEquivocation(args) => equivocation::report(context, &args).await,
    }
}
