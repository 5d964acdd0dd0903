//! What can be typed after `owner`.

use super::Sign;
use crate::account::Account;
use clap::{Args, Subcommand};

/// What the owner of an oracle can do.
#[derive(Subcommand, Debug)]
pub enum OwnerVerb {
    /// Show the owner and everything announced
    Status,
    /// Stop new requests and registrations; open requests go on
    Pause(Sign),
    /// Let new requests and registrations go on
    Resume(Sign),
    /// Offer the ownership to an account, which takes it with `owner take`
    Offer {
        /// To whom: SS58, 0x-hex or a development key such as //Alice
        account: Account,
        /// Key and sending.
        #[command(flatten)]
        sign: Sign,
    },
    /// Take the ownership that was offered to the key's account
    Take(Sign),
    /// Show the parameters in force and those announced; with --set announce others
    Params(ParamsArgs),
    /// Announce code by its hash; it can be installed after the upgrade delay
    AnnounceUpgrade {
        /// Hash of the code, 0x-hex; the code must be on the chain when it is installed
        hash: String,
        /// Key and sending.
        #[command(flatten)]
        sign: Sign,
    },
    /// Install the announced code once it is due
    Upgrade(Sign),
}

/// Arguments of `owner params`.
#[derive(Args, Debug)]
pub struct ParamsArgs {
    /// A parameter and its value, starting from those in force; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Key and sending.
    #[command(flatten)]
    pub sign: Sign,
}
