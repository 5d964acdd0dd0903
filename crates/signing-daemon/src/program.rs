//! The command line of the signing daemon.

use crate::{
    bind, config::SigningDaemonConfig, daemon::SigningDaemon, error::SigningDaemonError,
    interchange::Interchange, record::MergeCounts, serve, transfer,
};
use clap::{Parser, Subcommand};
use llm_oracle_support::{
    address::{hex0x, ss58},
    exit_code as exit,
};
use serde_json::json;
use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};
use tokio::{
    signal::unix::{signal, SignalKind},
    sync::oneshot,
};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
    Layer,
};

/// Hold operators' keys apart from the relayer, and sign no second, different answer.
///
/// `llm-oracle signer settings` prints most of a settings file. Results go to stdout, errors and the log to
/// stderr.
#[derive(Parser, Debug)]
#[command(name = "llm-oracle-signer", version, after_help = exit::table())]
struct SignerCli {
    /// Settings file of the signing daemon
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
    command: SignerCommand,
}

#[derive(Subcommand, Debug)]
enum SignerCommand {
    /// Sign for relayers over the socket, until stopped
    Run {
        /// Log as JSON lines
        #[arg(long)]
        log_json: bool,
    },
    /// Write the record of what was signed as a file that `import` reads; the daemon must be stopped
    Export {
        /// A new file, made with mode 0600 [default: stdout]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Let this record sign nothing again, because the keys move to another machine
        #[arg(long, requires = "out")]
        retire: bool,
    },
    /// Merge an exported record into the one of the settings; the daemon must be stopped
    Import {
        /// A file that `export` has written
        file: PathBuf,
    },
}

/// Why the program ends early: an exit code and what is wrong.
struct SignerFailure {
    code: u8,
    message: String,
}

impl SignerFailure {
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

impl From<SigningDaemonError> for SignerFailure {
    fn from(error: SigningDaemonError) -> Self {
        use SigningDaemonError as E;
        let code = match error {
            E::Locked { .. }
            | E::OpenFolder { .. }
            | E::SocketInUse { .. }
            | E::Io { .. }
            | E::Database { .. }
            | E::NoRecord { .. }
            | E::Retired { .. }
            | E::RetiredWithoutFile { .. }
            | E::Conflict { .. } => exit::STORE,
            E::OtherDeployment { .. } => exit::WRONG_CHAIN,
            E::Unreadable { .. }
            | E::InvalidConfig { .. }
            | E::Key(_)
            | E::Address(_)
            | E::NoKeys
            | E::KeyTwice(_)
            | E::Interchange { .. } => exit::USAGE,
        };
        Self::new(code, error)
    }
}

/// Runs the program and gives its exit code.
pub fn main() -> ExitCode {
    let cli = SignerCli::parse();
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

fn report(failure: &SignerFailure, json: bool) {
    let line = if json {
        let (code, message) = (failure.name(), &failure.message);
        let error = serde_json::json!({ "code": code, "exit": failure.code, "message": message });
        serde_json::json!({ "error": error }).to_string()
    } else {
        format!("error: {}", failure.message)
    };
    // A closed stderr must not change the exit code.
    let _ = writeln!(io::stderr(), "{line}");
}

fn run(cli: SignerCli) -> Result<(), SignerFailure> {
    let path = cli.config.ok_or_else(|| {
        let message = "no settings file is named; give --config (`llm-oracle signer settings` prints most of one)";
        SignerFailure::new(exit::USAGE, message)
    })?;
    let json = cli.json;
    match cli.command {
        SignerCommand::Export { out, retire } => {
            let config = SigningDaemonConfig::load(&path)?;
            match out {
                Some(out) => {
                    let exported = transfer::export_to(&config, &out, retire)?;
                    print(&export_result(&exported, &out, json))
                }
                None => {
                    let exported = transfer::export(&config)?;
                    let too_long = |error| SignerFailure::new(exit::STORE, error);
                    print(exported.to_text().map_err(too_long)?.trim_end())
                }
            }
        }
        SignerCommand::Import { file } => {
            let config = SigningDaemonConfig::load(&path)?;
            let (imported, counts) = transfer::import(&config, &file)?;
            print(&import_result(&imported, counts, json))
        }
        SignerCommand::Run { log_json } => {
            start_log(log_json);
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .map_err(|error| {
                    SignerFailure::new(exit::BUG, format!("cannot start threads: {error}"))
                })?;
            runtime.block_on(sign(&path))
        }
    }
}

/// Says what was exported, as one JSON object or for people.
fn export_result(exported: &Interchange, out: &Path, json: bool) -> String {
    let (operators, requests) = (exported.operators(), exported.rows.len());
    let (out, digest) = (out.display().to_string(), hex0x(&exported.digest()));
    if json {
        let retired = exported.retired;
        return json!({ "file": out, "operators": operators, "requests": requests, "retired": retired, "digest": digest })
            .to_string();
    }
    let next = if exported.retired {
        "This record is retired: it signs nothing again. Import the file where the keys go."
    } else {
        "This record still signs. To move its keys, export it with --retire."
    };
    format!(
        "exported {requests} requests of {operators} operators to {out}\ndigest {digest}\n{next}"
    )
}

/// Says what was imported, as one JSON object or for people.
fn import_result(imported: &Interchange, counts: MergeCounts, json: bool) -> String {
    let (operators, retired) = (imported.operators(), imported.retired);
    let MergeCounts { written, known } = counts;
    let digest = hex0x(&imported.digest());
    if json {
        return json!({ "operators": operators, "written": written, "known": known, "source_retired": retired, "digest": digest })
            .to_string();
    }
    let next = if retired {
        "The exported record is retired: it signs nothing again."
    } else {
        "The exported record is not retired: its daemon must never run with these keys again."
    };
    format!("imported {written} requests of {operators} operators; {known} were known\ndigest {digest}\n{next}")
}

/// Prints a result to stdout.
fn print(text: &str) -> Result<(), SignerFailure> {
    writeln!(io::stdout(), "{text}")
        .map_err(|error| SignerFailure::new(exit::BUG, format!("cannot write the result: {error}")))
}

fn start_log(json: bool) {
    // `LLM_ORACLE_LOG` gives levels for targets, as for the relayer. Filters of spans would need a
    // library for regular expressions in the process that holds the keys.
    let wanted = env::var("LLM_ORACLE_LOG").ok();
    let filter = wanted.and_then(|text| text.parse::<Targets>().ok());
    let filter = filter.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer()
        // A log that can't be written is no reason to stop.
        .log_internal_errors(false)
        .with_writer(io::stderr);
    let lines = match json {
        true => lines.json().boxed(),
        false => lines.compact().boxed(),
    };
    // The first subscriber stays; there is none before this one.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init();
}

/// Signs until the process is told to stop.
async fn sign(path: &Path) -> Result<(), SignerFailure> {
    let config = SigningDaemonConfig::load(path)?;
    let daemon = Arc::new(SigningDaemon::open(&config)?);
    let stop = stop_signal()?;
    let listener = bind(&config.socket)?;
    let accounts: Vec<String> = daemon.accounts().iter().map(ss58).collect();
    let socket = config.socket.display().to_string();
    tracing::info!(socket, ?accounts, "signs");
    ready(&format!("signs for {}", accounts.join(", ")));
    let (end, ended) = oneshot::channel::<()>();
    let mut serving = tokio::spawn(serve(daemon, listener, async {
        // Sent or dropped: both mean the end.
        let _ = ended.await;
    }));
    let bug = |how: String| SignerFailure::new(exit::BUG, format!("the daemon ended: {how}"));
    tokio::select! {
        () = stop => {}
        over = &mut serving => {
            return Err(bug(over.err().map_or_else(|| "without a reason".to_owned(), |e| e.to_string())));
        }
    }
    drop(end);
    let orderly = serving.await;
    // The next process need not find out that this socket is stale.
    let _ = fs::remove_file(&config.socket);
    orderly.map_err(|error| bug(error.to_string()))
}

/// Tells systemd that the daemon is ready. Does nothing without systemd.
fn ready(status: &str) {
    use sd_notify::NotifyState::{Ready, Status};
    if let Err(error) = sd_notify::notify(&[Ready, Status(status)]) {
        tracing::warn!(%error, "the service manager cannot be response");
    }
}

/// SIGTERM or SIGINT.
fn stop_signal() -> Result<impl std::future::Future<Output = ()>, SignerFailure> {
    let bug = |error: io::Error| {
        SignerFailure::new(exit::BUG, format!("cannot wait for signals: {error}"))
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(bug)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(bug)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_starts_this_program_with_arguments_that_it_takes() {
        let unit = include_str!("../../../deploy/llm-oracle-signer.service");
        let line = unit
            .lines()
            .find_map(|line| line.strip_prefix("ExecStart="))
            .unwrap();
        assert_eq!(
            line.split(' ').next(),
            Some("/usr/local/bin/llm-oracle-signer")
        );
        let parsed = SignerCli::try_parse_from(line.split(' ')).unwrap();
        assert!(matches!(
            parsed.command,
            SignerCommand::Run { log_json: true }
        ));
    }
}
