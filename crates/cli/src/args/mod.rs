//! What can be typed. Parsed here, checked where it is used.

mod ask;
mod operator;
mod owner;

pub use ask::{AskArgs, Form};
pub use operator::{Held, OperatorVerb, ReportArgs};
pub use owner::{OwnerVerb, ParamsArgs};

use super::{account::Account, exit, money::Planck};
use crate::config::Overrides;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Ask language models from a contract, and answer such questions.
///
/// Stdout is the result and nothing else; stages and errors go to stderr. With --json the result
/// is one JSON object on stdout, and an error is one JSON object {"error": {code, exit, message,
/// help}} on stderr. In JSON, amounts are decimal strings in planck, hashes 0x-hex, accounts SS58.
#[derive(Parser, Debug)]
#[command(name = "llm-oracle", version, after_help = exit::table())]
pub struct Cli<E: Subcommand> {
    /// What is true for every verb.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb<E>,
}

/// Flags of every verb.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// Print the result as one JSON object
    #[arg(long, global = true)]
    pub json: bool,
    /// Settings file instead of $XDG_CONFIG_HOME/llm-oracle/{config,dev}.toml
    #[arg(long, global = true, value_name = "FILE", env = "LLM_ORACLE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Address of the node's RPC server [env: LLM_ORACLE_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,
    /// Address of the oracle's contract [env: LLM_ORACLE_CONTRACT]
    #[arg(long, global = true, value_name = "ACCOUNT")]
    pub contract: Option<String>,
    /// More about what happens, on stderr; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The key, and how transactions are sent. Names are those of `cargo contract`.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Key and sending")]
pub struct Sign {
    /// Key that signs: a phrase, 0x and 64 hex digits, or a development key such as //Alice [env: LLM_ORACLE_SURI]
    #[arg(long, short, value_name = "URI", conflicts_with = "key_file")]
    pub suri: Option<String>,
    /// File of mode 0600 with such a key, or exported by polkadot.js [env: LLM_ORACLE_KEY_FILE]
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Most that storage may cost, planck or with UNIT; without it what the dry run says
    #[arg(long, value_name = "AMOUNT")]
    pub storage_deposit_limit: Option<Planck>,
    /// Send without asking; without a terminal nothing is asked
    #[arg(long, short = 'y')]
    pub skip_confirm: bool,
    /// Send the transaction: what happens here without this flag too
    #[arg(long, short = 'x', conflicts_with = "dry_run")]
    pub execute: bool,
    /// Show what it would cost and send nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb<E: Subcommand> {
    /// Of other crates.
    #[command(flatten)]
    Extra(E),
    /// Put the oracle's contract on a chain
    Deploy(DeployArgs),
    /// Register operators and look at them
    #[command(subcommand)]
    Operator(OperatorVerb),
    /// What the oracle's owner may do: pause, hand over, announce parameters and code
    #[command(subcommand)]
    Owner(OwnerVerb),
    /// Answer questions
    #[command(subcommand)]
    Relayer(RelayerVerb),
    /// Hold keys in a process of their own, which refuses a second, different answer
    #[command(subcommand)]
    Signer(SignerVerb),
    /// Ask a question and wait for the answer
    Ask(AskArgs),
    /// Show a request
    Show(ShowArgs),
    /// List requests
    List(ListArgs),
    /// Check that everything is in place
    Doctor(DoctorArgs),
    /// Pay out what an account has earned or got back; anyone may send it
    Withdraw(WithdrawArgs),
    /// Remove an ended request and free its storage
    Prune(RequestArgs),
    /// Move a request on after a deadline; anyone may send it
    Advance(RequestArgs),
    /// Hand a request's end to the contract that asked; anyone may send it
    Deliver(RequestArgs),
    /// Check an answered request from the chain and its evidence alone
    Verify(VerifyArgs),
    /// Evidence of how answers were made
    #[command(subcommand)]
    Evidence(EvidenceVerb),
    /// Look at settings
    #[command(subcommand)]
    Config(ConfigVerb),
}

/// Arguments of `deploy`.
#[derive(Args, Debug)]
pub struct DeployArgs {
    /// Folder with the built contracts [env: LLM_ORACLE_ARTIFACTS]
    #[arg(long, value_name = "DIR")]
    pub artifacts: Option<PathBuf>,
    /// Salt of the address, so that the same code can be deployed again
    #[arg(long, value_name = "HEX", default_value = "")]
    pub salt: String,
    /// Write the settings for the other verbs here
    #[arg(long, value_name = "FILE")]
    pub config_out: Option<PathBuf>,
    /// Key and sending.
    #[command(flatten)]
    pub sign: Sign,
}

/// What can be done with a relayer.
#[derive(Subcommand, Debug)]
pub enum RelayerVerb {
    /// Run until stopped; settings come from --config
    Run {
        /// Log as JSON lines
        #[arg(long)]
        log_json: bool,
        /// Go on with a lost or older store: find own answers again, from the backup copy too
        #[arg(long)]
        recover: bool,
    },
    /// Ask a running relayer how it is
    Status {
        /// Where it listens [default: what its store says, then `listen` in [ops]]
        #[arg(long, value_name = "IP:PORT")]
        address: Option<std::net::SocketAddr>,
    },
}

/// What can be done with a signer.
#[derive(Subcommand, Debug)]
pub enum SignerVerb {
    /// Run until stopped; --config names its own settings file
    Run {
        /// Log as JSON lines
        #[arg(long)]
        log_json: bool,
    },
    /// Print what its settings need to know about this chain and contract
    Settings,
}

/// Arguments of `show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// Number of the request
    pub id: u64,
    /// Show stages until it ends; the exit code is then that of `ask`
    #[arg(long)]
    pub watch: bool,
    /// Longest time to watch, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub timeout: u64,
}

/// Arguments of `list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// First request [default: the last 50]
    #[arg(long, value_name = "ID")]
    pub from: Option<u64>,
    /// Most requests to list
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: u32,
}

/// Arguments of `doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Model file (GGUF) to check [env: LLM_ORACLE_MODEL]
    #[arg(long, value_name = "PATH")]
    pub model: Option<PathBuf>,
}

/// Arguments of `withdraw`.
#[derive(Args, Debug)]
pub struct WithdrawArgs {
    /// Who is paid: SS58, 0x-hex or a development key such as //Alice
    pub account: Account,
    /// Key and sending.
    #[command(flatten)]
    pub sign: Sign,
}

/// Arguments of verbs that act on one request.
#[derive(Args, Debug)]
pub struct RequestArgs {
    /// Number of the request
    pub id: u64,
    /// Key and sending.
    #[command(flatten)]
    pub sign: Sign,
}

/// Arguments of `verify`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// Number of the request
    pub id: u64,
    /// Folder with exported evidence
    #[arg(long, value_name = "DIR")]
    pub evidence: Option<PathBuf>,
    /// Relayer that serves evidence, such as http://127.0.0.1:9615; may be repeated
    #[arg(long, value_name = "URL")]
    pub from: Vec<String>,
    /// Model file (GGUF) that local answers are asked of again [default: that of the settings]
    #[arg(long, value_name = "PATH")]
    pub model: Option<PathBuf>,
    /// Ask no model again
    #[arg(long, conflicts_with = "model")]
    pub no_rerun: bool,
}

/// What can be done with evidence.
#[derive(Subcommand, Debug)]
pub enum EvidenceVerb {
    /// Write the evidence of revealed answers from the store into a folder, each under its digest
    Export {
        /// Number of the request [default: all]
        id: Option<u64>,
        /// The folder
        #[arg(long, value_name = "DIR", default_value = "evidence")]
        out: PathBuf,
    },
}

/// What can be done with settings.
#[derive(Subcommand, Debug)]
pub enum ConfigVerb {
    /// Show each setting, its value and where it comes from
    Show,
}

impl Global {
    /// These flags as settings.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            url: self.url.clone(),
            contract: self.contract.clone(),
            ..Overrides::default()
        }
    }
}

impl Sign {
    /// Adds these flags to the settings.
    pub fn add_to(&self, overrides: Overrides) -> Overrides {
        Overrides {
            suri: self.suri.clone(),
            key_file: self.key_file.clone(),
            ..overrides
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Cli::<crate::NoExtra>::command().debug_assert();
    }
}
