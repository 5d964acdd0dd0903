//! A request as JSON and as text: pure functions of what the contract returns.

use crate::{
    answers::{
        answer_json, answer_text, kind_json, kind_of, margin_json, margin_text, printable,
        seat_digest, OpenAnswers,
    },
    exit,
    money::Planck,
    output::table,
};
use llm_oracle_primitives::{
    Answer, AnswerKind, DeliveryStatus, LeastRecord, Outcome, Phase, RequestView, SeatState,
    SeatView, Source, Summary, Terms,
};
use llm_oracle_support::address::{hex0x, ss58};
use serde_json::{json, Value};

/// Maximum length of an answer in a table, characters.
const CELL_CHARS: usize = 48;

/// The status of a request in one word.
pub fn status(phase: Phase, outcome: Option<&Outcome>) -> &'static str {
    match (outcome, phase) {
        (Some(Outcome::Answered { .. }), _) => "answered",
        (Some(Outcome::Undetermined { .. }), _) => "undetermined",
        (Some(Outcome::NoConsensus { .. }), _) => "no_consensus",
        (Some(Outcome::Expired), _) => "expired",
        (None, Phase::Waiting) => "waiting",
        (None, Phase::Committing) => "committing",
        // Ended without an outcome: the next message settles it.
        (None, Phase::Revealing | Phase::Ended) => "revealing",
    }
}

/// The exit code that `ask` gives for an outcome.
pub fn exit_code(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Answered { .. } => exit::OK,
        Outcome::Undetermined { .. } | Outcome::NoConsensus { .. } | Outcome::Expired => {
            exit::NO_ANSWER
        }
    }
}

/// Whether a seat agreed with the result; `None` before the end.
fn agreed(state: SeatState) -> Option<bool> {
    match state {
        SeatState::Agreed => Some(true),
        SeatState::Dissented
        | SeatState::Abstained
        | SeatState::Silent
        | SeatState::Released
        | SeatState::Inconclusive => Some(false),
        SeatState::Vacant | SeatState::Committed | SeatState::Revealed => None,
    }
}

/// The state of a seat in one word.
pub fn seat_word(state: SeatState) -> &'static str {
    match state {
        SeatState::Vacant => "vacant",
        SeatState::Committed => "committed",
        SeatState::Revealed => "revealed",
        SeatState::Agreed => "agreed",
        SeatState::Dissented => "dissented",
        SeatState::Abstained => "abstained",
        SeatState::Silent => "silent",
        SeatState::Released => "released",
        SeatState::Inconclusive => "inconclusive",
    }
}

/// The state of the callback in one word.
pub fn delivery_word(delivery: DeliveryStatus) -> &'static str {
    match delivery {
        DeliveryStatus::None => "none",
        DeliveryStatus::Waiting => "waiting",
        DeliveryStatus::Delivering => "delivering",
        DeliveryStatus::Delivered => "delivered",
        DeliveryStatus::Failed(_) => "failed",
    }
}

fn seat_json(seat: &SeatView, kind: &AnswerKind, answers: &OpenAnswers) -> Value {
    let known = seat.answer.as_ref().and_then(|answer| answers.get(answer));
    let digest = seat.answer.as_ref().map(seat_digest);
    json!({
        "operator": ss58(&seat.operator),
        "state": seat_word(seat.state),
        "commitment": hex0x(&seat.commitment),
        "evidence": hex0x(&seat.evidence),
        "answer": known.map(|answer| answer_json(answer, kind)),
        "answer_digest": digest.map(|digest| hex0x(&digest)),
        "confidence": seat.confidence,
        "family": hex0x(&seat.family),
        "salt": seat.salt.map(|salt| hex0x(&salt)),
        "signature": seat.signature.map(|bytes| hex0x(&bytes)),
        "agreed": agreed(seat.state),
        "reward": seat.paid.to_string(),
        "forfeited": seat.forfeited.to_string(),
    })
}

/// What the requester paid for all seats: rewards and seat fees, planck.
pub fn seats_cost(view: &RequestView) -> u128 {
    let each = view.summary.reward.saturating_add(view.seat_fee);
    each.saturating_mul(u128::from(view.summary.seats))
}

/// The answer of a request that has one.
pub fn outcome_answer(view: &RequestView) -> Option<&Answer> {
    match view.outcome.as_ref()? {
        Outcome::Answered { answer, .. } => Some(answer),
        Outcome::Undetermined { .. } | Outcome::NoConsensus { .. } | Outcome::Expired => None,
    }
}

/// A request as `show --json` and `ask --json` print it.
pub fn request_json(view: &RequestView, terms: Option<&Terms>, answers: &OpenAnswers) -> Value {
    let (summary, kind) = (&view.summary, kind_of(terms));
    let seats = view.seats.iter().map(|seat| seat_json(seat, kind, answers));
    let margin = view.outcome.as_ref().and_then(Outcome::margin);
    json!({
        "id": summary.request_id,
        "status": status(summary.phase, view.outcome.as_ref()),
        "prompt": terms.map(prompt_text),
        "kind": terms.map(|terms| kind_json(&terms.answer)),
        "sources": terms.map(sources_json),
        "answer": outcome_answer(view).map(|answer| answer_json(answer, kind)),
        "margin": margin.map(|margin| margin_json(&margin, kind)),
        "threshold": view.threshold,
        "seats": seats.collect::<Vec<_>>(),
        "min_confidence": view.min_confidence,
        "max_seats_per_family": view.max_seats_per_family,
        "min_record": {
            "agreement_ppm": view.least_record.agreement_ppm,
            "answers": view.least_record.answers,
        },
        "reward": summary.reward.to_string(),
        "price": seats_cost(view).to_string(),
        "refund": view.refund.to_string(),
        "protocol_fee": view.fee.to_string(),
        "delivery": delivery_word(summary.delivery),
        "delivery_escrow": view.delivery_escrow.to_string(),
        "delivery_price": view.delivery_price.to_string(),
        "frozen": frozen_json(view),
        "requester": ss58(&view.requester),
        "terms_digest": hex0x(&view.terms_digest),
        "interface_version": view.interface_version,
        "asked_at": view.asked_at,
        "opens_at": summary.opens_at,
        "commit_deadline": summary.commit_deadline,
        "reveal_deadline": summary.reveal_deadline,
        "ended_at": view.ended_at,
    })
}

/// The parameters that the request has frozen.
fn frozen_json(view: &RequestView) -> Value {
    json!({
        "seat_fee": view.seat_fee.to_string(),
        "seat_bond": view.seat_bond.to_string(),
        "min_bond": view.min_bond.to_string(),
        "fee_ppm": view.fee_ppm,
        "effort_ppm": view.effort_ppm,
        "delivery_blocks": view.delivery_blocks,
        "retention_blocks": view.retention_blocks,
    })
}

/// The same as text.
fn frozen_text(view: &RequestView) -> String {
    format!(
        "a seat is paid {} when it is taken and locks {}; {} of the reward for every answer; {} for the owner",
        Planck(view.seat_fee),
        Planck(view.seat_bond),
        percent(view.effort_ppm),
        percent(view.fee_ppm),
    )
}

fn sources_json(terms: &Terms) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let source = |source: &Source| match source {
        Source::Attachment {
            digest,
            bytes,
            media,
            uri,
        } => json!({ "attachment": {
            "digest": hex0x(digest),
            "bytes": bytes,
            "media": text(media),
            "uri": text(uri),
        } }),
        Source::Page { url, must } => json!({ "page": { "url": text(url), "must": must } }),
    };
    terms.sources.iter().map(source).collect()
}

/// A source in one line.
fn source_text(source: &Source) -> String {
    match source {
        Source::Attachment {
            digest,
            bytes,
            media,
            ..
        } => format!("{}, {bytes} bytes of {}", hex0x(digest), printable(media)),
        Source::Page { url, must: true } => format!("{} (needed)", printable(url)),
        Source::Page { url, must: false } => printable(url),
    }
}

/// The minimum track record of operators, if the request has one.
fn record_text(view: &RequestView) -> Option<String> {
    let min = view.least_record;
    let agreement = percent(min.agreement_ppm);
    let answers = min.answers;
    (min != LeastRecord::default())
        .then(|| format!("at least {answers} answers, {agreement} agreed"))
}

/// Parts per million as per cent, without rounding.
pub fn percent(ppm: u32) -> String {
    let (whole, rest) = (ppm / 10_000, ppm % 10_000);
    let text = format!("{whole}.{rest:04}");
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

fn prompt_text(terms: &Terms) -> String {
    String::from_utf8_lossy(&terms.prompt).into_owned()
}

/// A request as text.
pub fn request_text(view: &RequestView, terms: Option<&Terms>, answers: &OpenAnswers) -> String {
    let (summary, kind) = (&view.summary, kind_of(terms));
    let mut lines = vec![format!(
        "request {}: {}",
        summary.request_id,
        status(summary.phase, view.outcome.as_ref())
    )];
    if let Some(terms) = terms {
        lines.push(format!("  question   {}", printable(&terms.prompt)));
        let sources = terms.sources.iter().map(source_text);
        lines.extend(sources.map(|source| format!("  source     {source}")));
    }
    if let Some(answer) = outcome_answer(view) {
        lines.push(format!("  answer     {}", answer_text(answer, kind)));
    }
    if let Some(margin) = view.outcome.as_ref().and_then(Outcome::margin) {
        lines.push(format!("  margin     {}", margin_text(&margin, kind)));
    }
    if view.outcome.is_none() {
        lines.push(format!(
            "  deadlines  commits from block {} until block {}, reveals until block {}",
            summary.opens_at, summary.commit_deadline, summary.reveal_deadline
        ));
    }
    if view.min_confidence > 0 {
        lines.push(format!("  confidence at least {} %", view.min_confidence));
    }
    if view.max_seats_per_family > 0 {
        let most = view.max_seats_per_family;
        lines.push(format!("  families   at most {most} seats for each"));
    }
    lines.extend(record_text(view).map(|record| format!("  record     {record}")));
    lines.push(format!("  price      {}", Planck(seats_cost(view))));
    lines.push(format!("  refund     {}", Planck(view.refund)));
    lines.push(format!("  frozen     {}", frozen_text(view)));
    if summary.delivery != DeliveryStatus::None {
        lines.push(format!("  callback   {}", delivery_word(summary.delivery)));
    }
    if !view.seats.is_empty() {
        let rows = view.seats.iter().map(|seat| seat_row(seat, kind, answers));
        lines.push(table(
            &[
                "operator",
                "state",
                "answer",
                "confidence",
                "paid",
                "commitment",
            ],
            rows,
        ));
    }
    lines.join("\n")
}

fn seat_row(seat: &SeatView, kind: &AnswerKind, answers: &OpenAnswers) -> Vec<String> {
    let answer = seat.answer.as_ref();
    vec![
        ss58(&seat.operator),
        seat_word(seat.state).to_owned(),
        answer.map_or_else(
            || "-".to_owned(),
            |answer| shortened(&answers.text(answer, kind)),
        ),
        seat.confidence
            .map_or_else(|| "-".to_owned(), |confidence| format!("{confidence} %")),
        Planck(seat.paid).to_string(),
        hex0x(&seat.commitment).chars().take(18).collect(),
    ]
}

/// A text, shortened for a cell of a table.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(CELL_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A request in a list, in JSON.
pub fn summary_json(summary: &Summary) -> Value {
    json!({
        "id": summary.request_id,
        "phase": phase_word(summary.phase),
        "settled": summary.settled,
        "seats": summary.seats,
        "committed": summary.committed,
        "revealed": summary.revealed,
        "delivery": delivery_word(summary.delivery),
        "reward": summary.reward.to_string(),
        "commit_deadline": summary.commit_deadline,
        "reveal_deadline": summary.reveal_deadline,
    })
}

/// A request in a list, as a row of a table.
pub fn summary_row(summary: &Summary) -> Vec<String> {
    vec![
        summary.request_id.to_string(),
        phase_word(summary.phase).to_owned(),
        summary.seats.to_string(),
        summary.committed.to_string(),
        summary.revealed.to_string(),
        delivery_word(summary.delivery).to_owned(),
        Planck(summary.reward).to_string(),
    ]
}

/// A phase in one word.
pub fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Waiting => "waiting",
        Phase::Committing => "committing",
        Phase::Revealing => "revealing",
        Phase::Ended => "ended",
    }
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
