//! What every subcommand starts from: settings, output, and the connection to the chain.

use crate::{
    account::AccountInput,
    config::{self, Overrides, Settings},
    exit::CliError,
    log::LogControl,
    money::{note_coin, Coin},
    output::Output,
};
use llm_oracle_chain::{Chain, ChainApi as _, CheckedOracle, Expect};
use llm_oracle_primitives::AccountId;
use llm_oracle_signing::{account_of, Keypair};
use llm_oracle_store::{Archive, StoreError};
use llm_oracle_support::address::note_prefix;
use std::path::{Path, PathBuf};

/// Settings and output of one run.
pub struct CommandContext {
    /// The settings.
    pub settings: Settings,
    /// The settings file, if there is one.
    pub file: Option<PathBuf>,
    /// What flags say about settings.
    pub flags: Overrides,
    /// What is logged.
    pub log: LogControl,
    /// Where results, stages and errors are printed.
    pub out: Output,
}

/// A key with its account.
pub struct SigningKey {
    /// The key.
    pub pair: Keypair,
    /// Its account.
    pub account: AccountId,
}

impl CommandContext {
    /// Loads the settings from a file, or the usual one, and from flags. A service logs what they say.
    ///
    /// # Errors
    /// When a file or a value is wrong.
    pub fn load(
        file: Option<&Path>,
        flags: Overrides,
        out: Output,
        log: LogControl,
    ) -> Result<Self, CliError> {
        let file = config::settings_file(file);
        let settings = config::load(file.as_deref(), &flags)?;
        log.follow(settings.log.as_deref());
        Ok(Self {
            settings,
            file,
            flags,
            log,
            out,
        })
    }

    /// Connects to the node, and notes its coin for amounts and its prefix for addresses.
    ///
    /// # Errors
    /// When it cannot be reached, or has no contracts pallet.
    pub async fn chain(&self) -> Result<Chain, CliError> {
        let chain = Chain::connect(&self.settings.url).await?;
        let properties = chain.properties().await?;
        note_prefix(properties.ss58_prefix);
        note_coin(Coin {
            symbol: properties.symbol,
            decimals: properties.decimals.into(),
        });
        Ok(chain)
    }

    /// Connects to the node and checks that the contract is an oracle, the one that the settings expect.
    ///
    /// # Errors
    /// When the node or the contract is a different one.
    pub async fn oracle(&self) -> Result<CheckedOracle, CliError> {
        let (address, expect) = self.expected()?;
        Ok(CheckedOracle::check(&self.chain().await?, address, &expect).await?)
    }

    /// The store of these settings, opened for reading; relayers may be using it.
    ///
    /// # Errors
    /// When there is no store, or it cannot be read.
    pub fn archive(&self) -> Result<Archive, StoreError> {
        match &self.settings.shared {
            Some(shared) => Archive::open_shared(shared),
            None => Archive::open(&self.settings.store),
        }
    }

    /// The contract of the settings, with what was recorded at its deployment.
    ///
    /// # Errors
    /// When no contract is set, or its address is invalid.
    pub fn expected(&self) -> Result<(AccountId, Expect), CliError> {
        let contract: AccountInput = self.settings.contract()?.parse().map_err(CliError::usage)?;
        let expect = self.settings.code_hash.expected();
        let expect = expect.map_err(|error| CliError::usage(format!("code_hash: {error}")))?;
        Ok((contract.0, expect))
    }

    /// The key that signs.
    ///
    /// # Errors
    /// When none is set or it cannot be used.
    pub fn signer(&self) -> Result<SigningKey, CliError> {
        let pair = self.settings.signer()?;
        Ok(SigningKey {
            account: account_of(&pair),
            pair,
        })
    }
}
