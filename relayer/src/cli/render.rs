//! A request as JSON and as text: pure functions of what the contract returns.

use super::{account::short, exit, money::Planck, output::table};
use crate::chain::{hex0x, ss58};
use llm_oracle_primitives::{
    canonical::format_decimal, Answer, AnswerKind, DeliveryStatus, Margin, Outcome, Phase, Prompt,
    Reason, RequestView, SeatState, SeatView, Summary, Terms,
};
use serde_json::{json, Value};

/// Text of strangers without what a terminal would obey.
pub fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

/// Where a request stands, in one word.
pub fn status(phase: Phase, outcome: Option<&Outcome>) -> &'static str {
    match (outcome, phase) {
        (Some(Outcome::Answered { .. }), _) => "answered",
        (Some(Outcome::Undetermined { .. }), _) => "undetermined",
        (Some(Outcome::NoConsensus { .. }), _) => "no_consensus",
        (Some(Outcome::Expired), _) => "expired",
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

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Unclear => "unclear",
        Reason::TooSoon => "too_soon",
        Reason::Refused => "refused",
    }
}

/// An answer for people.
pub fn answer_text(answer: &Answer, kind: &AnswerKind) -> String {
    match (answer, kind) {
        (Answer::Abstain(why), _) => format!("abstain ({})", reason(*why)),
        (Answer::Bool(yes), _) => if *yes { "yes" } else { "no" }.to_owned(),
        (Answer::Choice(index), AnswerKind::Choice { options }) => options
            .get(usize::from(*index))
            .map_or_else(|| format!("option {index}"), |option| printable(option)),
        (Answer::Choice(index), _) => format!("option {index}"),
        (Answer::Number(mantissa), AnswerKind::Number { scale, .. }) => {
            format_decimal(*mantissa, *scale)
        }
        (Answer::Number(mantissa), _) => mantissa.to_string(),
        (Answer::Text(bytes) | Answer::Json(bytes), _) => printable(bytes),
    }
}

/// An answer in JSON: `true`, the text of an option, a decimal as text, or `{"abstain": reason}`.
pub fn answer_json(answer: &Answer, kind: &AnswerKind) -> Value {
    match answer {
        Answer::Abstain(why) => json!({ "abstain": reason(*why) }),
        Answer::Bool(yes) => json!(yes),
        Answer::Choice(_) | Answer::Number(_) => json!(answer_text(answer, kind)),
        Answer::Text(bytes) | Answer::Json(bytes) => json!(String::from_utf8_lossy(bytes)),
    }
}

/// The spread of a number in the unit that was asked for.
fn spread(margin: &Margin, kind: &AnswerKind) -> String {
    match (kind, i128::try_from(margin.spread)) {
        (AnswerKind::Number { scale, .. }, Ok(mantissa)) => format_decimal(mantissa, *scale),
        _ => margin.spread.to_string(),
    }
}

/// A margin in JSON.
pub fn margin_json(margin: &Margin, kind: &AnswerKind) -> Value {
    json!({
        "seats": margin.seats,
        "revealed": margin.revealed,
        "agreeing": margin.agreeing,
        "abstaining": margin.abstaining,
        "spread": spread(margin, kind),
    })
}

fn margin_text(margin: &Margin, kind: &AnswerKind) -> String {
    let mut text = format!(
        "{} of {} seats agree, {} revealed, {} abstaining",
        margin.agreeing, margin.seats, margin.revealed, margin.abstaining
    );
    if let AnswerKind::Number { .. } = kind {
        text.push_str(&format!(", spread {}", spread(margin, kind)));
    }
    text
}

/// Whether a seat agreed with the result; nothing before the end.
fn agreed(state: SeatState) -> Option<bool> {
    match state {
        SeatState::Agreed => Some(true),
        SeatState::Dissented | SeatState::Abstained | SeatState::Silent | SeatState::Released => {
            Some(false)
        }
        SeatState::Vacant | SeatState::Committed | SeatState::Revealed => None,
    }
}

fn seat_word(state: SeatState) -> &'static str {
    match state {
        SeatState::Vacant => "vacant",
        SeatState::Committed => "committed",
        SeatState::Revealed => "revealed",
        SeatState::Agreed => "agreed",
        SeatState::Dissented => "dissented",
        SeatState::Abstained => "abstained",
        SeatState::Silent => "silent",
        SeatState::Released => "released",
    }
}

/// Where the callback stands, in one word.
pub fn delivery_word(delivery: DeliveryStatus) -> &'static str {
    match delivery {
        DeliveryStatus::None => "none",
        DeliveryStatus::Waiting => "waiting",
        DeliveryStatus::Delivering => "delivering",
        DeliveryStatus::Delivered => "delivered",
        DeliveryStatus::Failed(_) => "failed",
    }
}

fn seat_json(seat: &SeatView, kind: &AnswerKind) -> Value {
    json!({
        "operator": ss58(&seat.operator),
        "state": seat_word(seat.state),
        "commitment": hex0x(&seat.commitment),
        "evidence": hex0x(&seat.evidence),
        "answer": seat.answer.as_ref().map(|answer| answer_json(answer, kind)),
        "salt": seat.salt.map(|salt| hex0x(&salt)),
        "signature": seat.signature.map(|bytes| hex0x(&bytes)),
        "agreed": agreed(seat.state),
        "reward": seat.paid.to_string(),
        "forfeited": seat.forfeited.to_string(),
    })
}

/// What the requester put up for the seats: rewards and commit fees, planck.
pub fn seats_cost(view: &RequestView) -> u128 {
    let each = view.summary.reward.saturating_add(view.commit_fee);
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
pub fn request_json(view: &RequestView, terms: Option<&Terms>) -> Value {
    let (summary, kind) = (&view.summary, &view.kind);
    let margin = view.outcome.as_ref().and_then(Outcome::margin);
    json!({
        "id": summary.request_id,
        "status": status(summary.phase, view.outcome.as_ref()),
        "prompt": terms.and_then(prompt_text),
        "kind": kind_json(kind),
        "answer": outcome_answer(view).map(|answer| answer_json(answer, kind)),
        "margin": margin.map(|margin| margin_json(&margin, kind)),
        "threshold": view.threshold,
        "seats": view.seats.iter().map(|seat| seat_json(seat, kind)).collect::<Vec<_>>(),
        "reward": summary.reward.to_string(),
        "fee": seats_cost(view).to_string(),
        "refund": view.refund.to_string(),
        "owner_fee": view.fee.to_string(),
        "delivery": delivery_word(summary.delivery),
        "delivery_escrow": view.delivery_escrow.to_string(),
        "requester": ss58(&view.requester),
        "terms_digest": hex0x(&view.terms_digest),
        "asked_at": view.asked_at,
        "commit_deadline": summary.commit_deadline,
        "reveal_deadline": summary.reveal_deadline,
        "ended_at": view.ended_at,
    })
}

fn prompt_text(terms: &Terms) -> Option<String> {
    match &terms.prompt {
        Prompt::Inline(text) => Some(String::from_utf8_lossy(text).into_owned()),
        Prompt::Linked { .. } => None,
    }
}

/// The form of an answer in JSON.
pub fn kind_json(kind: &AnswerKind) -> Value {
    match kind {
        AnswerKind::Bool => json!({ "bool": {} }),
        AnswerKind::Choice { options } => {
            let options = options.iter().map(|option| String::from_utf8_lossy(option));
            json!({ "choice": { "options": options.collect::<Vec<_>>() } })
        }
        AnswerKind::Number { scale, tolerance } => {
            json!({ "number": { "decimals": scale, "tolerance": tolerance.to_string() } })
        }
        AnswerKind::Text { max_bytes } => json!({ "text": { "max_bytes": max_bytes } }),
        AnswerKind::Json { .. } => json!({ "json": {} }),
    }
}

/// A request for people.
pub fn request_text(view: &RequestView, terms: Option<&Terms>) -> String {
    let summary = &view.summary;
    let mut lines = vec![format!(
        "request {}: {}",
        summary.request_id,
        status(summary.phase, view.outcome.as_ref())
    )];
    if let Some(prompt) = terms.and_then(prompt_text) {
        lines.push(format!("  question   {}", printable(prompt.as_bytes())));
    }
    if let Some(answer) = outcome_answer(view) {
        lines.push(format!("  answer     {}", answer_text(answer, &view.kind)));
    }
    if let Some(margin) = view.outcome.as_ref().and_then(Outcome::margin) {
        lines.push(format!("  margin     {}", margin_text(&margin, &view.kind)));
    }
    if view.outcome.is_none() {
        lines.push(format!(
            "  deadlines  commits until block {}, reveals until block {}",
            summary.commit_deadline, summary.reveal_deadline
        ));
    }
    lines.push(format!("  fee        {}", Planck(seats_cost(view))));
    lines.push(format!("  refund     {}", Planck(view.refund)));
    if summary.delivery != DeliveryStatus::None {
        lines.push(format!("  callback   {}", delivery_word(summary.delivery)));
    }
    if !view.seats.is_empty() {
        let rows = view.seats.iter().map(|seat| seat_row(seat, &view.kind));
        lines.push(table(
            &["operator", "state", "answer", "paid", "commitment"],
            rows,
        ));
    }
    lines.join("\n")
}

fn seat_row(seat: &SeatView, kind: &AnswerKind) -> Vec<String> {
    vec![
        ss58(&seat.operator),
        seat_word(seat.state).to_owned(),
        seat.answer
            .as_ref()
            .map_or_else(|| "-".to_owned(), |answer| answer_text(answer, kind)),
        Planck(seat.paid).to_string(),
        hex0x(&seat.commitment).chars().take(18).collect(),
    ]
}

/// What happened between two looks at a request, one line each.
pub fn stages(before: Option<&RequestView>, now: &RequestView) -> Vec<String> {
    let mut lines = Vec::new();
    let known = |seat: &SeatView| {
        before.and_then(|view| {
            view.seats
                .iter()
                .find(|other| other.operator == seat.operator)
        })
    };
    for seat in &now.seats {
        if known(seat).is_none() {
            let digest = hex0x(&seat.commitment);
            lines.push(format!("committed  {}  {digest}", short(&seat.operator)));
        }
    }
    for seat in &now.seats {
        if let (Some(answer), None) = (&seat.answer, known(seat).and_then(|s| s.answer.as_ref())) {
            let answer = answer_text(answer, &now.kind);
            lines.push(format!("revealed   {}  {answer}", short(&seat.operator)));
        }
    }
    if before.and_then(|view| view.outcome.as_ref()).is_none() {
        if let Some(outcome) = &now.outcome {
            lines.extend(ending(now, outcome));
        }
    }
    let delivery = now.summary.delivery;
    if before.is_none_or(|view| view.summary.delivery != delivery) {
        match delivery {
            DeliveryStatus::Delivered => lines.push("delivered  to the asking contract".into()),
            DeliveryStatus::Failed(times) => {
                lines.push(format!("callback   failed, {times} times so far"))
            }
            DeliveryStatus::None | DeliveryStatus::Waiting | DeliveryStatus::Delivering => {}
        }
    }
    lines
}

fn ending(view: &RequestView, outcome: &Outcome) -> Vec<String> {
    let word = status(view.summary.phase, Some(outcome));
    let mut lines = vec![match outcome.margin() {
        Some(margin) => format!("settled    {word}: {}", margin_text(&margin, &view.kind)),
        None => format!(
            "settled    {word}: fewer than {} seats were taken in time",
            view.threshold
        ),
    }];
    for seat in &view.seats {
        let (who, state) = (short(&seat.operator), seat_word(seat.state));
        lines.push(format!("paid       {who}  {} ({state})", Planck(seat.paid)));
        if seat.forfeited > 0 {
            lines.push(format!("forfeited  {who}  {}", Planck(seat.forfeited)));
        }
    }
    lines.push(format!("refunded   {}", Planck(view.refund)));
    lines
}

/// A request in a list, in JSON.
pub fn summary_json(summary: &Summary) -> Value {
    json!({
        "id": summary.request_id,
        "phase": phase_word(summary),
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

/// A request in a list, for people.
pub fn summary_row(summary: &Summary) -> Vec<String> {
    vec![
        summary.request_id.to_string(),
        phase_word(summary).to_owned(),
        summary.seats.to_string(),
        summary.committed.to_string(),
        summary.revealed.to_string(),
        delivery_word(summary.delivery).to_owned(),
        Planck(summary.reward).to_string(),
    ]
}

fn phase_word(summary: &Summary) -> &'static str {
    match summary.phase {
        Phase::Committing => "committing",
        Phase::Revealing => "revealing",
        Phase::Ended => "ended",
    }
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
