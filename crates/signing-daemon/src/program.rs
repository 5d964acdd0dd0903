//! The command line of the signing daemon.

use crate::{bind, serve, Guard, GuardConfig, GuardError};
use clap::{Parser, Subcommand};
use llm_oracle_support::{address::ss58, exit_code as exit};
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};
use tokio::signal::unix::{signal, SignalKind};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Hold operators' keys apart from the relayer, and sign no second, different answer.
///
/// `llm-oracle signer settings` prints most of a settings file. Stdout is the result and nothing else;
/// errors and the log go to stderr.
#[derive(Parser, Debug)]
#[command(name = "llm-oracle-signer", version, after_help = exit::table())]
struct Cli {
    /// The signer's settings file
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "LLM_ORACLE_SIGNER_CONFIG"
    )]
    config: Option<PathBuf>,
    /// Print results and errors as one JSON object
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Sign for relayers over the socket, until stopped
    Run {
        /// Log as JSON lines
        #[arg(long)]
        log_json: bool,
    },
}

/// Why the program ends early: an exit code and what is wrong.
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    fn new(code: u8, message: impl ToString) -> Self {
        Self {
            code,
            message: message.to_string(),
        }
    }

    fn name(&self) -> &'static str {
        let mut all = exit::ALL.iter();
        all.find(|(code, ..)| *code == self.code)
            .map_or("bug", |(_, name, _)| name)
    }
}

impl From<GuardError> for Failure {
    fn from(error: GuardError) -> Self {
        let code = match error {
            GuardError::Locked { .. }
            | GuardError::OpenFolder { .. }
            | GuardError::SocketInUse { .. }
            | GuardError::Io { .. }
            | GuardError::Database { .. } => exit::STORE,
            GuardError::Unreadable { .. }
            | GuardError::Wrong { .. }
            | GuardError::Key(_)
            | GuardError::Address(_)
            | GuardError::NoKeys
            | GuardError::KeyTwice(_) => exit::USAGE,
        };
        Self::new(code, error)
    }
}

/// Runs the program and gives its exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.json;
    let ended = run(cli);
    let code = match ended {
        Ok(()) => exit::OK,
        Err(failure) => {
            report(&failure, json);
            failure.code
        }
    };
    ExitCode::from(code)
}

fn report(failure: &Failure, json: bool) {
    let line = if json {
        let (code, message) = (failure.name(), &failure.message);
        let error = serde_json::json!({ "code": code, "exit": failure.code, "message": message });
        serde_json::json!({ "error": error }).to_string()
    } else {
        format!("error: {}", failure.message)
    };
    // Nobody reading stderr is no reason to do anything else.
    let _ = writeln!(io::stderr(), "{line}");
}

fn run(cli: Cli) -> Result<(), Failure> {
    let path = cli.config.ok_or_else(|| {
        let message = "no settings file is named; give --config (`llm-oracle signer settings` prints most of one)";
        Failure::new(exit::USAGE, message)
    })?;
    match cli.command {
        Command::Run { log_json } => {
            start_log(log_json);
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .map_err(|error| {
                    Failure::new(exit::BUG, format!("cannot start threads: {error}"))
                })?;
            runtime.block_on(sign(&path))
        }
    }
}

fn start_log(json: bool) {
    let filter =
        EnvFilter::try_from_env("LLM_ORACLE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // A log that can't be written is no reason to stop.
        .log_internal_errors(false)
        .with_writer(io::stderr);
    // The first subscriber stays; there is none before this one.
    let _ = if json {
        log.json().try_init()
    } else {
        log.compact().try_init()
    };
}

/// Signs until the process is told to stop.
async fn sign(path: &Path) -> Result<(), Failure> {
    let config = GuardConfig::load(path)?;
    let guard = Arc::new(Guard::open(&config)?);
    let stop = stop_signal()?;
    let listener = bind(&config.socket)?;
    let accounts: Vec<String> = guard.accounts().iter().map(ss58).collect();
    let socket = config.socket.display().to_string();
    tracing::info!(socket, ?accounts, "signs");
    ready(&format!("signs for {}", accounts.join(", ")));
    let ended = CancellationToken::new();
    let mut serving = tokio::spawn(serve(guard, listener, ended.clone()));
    let bug = |how: String| Failure::new(exit::BUG, format!("the signer ended: {how}"));
    tokio::select! {
        () = stop => {}
        over = &mut serving => {
            return Err(bug(over.err().map_or_else(|| "without a reason".to_owned(), |e| e.to_string())));
        }
    }
    ended.cancel();
    let orderly = serving.await;
    // Whoever comes next need not wonder whether somebody still answers there.
    let _ = fs::remove_file(&config.socket);
    orderly.map_err(|error| bug(error.to_string()))
}

/// Tells systemd that it signs. Without systemd nobody is told.
fn ready(status: &str) {
    use sd_notify::NotifyState::{Ready, Status};
    if let Err(error) = sd_notify::notify(&[Ready, Status(status)]) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

/// SIGTERM or SIGINT.
fn stop_signal() -> Result<impl std::future::Future<Output = ()>, Failure> {
    let bug =
        |error: io::Error| Failure::new(exit::BUG, format!("cannot wait for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(bug)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(bug)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
