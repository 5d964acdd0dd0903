//! The stages of a request as lines of text: pure functions of two views of it.

use crate::{
    account::short,
    answers::{margin_text, OpenAnswers},
    money::Planck,
    render::{seat_word, status},
};
use llm_oracle_primitives::{AnswerKind, DeliveryStatus, Outcome, RequestView, SeatView};
use llm_oracle_support::address::hex0x;

/// What happened between two views of a request, one line for each event.
pub fn stages(
    before: Option<&RequestView>,
    now: &RequestView,
    kind: &AnswerKind,
    answers: &OpenAnswers,
) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(seats(before, now, kind, answers));
    if before.and_then(|view| view.outcome.as_ref()).is_none() {
        if let Some(outcome) = &now.outcome {
            lines.extend(ending(now, kind, outcome));
        }
    }
    lines.extend(delivery(before, now));
    lines
}

fn seats(
    before: Option<&RequestView>,
    now: &RequestView,
    kind: &AnswerKind,
    answers: &OpenAnswers,
) -> Vec<String> {
    let known = |seat: &SeatView| {
        let mut seats = before?.seats.iter();
        seats.find(|other| other.operator == seat.operator)
    };
    let mut lines = Vec::new();
    for seat in &now.seats {
        if known(seat).is_none() {
            let digest = hex0x(&seat.commitment);
            lines.push(format!("committed  {}  {digest}", short(&seat.operator)));
        }
    }
    for seat in &now.seats {
        let shown = known(seat).is_some_and(|seat| seat.answer.is_some());
        if let Some(answer) = seat.answer.as_ref().filter(|_| !shown) {
            let (who, answer) = (short(&seat.operator), answers.text(answer, kind));
            let sure = match seat.confidence {
                None | Some(0) => String::new(),
                Some(confidence) => format!(" ({confidence} % sure)"),
            };
            lines.push(format!("revealed   {who}  {answer}{sure}"));
        }
    }
    lines
}

fn delivery(before: Option<&RequestView>, now: &RequestView) -> Option<String> {
    let delivery = now.summary.delivery;
    if before.is_some_and(|view| view.summary.delivery == delivery) {
        return None;
    }
    match delivery {
        DeliveryStatus::Delivered => Some("delivered  to the asking contract".into()),
        DeliveryStatus::Failed(times) => Some(format!("callback   failed, {times} times so far")),
        DeliveryStatus::None | DeliveryStatus::Waiting | DeliveryStatus::Delivering => None,
    }
}

fn ending(view: &RequestView, kind: &AnswerKind, outcome: &Outcome) -> Vec<String> {
    let word = status(view.summary.phase, Some(outcome));
    let mut lines = vec![match outcome.margin() {
        Some(margin) => format!("settled    {word}: {}", margin_text(&margin, kind)),
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

#[cfg(test)]
#[path = "stages_tests.rs"]
mod tests;
