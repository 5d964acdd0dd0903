//! `operator`: registering, changing and showing operators.

mod bond;
mod list;
mod profile;
mod register;
mod report_equivocation;
mod show;

use clap::Subcommand;

/// Subcommands of `operator`.
#[derive(Subcommand, Debug)]
pub enum OperatorSubcommand {
    /// Register the account of a key as an operator
    Register(register::OperatorRegisterArgs),
    /// Declare what the operator's model is
    Family(profile::FamilyArgs),
    /// Name another account that gets the operator's money
    Owner(profile::OwnerArgs),
    /// Add to an operator's bond
    Bond(bond::BondArgs),
    /// Start to unbond a part of the key's own bond; it can be released after the unbonding time
    Unbond(bond::UnbondArgs),
    /// Turn unbonded amounts into credit after the unbonding time; anyone may send it
    Release(bond::ReleaseArgs),
    /// Show one operator: its bond and its track record
    Show(show::OperatorShowArgs),
    /// List all operators
    List(list::OperatorListArgs),
    /// Report an operator that signed two answers to one request; a part of its bond is the reward
    ReportEquivocation(report_equivocation::ReportArgs),
}

crate::subcommand::run_variants!(OperatorSubcommand {
    Register,
    Family,
    Owner,
    Bond,
    Unbond,
    Release,
    Show,
    List,
    ReportEquivocation,
});
