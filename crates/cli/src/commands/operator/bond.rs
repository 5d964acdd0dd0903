//! `operator bond`, `unbond` and `release`: an operator's stake.

use crate::{
    account::AccountInput,
    config::Overrides,
    context::{CommandContext, SigningKey},
    contract_call::{receipt_json, ContractCall},
    exit::{self, CommandResult},
    flags::SigningFlags,
    money::{AmountInput, Planck},
    operators::registered,
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_chain::{messages, Call, CheckedOracle};
use llm_oracle_primitives::{Balance, OperatorView};
use llm_oracle_support::address::ss58;
use scale::Decode;
use serde_json::json;

/// Arguments of `operator bond`.
#[derive(Args, Debug)]
pub struct BondArgs {
    /// Amount to add, planck or with the coin, such as 2UNIT
    #[arg(long, visible_alias = "value", value_name = "AMOUNT")]
    pub amount: AmountInput,
    /// Whose bond: SS58, 0x-hex or a development key [default: the account of the key]
    #[arg(long, value_name = "ACCOUNT")]
    pub operator: Option<AccountInput>,
    /// Key and transaction.
    #[command(flatten)]
    pub sign: SigningFlags,
}

/// Arguments of `operator unbond`.
#[derive(Args, Debug)]
pub struct UnbondArgs {
    /// Amount, planck or with the coin, such as 2UNIT: the whole free bond, or a part that leaves the minimum bond
    #[arg(long, value_name = "AMOUNT")]
    pub amount: AmountInput,
    /// Key and transaction.
    #[command(flatten)]
    pub sign: SigningFlags,
}

/// Arguments of `operator release`.
#[derive(Args, Debug)]
pub struct ReleaseArgs {
    /// Whose: SS58, 0x-hex or a development key [default: the account of the key]
    #[arg(long, value_name = "ACCOUNT")]
    pub operator: Option<AccountInput>,
    /// Key and transaction.
    #[command(flatten)]
    pub sign: SigningFlags,
}

impl RunSubcommand for BondArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        self.sign.add_to(flags)
    }

    /// # Errors
    /// When the account is not registered, or the contract or the chain refuses.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let bond = |slot, amount| (amount, messages::bond(slot));
        let amount = Some(&self.amount);
        change(context, &self.sign, self.operator, amount, bond).await
    }
}

impl RunSubcommand for UnbondArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        self.sign.add_to(flags)
    }

    /// # Errors
    /// As [`BondArgs`].
    async fn run(self, context: &CommandContext) -> CommandResult {
        let unbond = |slot, amount| (0, messages::unbond(slot, amount));
        change(context, &self.sign, None, Some(&self.amount), unbond).await
    }
}

impl RunSubcommand for ReleaseArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        self.sign.add_to(flags)
    }

    /// # Errors
    /// As [`BondArgs`].
    async fn run(self, context: &CommandContext) -> CommandResult {
        let release = |slot, _| (0, messages::release(slot));
        change(context, &self.sign, self.operator, None, release).await
    }
}

async fn change<T: Decode>(
    context: &CommandContext,
    sign: &SigningFlags,
    operator: Option<AccountInput>,
    amount: Option<&AmountInput>,
    call: impl FnOnce(u32, Balance) -> (Balance, Call<T>),
) -> CommandResult {
    let signer: SigningKey = context.signer()?;
    let CheckedOracle { oracle, .. } = context.oracle().await?;
    let account = operator.map_or(signer.account, |account| account.0);
    let slot = registered(&oracle, &account).await?.slot;
    let amount = amount
        .map(AmountInput::read)
        .transpose()?
        .unwrap_or_default();
    let (value, call) = call(slot, amount);
    let change = ContractCall {
        chain: &oracle.chain,
        signer: &signer,
        contract: oracle.address,
        value,
        call,
    };
    let Some(receipt) = change.run(context, sign).await? else {
        return Ok(exit::OK);
    };
    let view = registered(&oracle, &account).await?;
    let mut json = receipt_json(&receipt);
    json["operator"] = json!(ss58(&account));
    json["slot"] = json!(slot);
    json["bond"] = json!(view.bond.to_string());
    json["unbonding"] = json!(view.unbonding.to_string());
    json["unbonding_until"] = json!(view.unbonding_until);
    json["credit"] = json!(view.credit.to_string());
    context.out.result(&text(&view), &json)?;
    Ok(exit::OK)
}

fn text(view: &OperatorView) -> String {
    let waiting = match view.unbonding {
        0 => String::new(),
        amount => format!(
            "; {} of it can be released from block {} on",
            Planck(amount),
            view.unbonding_until
        ),
    };
    format!(
        "the bond of {} is {}{waiting}; its credit is {}",
        ss58(&view.operator),
        Planck(view.bond),
        Planck(view.credit)
    )
}
