//! Messages that keep an oracle going: `withdraw`, `prune`, `advance`, `deliver`.

use super::{
    args::{RequestArgs, Sign, WithdrawArgs},
    context::Context,
    exit::{self, Outcome},
    money::Planck,
    plan::{receipt_json, Plan},
    render::delivery_word,
};
use llm_oracle_chain::{messages, Call, Receipt};
use llm_oracle_primitives::Phase;
use llm_oracle_support::address::ss58;
use scale::Decode;
use serde_json::json;

/// Pays an account what it has earned.
///
/// # Errors
/// When there is nothing to pay, or the chain refuses.
pub async fn withdraw(context: &Context, args: &WithdrawArgs) -> Outcome {
    let account = args.account.0;
    let sent = send(context, &args.sign, messages::withdraw(account)).await?;
    let Some(receipt) = sent else {
        return Ok(exit::OK);
    };
    let mut json = receipt_json(&receipt);
    json["account"] = json!(ss58(&account));
    json["amount"] = json!(receipt.value.to_string());
    let text = format!("{} paid to {}", Planck(receipt.value), ss58(&account));
    context.out.result(&text, &json)?;
    Ok(exit::OK)
}

/// Removes a request.
///
/// # Errors
/// When it may not be removed yet, or the chain refuses.
pub async fn prune(context: &Context, args: &RequestArgs) -> Outcome {
    let sent = send(context, &args.sign, messages::prune(args.id)).await?;
    let Some(receipt) = sent else {
        return Ok(exit::OK);
    };
    let mut json = receipt_json(&receipt);
    json["id"] = json!(args.id);
    context
        .out
        .result(&format!("request {} is pruned", args.id), &json)?;
    Ok(exit::OK)
}

/// Moves a request on.
///
/// # Errors
/// When it does not exist, or the chain refuses.
pub async fn advance(context: &Context, args: &RequestArgs) -> Outcome {
    let sent = send(context, &args.sign, messages::advance(args.id)).await?;
    let Some(receipt) = sent else {
        return Ok(exit::OK);
    };
    let phase = match receipt.value {
        Phase::Committing => "committing",
        Phase::Revealing => "revealing",
        Phase::Ended => "ended",
    };
    let mut json = receipt_json(&receipt);
    json["id"] = json!(args.id);
    json["phase"] = json!(phase);
    context
        .out
        .result(&format!("request {} is {phase}", args.id), &json)?;
    Ok(exit::OK)
}

/// Hands a request's end to the contract that asked.
///
/// # Errors
/// When there is nothing to deliver, or the chain refuses.
pub async fn deliver(context: &Context, args: &RequestArgs) -> Outcome {
    let sent = send(context, &args.sign, messages::deliver(args.id)).await?;
    let Some(receipt) = sent else {
        return Ok(exit::OK);
    };
    let delivery = delivery_word(receipt.value);
    let mut json = receipt_json(&receipt);
    json["id"] = json!(args.id);
    json["delivery"] = json!(delivery);
    context.out.result(
        &format!("callback of request {}: {delivery}", args.id),
        &json,
    )?;
    Ok(exit::OK)
}

/// Sends one message without value; `None` when only its cost was to be shown.
///
/// # Errors
/// As [`Plan::run`]; when no key or contract is set.
pub(super) async fn send<T: Decode>(
    context: &Context,
    sign: &Sign,
    call: Call<T>,
) -> Result<Option<Receipt<T>>, exit::Failure> {
    let signer = context.signer()?;
    let oracle = context.oracle().await?.oracle;
    let plan = Plan {
        chain: &oracle.chain,
        signer: &signer,
        contract: oracle.address,
        value: 0,
        call,
    };
    plan.run(context, sign).await
}
