//! `operator bond`, `unbond` and `release`: what an operator has at stake.

use super::{
    account::Account,
    args::Sign,
    context::{Context, Signer},
    exit::{self, Failure, Outcome},
    money::Planck,
    plan::{receipt_json, Plan},
};
use llm_oracle_chain::{messages, Call, CheckedOracle, Oracle};
use llm_oracle_primitives::{AccountId, Balance, OperatorView};
use llm_oracle_support::address::ss58;
use scale::Decode;
use serde_json::json;

/// Adds to an operator's bond: the key's own, or another's.
///
/// # Errors
/// When the account is not registered, or the contract or the chain refuses.
pub async fn add(
    context: &Context,
    sign: &Sign,
    amount: Planck,
    operator: Option<Account>,
) -> Outcome {
    change(context, sign, operator, amount.0, |slot| {
        messages::bond(slot)
    })
    .await
}

/// Puts a part of the key's own bond aside.
///
/// # Errors
/// As [`add`].
pub async fn unbond(context: &Context, sign: &Sign, amount: Planck) -> Outcome {
    change(context, sign, None, 0, |slot| {
        messages::unbond(slot, amount.0)
    })
    .await
}

/// Turns what has been put aside long enough into credit.
///
/// # Errors
/// As [`add`].
pub async fn release(context: &Context, sign: &Sign, operator: Option<Account>) -> Outcome {
    change(context, sign, operator, 0, messages::release).await
}

async fn change<T: Decode>(
    context: &Context,
    sign: &Sign,
    operator: Option<Account>,
    value: Balance,
    call: impl FnOnce(u32) -> Call<T>,
) -> Outcome {
    let signer: Signer = context.signer()?;
    let CheckedOracle { oracle, .. } = context.oracle().await?;
    let account = operator.map_or(signer.account, |account| account.0);
    let slot = registered(&oracle, &account).await?.slot;
    let plan = Plan {
        chain: &oracle.chain,
        signer: &signer,
        contract: oracle.address,
        value,
        call: call(slot),
    };
    let Some(receipt) = plan.run(context, sign).await? else {
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

/// A registered operator.
///
/// # Errors
/// When the account is none.
pub(super) async fn registered(
    oracle: &Oracle,
    account: &AccountId,
) -> Result<OperatorView, Failure> {
    oracle.operator(account, None).await?.ok_or_else(|| {
        Failure::new(
            exit::CONTRACT,
            format!("{} is not a registered operator", ss58(account)),
        )
        .help("`llm-oracle operator list` shows those that are")
    })
}
