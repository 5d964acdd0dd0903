//! What can be typed after `operator`.

use super::Sign;
use crate::{account::Account, money::Planck};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// A key that is with a signer; the key that is set then pays for another account.
#[derive(Args, Debug, Clone, Default)]
pub struct Held {
    /// Socket of the signer that has the operator's key; the key that is set pays
    #[arg(long, value_name = "SOCKET", requires = "operator")]
    pub signer: Option<PathBuf>,
    /// The account that the signer has the key of
    #[arg(long, value_name = "ACCOUNT", requires = "signer")]
    pub operator: Option<Account>,
}

/// What can be done with operators.
#[derive(Subcommand, Debug)]
pub enum OperatorVerb {
    /// Register the account of a key as an operator
    Register {
        /// Bond, planck or with UNIT [default: the least]
        #[arg(long, visible_alias = "value", value_name = "AMOUNT")]
        bond: Option<Planck>,
        /// Whose key, when a signer has it.
        #[command(flatten)]
        held: Held,
        /// Key and sending.
        #[command(flatten)]
        sign: Sign,
    },
    /// Add to an operator's bond
    Bond {
        /// What to add, planck or with UNIT
        #[arg(long, visible_alias = "value", value_name = "AMOUNT")]
        amount: Planck,
        /// Whose bond: SS58, 0x-hex or a development key [default: the key's own]
        #[arg(long, value_name = "ACCOUNT")]
        operator: Option<Account>,
        /// Key and sending.
        #[command(flatten)]
        sign: Sign,
    },
    /// Put a part of the key's own bond aside, to be released after the unbonding time
    Unbond {
        /// How much, planck or with UNIT: all that is free, or what leaves the least bond
        #[arg(long, value_name = "AMOUNT")]
        amount: Planck,
        /// Key and sending.
        #[command(flatten)]
        sign: Sign,
    },
    /// Turn what an operator has put aside long enough into credit; anyone may send it
    Release {
        /// Whose: SS58, 0x-hex or a development key [default: the key's own]
        #[arg(long, value_name = "ACCOUNT")]
        operator: Option<Account>,
        /// Key and sending.
        #[command(flatten)]
        sign: Sign,
    },
    /// Show one operator: its bond and its track record
    Show {
        /// The operator: SS58, 0x-hex or a development key such as //Operator//1 [default: that of the key that is set]
        account: Option<Account>,
    },
    /// List all operators
    List,
    /// Report an operator that signed two answers to one question; a part of its bond is the reward
    ReportEquivocation(ReportArgs),
}

/// Arguments of `operator report-equivocation`.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// The whole report as JSON instead of the flags below
    #[arg(long, value_name = "FILE", conflicts_with_all = ["request", "slot", "first", "second", "terms_digest", "model"])]
    pub file: Option<PathBuf>,
    /// Number of the request
    #[arg(long, value_name = "ID", required_unless_present = "file")]
    pub request: Option<u64>,
    /// Digest of its terms [default: what the contract says, while it has the request]
    #[arg(long, value_name = "0xHEX")]
    pub terms_digest: Option<String>,
    /// Slot of the operator
    #[arg(long, value_name = "N", required_unless_present = "file")]
    pub slot: Option<u32>,
    /// Entry of the model registry in both signatures
    #[arg(long, value_name = "M", default_value_t = 0)]
    pub model: u32,
    /// One signed answer: digest of the answer, evidence and signature, 0x-hex
    #[arg(
        long,
        value_name = "ANSWER:EVIDENCE:SIGNATURE",
        required_unless_present = "file"
    )]
    pub first: Option<String>,
    /// The other one
    #[arg(
        long,
        value_name = "ANSWER:EVIDENCE:SIGNATURE",
        required_unless_present = "file"
    )]
    pub second: Option<String>,
    /// Key and sending.
    #[command(flatten)]
    pub sign: Sign,
}
