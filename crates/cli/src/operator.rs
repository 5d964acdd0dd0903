//! `operator`: registering, and looking at those registered.

use super::{
    account::Account,
    args::{Held, Sign},
    bond::registered,
    context::{Context, Signer},
    exit::{self, Outcome},
    money::Planck,
    output::table,
    plan::{receipt_json, Plan},
    render::percent,
};
use llm_oracle_chain::{messages, Call, ChainError, CheckedOracle};
use llm_oracle_primitives::{digest, limits::MAX_PAGE, OperatorView, Slot};
use llm_oracle_signing::{Remote, Signer as _};
use llm_oracle_support::address::ss58;
use serde_json::{json, Value};

/// The message by which a key registers itself, with the proof that it is one.
pub fn registration(checked: &CheckedOracle, signer: &Signer) -> Call<Slot> {
    let (domain, contract) = (&checked.config.domain, &checked.oracle.address);
    let message = digest::register_message(domain, contract, &signer.account);
    messages::register(signer.account, signer.pair.sign(&message).0)
}

/// Registers the account of the key, or one whose key a signer has.
///
/// # Errors
/// When the contract, the chain or the signer refuses.
pub async fn register(
    context: &Context,
    sign: &Sign,
    bond: Option<Planck>,
    held: &Held,
) -> Outcome {
    let signer = context.signer()?;
    let checked = context.oracle().await?;
    let bond = bond.map_or(checked.config.params.min_bond, |bond| bond.0);
    let (account, call) = match (&held.signer, &held.operator) {
        (Some(socket), Some(operator)) => {
            let remote = Remote::new(socket.clone(), operator.0);
            let (domain, contract) = (&checked.config.domain, &checked.oracle.address);
            let signed = remote.sign_registration(domain, contract);
            let signed = signed.map_err(ChainError::from)?;
            (operator.0, messages::register(operator.0, signed))
        }
        _ => (signer.account, registration(&checked, &signer)),
    };
    let plan = Plan {
        chain: &checked.oracle.chain,
        signer: &signer,
        contract: checked.oracle.address,
        value: bond,
        call,
    };
    let Some(receipt) = plan.run(context, sign).await? else {
        return Ok(exit::OK);
    };
    let mut json = receipt_json(&receipt);
    json["operator"] = json!(ss58(&account));
    json["slot"] = json!(receipt.value);
    json["bond"] = json!(bond.to_string());
    let text = format!(
        "registered {} in slot {} with a bond of {}",
        ss58(&account),
        receipt.value,
        Planck(bond)
    );
    context.out.result(&text, &json)?;
    Ok(exit::OK)
}

/// Shows one operator: the one named, or the one that the key that is set belongs to.
///
/// # Errors
/// When the account is not registered.
pub async fn show(context: &Context, account: Option<Account>) -> Outcome {
    let account = match account {
        Some(account) => account.0,
        None => {
            let signer = context.signer();
            signer
                .map_err(|failure| failure.help("name an operator, or set a key"))?
                .account
        }
    };
    let oracle = context.oracle().await?.oracle;
    let view = registered(&oracle, &account).await?;
    let rows = operator_rows(&view)
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value]);
    context
        .out
        .result(&table(&[], rows), &operator_json(&view))?;
    Ok(exit::OK)
}

fn operator_rows(view: &OperatorView) -> Vec<(&'static str, String)> {
    let barred = if view.barred {
        "yes: it signed two answers to one question and takes no seat any more"
    } else {
        "no"
    };
    let seats = format!(
        "{} agreed, {} dissented, {} abstained, {} silent",
        view.agreed, view.dissented, view.abstained, view.silent
    );
    vec![
        ("operator", ss58(&view.operator)),
        ("slot", view.slot.to_string()),
        ("bond", Planck(view.bond).to_string()),
        ("locked", Planck(view.locked).to_string()),
        ("unbonding", Planck(view.unbonding).to_string()),
        ("credit", Planck(view.credit).to_string()),
        ("earned", Planck(view.earned).to_string()),
        ("forfeited", Planck(view.forfeited).to_string()),
        ("answers", answers(view).to_string()),
        ("seats", seats),
        ("agreement", percent(view.agreement_ppm)),
        ("no-shows", view.no_shows.to_string()),
        ("tickets", view.tickets.to_string()),
        ("barred", barred.to_owned()),
    ]
}

/// Seats that revealed an answer or an abstention, as requests count them that ask for a record.
fn answers(view: &OperatorView) -> u32 {
    view.agreed
        .saturating_add(view.dissented)
        .saturating_add(view.abstained)
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
            percent(view.agreement_ppm),
            if view.barred { "barred" } else { "" }.to_owned(),
        ]
    });
    let header = [
        "slot",
        "operator",
        "bond",
        "locked",
        "credit",
        "agreed",
        "silent",
        "agreement",
        "",
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
        "answers": answers(view),
        "no_shows": view.no_shows,
        "agreement_ppm": view.agreement_ppm,
        "barred": view.barred,
        "tickets": view.tickets,
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
            no_shows: 3,
            agreement_ppm: 875_000,
            barred: true,
            tickets: 95_367_431,
            earned: 0,
            forfeited: 0,
        };
        let rows = operator_rows(&view);
        let row = |name: &str| rows.iter().find(|row| row.0 == name).map(|row| &*row.1);
        assert_eq!(row("answers"), Some("10"));
        assert_eq!(row("agreement"), Some("87.5 %"));
        assert_eq!(row("no-shows"), Some("3"));
        assert!(row("barred").is_some_and(|text| text.starts_with("yes")));
        let json = operator_json(&view);
        assert_eq!(json["answers"], 10);
        assert_eq!(json["barred"], true);
        assert_eq!(json["tickets"], 95_367_431);
    }
}
