//! Command line: that of every Substrate node, with two flags of our own and a dev chain's
//! defaults.

use crate::seal::Seal;
use clap::{CommandFactory, FromArgMatches};
use sc_cli::{RunCmd, SubstrateCli};
use std::{ffi::OsString, time::Duration};

/// Arguments of the node.
#[derive(Debug, clap::Parser)]
pub struct Cli {
    /// What to do instead of running the node.
    #[command(subcommand)]
    pub subcommand: Option<Subcommand>,

    #[allow(missing_docs)]
    #[command(flatten)]
    pub run: RunCmd,

    /// Seconds from a block's import to its finality; 0 finalizes at once
    #[arg(long, value_name = "SECONDS", default_value_t = 1)]
    pub finalize_delay_sec: u8,

    /// Make a block every so many milliseconds, empty ones too, instead of one for each
    /// transaction
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    pub block_time: Option<u64>,
}

/// What the node does besides running.
#[derive(Debug, clap::Subcommand)]
pub enum Subcommand {
    /// Print the chain's specification as JSON
    BuildSpec(sc_cli::BuildSpecCmd),
    /// Delete the chain's database
    PurgeChain(sc_cli::PurgeChainCmd),
}

impl Cli {
    /// Parses the process's arguments; exits with a message if they are wrong.
    pub fn parse_args() -> Self {
        Self::try_parse_args(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    /// The arguments, with a dev chain's defaults for those that are missing.
    ///
    /// # Errors
    /// If they are wrong, or ask for help or the version.
    pub fn try_parse_args<A>(args: impl IntoIterator<Item = A>) -> Result<Self, clap::Error>
    where
        A: Into<OsString> + Clone,
    {
        // With a block for every transaction the usual 256 blocks of state are 256 transactions.
        let command = Self::setup_command(Self::command())
            .mut_arg("state_pruning", |arg| arg.default_value("archive"))
            .mut_arg("blocks_pruning", |arg| arg.default_value("archive"));
        let mut cli = Self::from_arg_matches(&command.try_get_matches_from(args)?)?;
        let shared = &mut cli.run.shared_params;
        if shared.chain.is_none() {
            shared.dev = true;
        }
        if shared.log.is_empty() {
            // Contracts' messages and the address of the RPC server, but no line for every block.
            shared.log = [
                "runtime::contracts=debug",
                "sc_cli=info",
                "sc_rpc_server=info",
                "litep2p=error",
                "warn",
            ]
            .map(String::from)
            .to_vec();
        }
        Ok(cli)
    }

    /// When blocks are made.
    pub fn seal(&self) -> Seal {
        self.block_time.map_or(Seal::Instant, |ms| {
            Seal::Interval(Duration::from_millis(ms))
        })
    }

    /// How long after its import a block becomes final.
    pub fn finality_delay(&self) -> Duration {
        Duration::from_secs(self.finalize_delay_sec.into())
    }
}
