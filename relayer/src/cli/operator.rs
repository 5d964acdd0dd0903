//! `operator`: registering, and looking at those registered.

use super::{
    account::Account,
    args::Sign,
    bond::registered,
    context::{Context, Signer},
    exit::{self, Outcome},
    money::Planck,
    output::table,
    plan::{receipt_json, Plan},
};
use crate::chain::{messages, ss58, Call, CheckedOracle};
use llm_oracle_primitives::{digest, limits::MAX_PAGE, OperatorView, Slot};
use serde_json::{json, Value};

/// The message by which a key registers itself, with the proof that it is one.
pub fn registration(checked: &CheckedOracle, signer: &Signer) -> Call<Slot> {
    let (domain, contract) = (&checked.config.domain, &checked.oracle.address);
    let message = digest::register_message(domain, contract, &signer.account);
    messages::register(signer.account, signer.pair.sign(&message).0)
}

/// Registers the account of the key.
///
/// # Errors
/// When the contract or the chain refuses.
pub async fn register(context: &Context, sign: &Sign, bond: Option<Planck>) -> Outcome {
    let signer = context.signer()?;
    let checked = context.oracle().await?;
    let bond = bond.map_or(checked.config.params.min_bond, |bond| bond.0);
    let plan = Plan {
        chain: &checked.oracle.chain,
        signer: &signer,
        contract: checked.oracle.address,
        value: bond,
        call: registration(&checked, &signer),
    };
    let Some(receipt) = plan.run(context, sign).await? else {
        return Ok(exit::OK);
    };
    let mut json = receipt_json(&receipt);
    json["operator"] = json!(ss58(&signer.account));
    json["slot"] = json!(receipt.value);
    json["bond"] = json!(bond.to_string());
    let text = format!(
        "registered {} in slot {} with a bond of {}",
        ss58(&signer.account),
        receipt.value,
        Planck(bond)
    );
    context.out.result(&text, &json)?;
    Ok(exit::OK)
}

/// Shows one operator.
///
/// # Errors
/// When the account is not registered.
pub async fn show(context: &Context, account: Account) -> Outcome {
    let oracle = context.oracle().await?.oracle;
    let view = registered(&oracle, &account.0).await?;
    let rows = [
        ("operator", ss58(&view.operator)),
        ("slot", view.slot.to_string()),
        ("bond", Planck(view.bond).to_string()),
        ("locked", Planck(view.locked).to_string()),
        ("unbonding", Planck(view.unbonding).to_string()),
        ("credit", Planck(view.credit).to_string()),
        ("earned", Planck(view.earned).to_string()),
        ("forfeited", Planck(view.forfeited).to_string()),
        (
            "seats",
            format!(
                "{} agreed, {} dissented, {} abstained, {} silent",
                view.agreed, view.dissented, view.abstained, view.silent
            ),
        ),
    ];
    let rows = rows
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value]);
    context
        .out
        .result(&table(&[], rows), &operator_json(&view))?;
    Ok(exit::OK)
}

/// Lists all operators.
///
/// # Errors
/// When the chain cannot be read.
pub async fn list(context: &Context) -> Outcome {
    let oracle = context.oracle().await?.oracle;
    let mut all: Vec<OperatorView> = Vec::new();
    loop {
        // A slot is never reused, so the next page starts where this one ended.
        let from = all.last().map_or(0, |view| view.slot.saturating_add(1));
        let page = oracle.operators(from, MAX_PAGE, None).await?;
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    let rows = all.iter().map(|view| {
        vec![
            view.slot.to_string(),
            ss58(&view.operator),
            Planck(view.bond).to_string(),
            Planck(view.locked).to_string(),
            Planck(view.credit).to_string(),
            view.agreed.to_string(),
            view.silent.to_string(),
        ]
    });
    let header = [
        "slot", "operator", "bond", "locked", "credit", "agreed", "silent",
    ];
    let text = if all.is_empty() {
        "no operators".to_owned()
    } else {
        table(&header, rows)
    };
    let operators: Vec<Value> = all.iter().map(operator_json).collect();
    context
        .out
        .result(&text, &json!({ "operators": operators }))?;
    Ok(exit::OK)
}

fn operator_json(view: &OperatorView) -> Value {
    json!({
        "operator": ss58(&view.operator),
        "slot": view.slot,
        "bond": view.bond.to_string(),
        "locked": view.locked.to_string(),
        "unbonding": view.unbonding.to_string(),
        "unbonding_until": view.unbonding_until,
        "credit": view.credit.to_string(),
        "registered_at": view.registered_at,
        "agreed": view.agreed,
        "dissented": view.dissented,
        "abstained": view.abstained,
        "silent": view.silent,
        "earned": view.earned.to_string(),
        "forfeited": view.forfeited.to_string(),
    })
}
