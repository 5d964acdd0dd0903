//! `verify`: does an answered request hold, from chain and evidence alone?

use super::{
    args::VerifyArgs,
    context::CommandContext,
    evidence::EvidenceSources,
    exit::{self, CliError, CommandResult},
    output::table,
    render::seat_word,
    watch,
};
use llm_oracle_chain::{ChainError, CheckedOracle};
use llm_oracle_evidence::verify::{check_request, check_seat, Findings, Rerun, Subject, Verdict};
use llm_oracle_primitives::{BlockNumber, Hash, Params, RequestView, SeatView};
use llm_oracle_support::address::{hex0x, ss58};
use serde_json::{json, Value};

/// A seat with what was found.
struct Checked {
    seat: SeatView,
    verdict: Verdict,
    found: Findings,
}

/// Checks a request at the finalized block.
///
/// # Errors
/// When it does not exist, or the chain cannot be read; what does not hold is a result, with the exit
/// code of [`exit::WRONG`].
pub async fn run(context: &CommandContext, args: &VerifyArgs) -> CommandResult {
    let oracle = context.oracle().await?;
    let sources = EvidenceSources::new(context, args)?;
    let subject = subject(&oracle, args.id).await?;
    let whole = check_request(&subject);
    let file = if args.no_rerun {
        None
    } else {
        args.model
            .as_deref()
            .or(context.settings.model.local_path())
    };
    let mut rerun = Rerun::new(file.filter(|path| path.is_file()));
    let mut seats = Vec::new();
    for seat in &subject.view.seats {
        let (document, notes) = sources.find(seat).await;
        let (mut verdict, mut found) = check_seat(&subject, seat, document.as_deref());
        found.notes.extend(notes);
        if let (Verdict::Consistent, Some(document)) = (verdict, &document) {
            context
                .out
                .waiting(format!("seat {}: asking the model again", seats.len()));
            verdict = rerun.seat(&subject, document, &mut found).await;
        }
        seats.push(Checked {
            seat: seat.clone(),
            verdict,
            found,
        });
    }
    context.out.quiet();
    report(context, &subject.view, &whole, &seats)
}

/// Everything that the chain says, at one finalized block.
async fn subject(checked: &CheckedOracle, id: u64) -> Result<Subject, CliError> {
    let oracle = &checked.oracle;
    let at = oracle.chain.finalized().await?.hash;
    let view = oracle.request(id, Some(at)).await?;
    let view = view.ok_or_else(|| watch::no_such_request(id))?;
    let terms = oracle.terms(id, Some(at)).await?;
    let terms = terms.ok_or_else(|| watch::no_such_request(id))?;
    let mut barred = Vec::new();
    for seat in &view.seats {
        let operator = oracle.operator(&seat.operator, Some(at)).await?;
        if operator.is_some_and(|operator| operator.barred) {
            barred.push(seat.operator);
        }
    }
    Ok(Subject {
        domain: checked.config.domain,
        contract: oracle.address,
        params: params_at(checked, view.asked_at).await?,
        view,
        terms,
        barred,
    })
}

/// The parameters in force at a block; `None` when the node has forgotten its state.
async fn params_at(
    checked: &CheckedOracle,
    block: BlockNumber,
) -> Result<Option<Params>, ChainError> {
    let Some(hash): Option<Hash> = checked.oracle.chain.hash_at(block).await? else {
        return Ok(None);
    };
    match checked.oracle.config(Some(hash)).await {
        Ok(config) => Ok(Some(config.params)),
        Err(error) if error.is_connection() => Err(error),
        Err(_) => Ok(None),
    }
}

fn report(context: &CommandContext, view: &RequestView, whole: &Findings, seats: &[Checked]) -> CommandResult {
    let holds = whole.wrong.is_empty() && seats.iter().all(|one| one.verdict != Verdict::Wrong);
    let id = view.summary.request_id;
    let mut text = format!(
        "request {id}: {}\n",
        if holds { "holds" } else { "does not hold" }
    );
    for line in lines(whole) {
        text.push_str(&format!("  {line}\n"));
    }
    let mut rows = Vec::new();
    for one in seats {
        let found = lines(&one.found);
        rows.push(vec![
            ss58(&one.seat.operator),
            seat_word(one.seat.state).to_owned(),
            one.verdict.name().to_owned(),
            found.join("; "),
        ]);
    }
    text.push_str(&table(&["operator", "state", "verdict", "found"], rows));
    let value = json!({
        "request_id": id,
        "holds": holds,
        "wrong": whole.wrong,
        "notes": whole.notes,
        "seats": seats.iter().map(seat_json).collect::<Vec<_>>(),
    });
    context.out.result(&text, &value)?;
    Ok(if holds { exit::OK } else { exit::WRONG })
}

fn lines(found: &Findings) -> Vec<String> {
    let wrong = found.wrong.iter().map(|what| format!("wrong: {what}"));
    wrong.chain(found.notes.iter().cloned()).collect()
}

fn seat_json(one: &Checked) -> Value {
    json!({
        "operator": ss58(&one.seat.operator),
        "slot": one.seat.slot,
        "state": seat_word(one.seat.state),
        "evidence": hex0x(&one.seat.evidence),
        "verdict": one.verdict,
        "wrong": one.found.wrong,
        "notes": one.found.notes,
    })
}
