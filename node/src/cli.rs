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

    fn try_parse_args<A>(args: impl IntoIterator<Item = A>) -> Result<Self, clap::Error>
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

#[cfg(test)]
mod tests {
    use super::*;
    use sc_cli::DatabasePruningMode::{Archive, Custom};

    fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_args(["node"].into_iter().chain(args.iter().copied()))
    }

    #[test]
    fn without_arguments_it_is_the_dev_chain_with_instant_seal_and_all_state() {
        let cli = parse(&[]).expect("no argument is needed");
        assert!(cli.run.shared_params.dev);
        assert_eq!(cli.seal(), Seal::Instant);
        assert_eq!(cli.finality_delay(), Duration::from_secs(1));
        let pruning = &cli.run.import_params.pruning_params;
        assert_eq!(pruning.state_pruning, Some(Archive));
        assert_eq!(pruning.blocks_pruning, Archive);
    }

    #[test]
    fn the_usual_flags_are_taken() {
        let cli = parse(&[
            "--dev",
            "--tmp",
            "--rpc-port",
            "0",
            "--finalize-delay-sec",
            "0",
            "--state-pruning",
            "64",
        ])
        .expect("these are the flags of the original");
        assert_eq!(cli.finality_delay(), Duration::ZERO);
        assert_eq!(
            cli.run.import_params.pruning_params.state_pruning,
            Some(Custom(64))
        );
    }

    #[test]
    fn a_block_time_seals_by_interval_and_is_not_zero() {
        let cli = parse(&["--block-time", "200"]).expect("a block time");
        assert_eq!(cli.seal(), Seal::Interval(Duration::from_millis(200)));
        assert!(parse(&["--block-time", "0"]).is_err());
    }
}
