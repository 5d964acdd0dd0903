//! `owner`: pausing, transferring ownership, and announcing changes that wait for a delay.

mod announced;
mod ownership;
mod params;
mod pause;
mod status;
mod upgrade;

use clap::Subcommand;

/// Subcommands of `owner`.
#[derive(Subcommand, Debug)]
pub enum OwnerSubcommand {
    /// Show the owner and everything announced
    Status(status::OwnerStatusArgs),
    /// Stop new requests and registrations; open requests continue
    Pause(pause::PauseArgs),
    /// Allow new requests and registrations again
    Resume(pause::ResumeArgs),
    /// Offer the ownership to an account, which accepts it with `owner take`
    Offer(ownership::OfferArgs),
    /// Accept the ownership that was offered to the key's account
    Take(ownership::TakeArgs),
    /// Show the parameters in force and those announced; with --set announce others
    Params(params::ParamsArgs),
    /// Announce code by its hash; it can be installed after the upgrade delay
    AnnounceUpgrade(upgrade::AnnounceUpgradeArgs),
    /// Install the announced code after the upgrade delay
    Upgrade(upgrade::UpgradeArgs),
}

crate::subcommand::run_variants!(OwnerSubcommand {
    Status,
    Pause,
    Resume,
    Offer,
    Take,
    Params,
    AnnounceUpgrade,
    Upgrade,
});
