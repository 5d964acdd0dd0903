//! `relayer`: running a relayer and reading its status.

mod drain;
mod run;
mod status;

use clap::Subcommand;

/// Subcommands of `relayer`.
#[derive(Subcommand, Debug)]
pub enum RelayerSubcommand {
    /// Run until stopped; settings come from --config
    Run(run::RelayerRunArgs),
    /// Take no more seats, reveal what is open, then end
    Drain(drain::RelayerDrainArgs),
    /// Show the status of a running relayer
    Status(status::RelayerStatusArgs),
}

crate::subcommand::run_variants!(RelayerSubcommand { Run, Drain, Status });
