//! What every verb starts from: settings, output, and the way to the chain.

use super::{
    account::Account,
    args::{Cli, OperatorVerb, OwnerVerb, Verb},
    exit::Failure,
    output::Output,
    Extra,
};
use crate::config::{self, Overrides, Settings};
use llm_oracle_chain::{Chain, CheckedOracle, Expect};
use llm_oracle_primitives::AccountId;
use llm_oracle_signing::{account_of, Keypair};
use llm_oracle_store::{Archive, StoreError};
use llm_oracle_support::address::parse_hash;

/// Settings and output of one run.
pub struct Context {
    /// What is set.
    pub settings: Settings,
    /// Where words go.
    pub out: Output,
}

/// A key with its account.
pub struct Signer {
    /// The key.
    pub pair: Keypair,
    /// Its account.
    pub account: AccountId,
}

impl Context {
    /// Loads the settings that the arguments ask for.
    ///
    /// # Errors
    /// When a file or a value is wrong.
    pub fn load<E: Extra>(cli: &Cli<E>, out: Output) -> Result<Self, Failure> {
        let settings = config::load(cli.global.config.as_deref(), &overrides(cli))?;
        Ok(Self { settings, out })
    }

    /// Connects to the node.
    ///
    /// # Errors
    /// When it cannot be reached, or is no node of the kind we need.
    pub async fn chain(&self) -> Result<Chain, Failure> {
        Ok(Chain::connect(&self.settings.url).await?)
    }

    /// Connects to the node and checks that the contract is ours.
    ///
    /// # Errors
    /// When either is not what it should be.
    pub async fn oracle(&self) -> Result<CheckedOracle, Failure> {
        let (address, expect) = self.expected()?;
        Ok(CheckedOracle::check(&self.chain().await?, address, expect).await?)
    }

    /// The store of these settings, to read, also while relayers work with it.
    ///
    /// # Errors
    /// When there is none, or it can't be read.
    pub fn archive(&self) -> Result<Archive, StoreError> {
        match &self.settings.shared {
            Some(shared) => Archive::open_shared(shared),
            None => Archive::open(&self.settings.store),
        }
    }

    /// The contract that is set, with what was recorded at its deployment.
    ///
    /// # Errors
    /// When none is set, or one that is no account.
    pub fn expected(&self) -> Result<(AccountId, Expect), Failure> {
        let contract: Account = self.settings.contract()?.parse().map_err(Failure::usage)?;
        let code_hash = self
            .settings
            .code_hash
            .as_deref()
            .map(parse_hash)
            .transpose();
        let code_hash = code_hash.map_err(|error| Failure::usage(format!("code_hash: {error}")))?;
        Ok((contract.0, Expect { code_hash }))
    }

    /// The key that signs.
    ///
    /// # Errors
    /// When none is set or it cannot be used.
    pub fn signer(&self) -> Result<Signer, Failure> {
        let pair = self.settings.signer()?;
        Ok(Signer {
            account: account_of(&pair),
            pair,
        })
    }
}

fn overrides<E: Extra>(cli: &Cli<E>) -> Overrides {
    let flags = cli.global.overrides();
    match &cli.verb {
        Verb::Ask(args) => args.sign.add_to(flags),
        Verb::Withdraw(args) => args.sign.add_to(flags),
        Verb::Prune(args) | Verb::Advance(args) | Verb::Deliver(args) => args.sign.add_to(flags),
        Verb::Operator(
            OperatorVerb::Register { sign, .. }
            | OperatorVerb::Bond { sign, .. }
            | OperatorVerb::Unbond { sign, .. }
            | OperatorVerb::Release { sign, .. },
        ) => sign.add_to(flags),
        Verb::Operator(OperatorVerb::ReportEquivocation(args)) => args.sign.add_to(flags),
        Verb::Owner(
            OwnerVerb::Pause(sign)
            | OwnerVerb::Resume(sign)
            | OwnerVerb::Offer { sign, .. }
            | OwnerVerb::Take(sign)
            | OwnerVerb::AnnounceUpgrade { sign, .. }
            | OwnerVerb::Upgrade(sign),
        ) => sign.add_to(flags),
        Verb::Owner(OwnerVerb::Params(args)) => args.sign.add_to(flags),
        Verb::Deploy(args) => Overrides {
            artifacts: args.artifacts.clone(),
            ..args.sign.add_to(flags)
        },
        Verb::Extra(extra) => extra.overrides(flags),
        Verb::Doctor(args) => Overrides {
            model_file: args.model.clone(),
            ..flags
        },
        _ => flags,
    }
}
