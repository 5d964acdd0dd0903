//! Operators as the contract shows them: read, registered, rendered.

use crate::{
    answers::printable,
    context::SigningKey,
    exit::{self, CliError},
    money::Planck,
    render::percent,
};
use llm_oracle_chain::{messages, Call, CheckedOracle, OracleClient};
use llm_oracle_primitives::{AccountId, OperatorView, Slot};
use llm_oracle_signing::RegistrationToSign;
use llm_oracle_support::address::ss58;
use serde_json::{json, Value};

/// The message that registers the account of a key, with a signature that proves possession of the key.
pub fn registration(
    checked: &CheckedOracle,
    signer: &SigningKey,
    (owner, family): (AccountId, &str),
) -> Call<Slot> {
    let message = registration_to_sign(checked, signer.account, (owner, family));
    let signature = signer.pair.sign(&message.message()).0;
    messages::register(signer.account, owner, family.as_bytes(), signature)
}

/// What an operator signs to register with this owner and this model family.
pub fn registration_to_sign(
    checked: &CheckedOracle,
    operator: AccountId,
    (owner, family): (AccountId, &str),
) -> RegistrationToSign {
    RegistrationToSign {
        domain: checked.config.domain,
        contract: checked.oracle.address,
        operator,
        owner,
        family: family.into(),
    }
}

/// A registered operator.
///
/// # Errors
/// When the account is not registered.
pub async fn registered(
    oracle: &OracleClient,
    account: &AccountId,
) -> Result<OperatorView, CliError> {
    oracle.operator(account, None).await?.ok_or_else(|| {
        CliError::new(
            exit::CONTRACT,
            format!("{} is not a registered operator", ss58(account)),
        )
        .help("`llm-oracle operator list` shows the registered ones")
    })
}

/// Rows of a table for people.
pub fn operator_rows(view: &OperatorView) -> Vec<(&'static str, String)> {
    let slashed = if view.barred {
        "yes: it signed two answers to one question and takes no seat any more"
    } else {
        "no"
    };
    let seats = format!(
        "{} agreed, {} dissented, {} abstained, {} missed reveals",
        view.agreed, view.dissented, view.abstained, view.silent
    );
    vec![
        ("operator", ss58(&view.operator)),
        ("slot", view.slot.to_string()),
        ("owner", ss58(&view.owner)),
        ("family", family_text(view)),
        ("bond", Planck(view.bond).to_string()),
        ("locked", Planck(view.locked).to_string()),
        ("unbonding", Planck(view.unbonding).to_string()),
        ("credit", Planck(view.credit).to_string()),
        ("earned", Planck(view.earned).to_string()),
        ("forfeited", Planck(view.forfeited).to_string()),
        ("answers", answers(view).to_string()),
        ("seats", seats),
        ("agreement", percent(view.agreement_ppm)),
        ("slashed", slashed.to_owned()),
    ]
}

/// What the operator declares its model to be, for people.
pub fn family_text(view: &OperatorView) -> String {
    match view.family.as_slice() {
        [] => "none declared".to_owned(),
        family => printable(family),
    }
}

/// Seats that revealed an answer or an abstention: what `--min-answers` counts.
fn answers(view: &OperatorView) -> u32 {
    view.agreed
        .saturating_add(view.dissented)
        .saturating_add(view.abstained)
}

/// An operator in JSON.
pub fn operator_json(view: &OperatorView) -> Value {
    json!({
        "operator": ss58(&view.operator),
        "slot": view.slot,
        "owner": ss58(&view.owner),
        "family": String::from_utf8_lossy(&view.family),
        "first_id": view.first_id,
        "bond": view.bond.to_string(),
        "locked": view.locked.to_string(),
        "unbonding": view.unbonding.to_string(),
        "unbonding_until": view.unbonding_until,
        "credit": view.credit.to_string(),
        "registered_at": view.registered_at,
        "agreed": view.agreed,
        "dissented": view.dissented,
        "abstained": view.abstained,
        "missed_reveals": view.silent,
        "answers": answers(view),
        "agreement_ppm": view.agreement_ppm,
        "slashed": view.barred,
        "earned": view.earned.to_string(),
        "forfeited": view.forfeited.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use llm_oracle_primitives::AccountId;

    #[test]
    fn a_track_record_is_told_to_people_and_in_json() {
        let view = OperatorView {
            operator: AccountId::from([1; 32]),
            slot: 4,
            owner: AccountId::from([2; 32]),
            family: b"llama".to_vec(),
            first_id: 3,
            bond: 100_000_000_000_000,
            locked: 0,
            unbonding: 0,
            unbonding_until: 0,
            credit: 0,
            registered_at: 1,
            agreed: 7,
            dissented: 1,
            abstained: 2,
            silent: 0,
            agreement_ppm: 875_000,
            barred: true,
            earned: 0,
            forfeited: 0,
        };
        let rows = operator_rows(&view);
        let row = |name: &str| rows.iter().find(|row| row.0 == name).map(|row| &*row.1);
        assert_eq!(row("answers"), Some("10"));
        assert_eq!(row("agreement"), Some("87.5 %"));
        assert_eq!(row("family"), Some("llama"));
        assert!(row("slashed").is_some_and(|text| text.starts_with("yes")));
        let json = operator_json(&view);
        assert_eq!(json["answers"], 10);
        assert_eq!(json["slashed"], true);
        assert_eq!(json["family"], "llama");
    }
}
