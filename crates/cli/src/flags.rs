//! Flags that several subcommands share.

use crate::{config::Overrides, exit::CliError, money::AmountInput};
use clap::Args;
use std::path::PathBuf;

/// Flags of every subcommand.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Global options")]
pub struct GlobalFlags {
    /// Print the result as one JSON object
    #[arg(long, global = true)]
    pub json: bool,
    /// Settings file instead of $XDG_CONFIG_HOME/llm-oracle/{config,dev}.toml
    #[arg(long, global = true, value_name = "FILE", env = "LLM_ORACLE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Address of the node's RPC server [env: LLM_ORACLE_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,
    /// Address of the oracle's contract [env: LLM_ORACLE_CONTRACT]
    #[arg(long, global = true, value_name = "ACCOUNT")]
    pub contract: Option<String>,
    /// Log more, to stderr; give it twice to log everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The signing key, and how transactions are sent. Flags have the names of `cargo contract`.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Key and transaction")]
pub struct SigningFlags {
    /// Key that signs: a phrase, 0x and 64 hex digits, or a development key such as //Alice [env: LLM_ORACLE_SURI]
    #[arg(long, short, value_name = "URI", conflicts_with = "key_file")]
    pub suri: Option<String>,
    /// File of mode 0600 with such a key, or exported by polkadot.js [env: LLM_ORACLE_KEY_FILE]
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Maximum storage deposit, planck or with the coin, such as 2UNIT [default: what the dry run needs]
    #[arg(long, value_name = "AMOUNT")]
    pub storage_deposit_limit: Option<AmountInput>,
    /// Send without asking for confirmation; without a terminal none is asked for
    #[arg(long, short = 'y')]
    pub skip_confirm: bool,
    /// No effect; accepted for compatibility with cargo-contract
    #[arg(long, short = 'x', conflicts_with = "dry_run")]
    pub execute: bool,
    /// Show what the transaction would cost and send nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl SigningFlags {
    /// The maximum storage deposit, planck, once the chain is known.
    ///
    /// # Errors
    /// When it is no amount on this chain.
    pub fn deposit_limit(&self) -> Result<Option<u128>, CliError> {
        self.storage_deposit_limit
            .as_ref()
            .map(AmountInput::read)
            .transpose()
    }
}

impl GlobalFlags {
    /// These flags as settings.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            url: self.url.clone(),
            contract: self.contract.clone(),
            ..Overrides::default()
        }
    }
}

impl SigningFlags {
    /// Adds these flags to the settings.
    pub fn add_to(&self, overrides: Overrides) -> Overrides {
        Overrides {
            suri: self.suri.clone(),
            key_file: self.key_file.clone(),
            ..overrides
        }
    }
}
