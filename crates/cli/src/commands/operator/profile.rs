//! `operator family` and `operator owner`: what an operator says of itself, and who gets its money.

use crate::{
    account::AccountInput,
    config::Overrides,
    context::CommandContext,
    contract_call::{receipt_json, ContractCall},
    exit::{self, CommandResult},
    flags::SigningFlags,
    operators::{family_text, registered},
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_chain::{messages, Call, CheckedOracle};
use llm_oracle_support::address::ss58;
use serde_json::json;

/// Arguments of `operator family`.
#[derive(Args, Debug)]
pub struct FamilyArgs {
    /// What the operator declares its model to be, such as llama-3.3-70b, at most 32 bytes; empty for nothing
    #[arg(value_name = "NAME")]
    pub family: String,
    /// Whose: SS58, 0x-hex or a development key [default: the account of the key]
    #[arg(long, value_name = "ACCOUNT")]
    pub operator: Option<AccountInput>,
    /// Key and transaction.
    #[command(flatten)]
    pub sign: SigningFlags,
}

/// Arguments of `operator owner`.
#[derive(Args, Debug)]
pub struct OwnerArgs {
    /// The account that gets the operator's money from now on; only the present owner may name another one
    #[arg(value_name = "ADDRESS")]
    pub owner: AccountInput,
    /// Whose: SS58, 0x-hex or a development key [default: the account of the key]
    #[arg(long, value_name = "ACCOUNT")]
    pub operator: Option<AccountInput>,
    /// Key and transaction.
    #[command(flatten)]
    pub sign: SigningFlags,
}

impl RunSubcommand for FamilyArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        self.sign.add_to(flags)
    }

    /// # Errors
    /// When the account is not registered, or the contract or the chain refuses.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let call = |slot| messages::declare_family(slot, self.family.as_bytes());
        change(context, &self.sign, self.operator.as_ref(), call).await
    }
}

impl RunSubcommand for OwnerArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        self.sign.add_to(flags)
    }

    /// # Errors
    /// As [`FamilyArgs`].
    async fn run(self, context: &CommandContext) -> CommandResult {
        let call = |slot| messages::name_owner(slot, self.owner.0);
        change(context, &self.sign, self.operator.as_ref(), call).await
    }
}

async fn change(
    context: &CommandContext,
    sign: &SigningFlags,
    operator: Option<&AccountInput>,
    call: impl FnOnce(u32) -> Call<()>,
) -> CommandResult {
    let signer = context.signer()?;
    let CheckedOracle { oracle, .. } = context.oracle().await?;
    let account = operator.map_or(signer.account, |account| account.0);
    let slot = registered(&oracle, &account).await?.slot;
    let change = ContractCall {
        chain: &oracle.chain,
        signer: &signer,
        contract: oracle.address,
        value: 0,
        call: call(slot),
    };
    let Some(receipt) = change.run(context, sign).await? else {
        return Ok(exit::OK);
    };
    let view = registered(&oracle, &account).await?;
    let mut json = receipt_json(&receipt);
    json["operator"] = json!(ss58(&account));
    json["slot"] = json!(slot);
    json["owner"] = json!(ss58(&view.owner));
    json["family"] = json!(String::from_utf8_lossy(&view.family));
    let text = format!(
        "{}: owner {}, model family {}",
        ss58(&account),
        ss58(&view.owner),
        family_text(&view)
    );
    context.out.result(&text, &json)?;
    Ok(exit::OK)
}
