//! Runs what the command line asks for.

use crate::{
    chain_spec,
    cli::{Cli, Subcommand},
    service,
};
use sc_cli::SubstrateCli;
use sc_service::{ChainSpec, GenericChainSpec};

impl SubstrateCli for Cli {
    fn impl_name() -> String {
        "Substrate Contracts Node".into()
    }

    fn impl_version() -> String {
        env!("CARGO_PKG_VERSION").into()
    }

    fn description() -> String {
        env!("CARGO_PKG_DESCRIPTION").into()
    }

    fn author() -> String {
        "the LLM oracle's authors".into()
    }

    fn support_url() -> String {
        "the issues of the repository that this node was built from".into()
    }

    fn copyright_start_year() -> i32 {
        2026
    }

    fn load_spec(&self, id: &str) -> Result<Box<dyn ChainSpec>, String> {
        Ok(match id {
            "" | chain_spec::DEV_CHAIN_ID => Box::new(chain_spec::development()?),
            path => Box::new(<GenericChainSpec>::from_json_file(path.into())?),
        })
    }
}

/// Does what `cli` says until it is done or the process is told to stop.
pub fn run(cli: Cli) -> sc_cli::Result<()> {
    match &cli.subcommand {
        Some(Subcommand::BuildSpec(command)) => {
            let runner = cli.create_runner(command)?;
            runner.sync_run(|config| command.run(config.chain_spec, config.network))
        }
        Some(Subcommand::PurgeChain(command)) => {
            let runner = cli.create_runner(command)?;
            runner.sync_run(|config| command.run(config.database))
        }
        None => {
            let runner = cli.create_runner(&cli.run)?;
            let options = service::Options {
                seal: cli.seal(),
                finality_delay: cli.finality_delay(),
            };
            runner.run_node_until_exit(|config| async move {
                service::start(config, options).map_err(sc_cli::Error::Service)
            })
        }
    }
}
