//! `verify`: checks an answered request from the chain and its evidence alone.

use crate::{
    context::CommandContext,
    evidence_sources::EvidenceSources,
    exit::{self, CliError, CommandResult},
    follow,
    output::table,
    render::seat_word,
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_chain::CheckedOracle;
use llm_oracle_evidence::verify::{
    check_request, check_seat, Findings, OnChainRequest, Rerun, SeatFinding,
};
use llm_oracle_primitives::{Error, RequestView, SeatView, INTERFACE_VERSION};
use llm_oracle_support::address::{hex0x, ss58};
use serde_json::{json, Value};
use std::path::PathBuf;

/// Arguments of `verify`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// Number of the request
    pub id: u64,
    /// Folder with exported evidence
    #[arg(long, value_name = "DIR")]
    pub evidence: Option<PathBuf>,
    /// Relayer that serves evidence, such as http://127.0.0.1:9616; may be repeated
    #[arg(long, value_name = "URL")]
    pub from: Vec<String>,
    /// Model file (GGUF) to reproduce local answers with [default: that of the settings]
    #[arg(long, alias = "model", value_name = "PATH")]
    pub model_file: Option<PathBuf>,
    /// Do not run the model again
    #[arg(long, conflicts_with = "model_file")]
    pub no_rerun: bool,
}

/// A seat with what its check found.
struct SeatReport {
    seat: SeatView,
    verdict: SeatFinding,
    found: Findings,
}

impl RunSubcommand for VerifyArgs {
    /// Checks a request at the finalized block.
    ///
    /// # Errors
    /// When it does not exist, or the chain cannot be read. A request that is invalid is a result, with
    /// the exit code of [`exit::VERIFICATION_FAILED`]; one whose evidence is missing is one with
    /// [`exit::NOT_CHECKED`].
    async fn run(self, context: &CommandContext) -> CommandResult {
        let oracle = context.oracle().await?;
        let sources =
            EvidenceSources::new(context, self.id, self.evidence.clone(), self.from.clone())?;
        let subject = subject(&oracle, self.id).await?;
        let request = check_request(&subject);
        let file = if self.no_rerun {
            None
        } else {
            self.model_file
                .as_deref()
                .or(context.settings.model.local_path())
        };
        let mut rerun = Rerun::new(file.filter(|path| path.is_file()));
        let mut seats = Vec::new();
        for seat in &subject.view.seats {
            let (document, notes) = sources.find(seat).await;
            let (mut verdict, mut found) = check_seat(&subject, seat, document.as_deref());
            found.notes.extend(notes);
            if self.no_rerun && verdict == SeatFinding::Consistent {
                found.notes.push("its model was not asked again".to_owned());
            } else if let (SeatFinding::Consistent, Some(document)) = (verdict, &document) {
                context
                    .out
                    .waiting(format!("seat {}: running the model again", seats.len()));
                verdict = rerun.seat(&subject, document, &mut found).await;
            }
            seats.push(SeatReport {
                seat: seat.clone(),
                verdict,
                found,
            });
        }
        context.out.quiet();
        report(context, &subject.view, &request, &seats)
    }
}

/// What the chain has about the request, at one finalized block.
async fn subject(checked: &CheckedOracle, id: u64) -> Result<OnChainRequest, CliError> {
    let oracle = &checked.oracle;
    let at = oracle.chain.finalized().await?.hash;
    let view = oracle.request(id, Some(at)).await?;
    let view = view.ok_or_else(|| follow::no_such_request(id))?;
    let interface_version = view.interface_version;
    if interface_version != INTERFACE_VERSION {
        let error = Error::AskedBefore { interface_version };
        return Err(
            CliError::new(exit::CONTRACT, error).help("verify it with the program of that version")
        );
    }
    let terms = oracle.terms(id, Some(at)).await?;
    let terms = terms.ok_or_else(|| follow::no_such_request(id))?;
    let mut barred = Vec::new();
    for seat in &view.seats {
        let operator = oracle.operator(&seat.operator, Some(at)).await?;
        if operator.is_some_and(|operator| operator.barred) {
            barred.push(seat.operator);
        }
    }
    Ok(OnChainRequest {
        domain: checked.config.domain,
        contract: oracle.address,
        view,
        terms,
        barred,
    })
}

fn report(
    context: &CommandContext,
    view: &RequestView,
    request: &Findings,
    seats: &[SeatReport],
) -> CommandResult {
    let valid =
        request.wrong.is_empty() && seats.iter().all(|one| one.verdict != SeatFinding::Wrong);
    let unchecked = seats.iter();
    let unchecked = unchecked.filter(|one| one.verdict == SeatFinding::NotChecked);
    let unchecked = unchecked.count();
    let id = view.summary.request_id;
    let is_whole = unchecked == 0 && view.outcome.is_some();
    let mut text = match (valid, unchecked) {
        (true, 0) if is_whole => format!("request {id}: valid\n"),
        (true, 0) => format!("request {id}: not checked in full: it has not ended\n"),
        (true, _) => format!(
            "request {id}: not checked in full: nothing is invalid, and the evidence of {unchecked} of {} seats is missing\n",
            seats.len()
        ),
        (false, _) => format!("request {id}: invalid\n"),
    };
    for line in lines(request) {
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
        "valid": valid,
        "ended": view.outcome.is_some(),
        "seats_not_checked": unchecked,
        "errors": request.wrong,
        "notes": request.notes,
        "seats": seats.iter().map(seat_json).collect::<Vec<_>>(),
    });
    context.out.result(&text, &value)?;
    Ok(match valid {
        true if is_whole => exit::OK,
        true => exit::NOT_CHECKED,
        false => exit::VERIFICATION_FAILED,
    })
}

fn lines(found: &Findings) -> Vec<String> {
    let errors = found.wrong.iter().map(|what| format!("error: {what}"));
    errors.chain(found.notes.iter().cloned()).collect()
}

fn seat_json(one: &SeatReport) -> Value {
    json!({
        "operator": ss58(&one.seat.operator),
        "slot": one.seat.slot,
        "state": seat_word(one.seat.state),
        "evidence": hex0x(&one.seat.evidence),
        "verdict": one.verdict,
        "errors": one.found.wrong,
        "notes": one.found.notes,
    })
}
