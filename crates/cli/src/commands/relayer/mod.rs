//! `relayer`: running a relayer and reading its status.

mod run;
mod status;

use clap::Subcommand;

/// Subcommands of `relayer`.
#[derive(Subcommand, Debug)]
pub enum RelayerSubcommand {
    /// Run until stopped; settings come from --config
    Run(run::RelayerRunArgs),
    /// Show the status of a running relayer
    Status(status::RelayerStatusArgs),
}

crate::subcommand::run_variants!(RelayerSubcommand { Run, Status });
