//! `model`: the models of the settings.

mod report;
mod test;

use clap::Subcommand;

/// Subcommands of `model`.
#[derive(Subcommand, Debug)]
pub enum ModelSubcommand {
    /// Ask each configured model one question of each kind, and show what works
    Test(test::ModelTestArgs),
}

crate::subcommand::run_variants!(ModelSubcommand { Test });
