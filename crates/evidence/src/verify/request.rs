//! The request as a whole: its terms, its tally, its payments.

use super::{payout, windows, Findings, OnChainRequest};
use llm_oracle_primitives::{digest, Outcome};
use llm_oracle_rules::{
    tally::{tally, Ballot, Rule, Vote},
    End, Form,
};
use llm_oracle_support::address::hex0x;

/// Checks what does not belong to one seat alone.
pub fn check_request(subject: &OnChainRequest) -> Findings {
    let mut found = Findings::default();
    let (view, terms) = (&subject.view, &subject.terms);
    let terms_digest = digest::terms_digest(&view.requester, view.summary.reward, terms);
    found.same(
        "the terms digest",
        hex0x(&view.terms_digest),
        hex0x(&terms_digest),
    );
    found.same("the threshold", view.threshold, terms.threshold);
    found.same("the number of seats", view.summary.seats, terms.seats);
    found.same(
        "the least confidence",
        view.min_confidence,
        terms.min_confidence,
    );
    found.same(
        "the greatest number of seats of one family",
        view.max_seats_per_family,
        terms.max_seats_per_family,
    );
    windows::check(subject, &mut found);
    check_families(subject, &mut found);
    for (position, seat) in view.seats.iter().enumerate() {
        let before = view.seats.iter().take(position);
        if before
            .into_iter()
            .any(|other| other.operator == seat.operator)
        {
            found.wrong(format!("seat {position} has the operator of another seat"));
        }
    }
    match &view.outcome {
        Some(outcome) => {
            check_tally(subject, outcome, &mut found);
            payout::check(subject, outcome, &mut found);
        }
        None => found.note("it has not ended, so there is no tally and no payment to check"),
    }
    found
}

/// No family has more seats than the terms allow.
fn check_families(subject: &OnChainRequest, found: &mut Findings) {
    let (view, most) = (&subject.view, subject.terms.max_seats_per_family);
    if most == 0 {
        return;
    }
    for (position, seat) in view.seats.iter().enumerate() {
        let before = view.seats.iter().take(position);
        let same = before.filter(|other| other.family == seat.family).count();
        if same >= usize::from(most) {
            found.wrong(format!(
                "seat {position} has a model family that {same} seats before it have, and {most} are allowed"
            ));
        }
    }
}

fn check_tally(subject: &OnChainRequest, outcome: &Outcome, found: &mut Findings) {
    let (view, terms) = (&subject.view, &subject.terms);
    if *outcome == Outcome::Expired {
        if view.summary.committed >= terms.threshold {
            found.wrong("it expired, although enough seats were taken");
        }
        return;
    }
    let revealed = view.seats.iter().filter_map(|seat| {
        Some(Vote {
            ballot: Ballot::of_seat(seat.answer.as_ref()?),
            confidence: seat.confidence.unwrap_or_default(),
            family: seat.family,
        })
    });
    let votes: Vec<Vote> = revealed.collect();
    let rule = Rule {
        form: &Form::of(&terms.answer),
        seats: terms.seats,
        threshold: terms.threshold,
        min_confidence: terms.min_confidence,
    };
    let counted = tally(&rule, &votes);
    let (end, result) = match outcome {
        Outcome::Answered { answer, .. } => (End::Answered, Some(Ballot::of(answer))),
        Outcome::Undetermined { .. } => (End::Undetermined, None),
        Outcome::NoConsensus { .. } => (End::NoConsensus, None),
        Outcome::Expired => (End::Expired, None),
    };
    if end != counted.end {
        found.wrong(format!(
            "it ended {end:?}, and its answers come to {:?}",
            counted.end
        ));
    }
    if result != counted.result {
        found.wrong(format!(
            "the result is {result:?}, and its answers come to {:?}",
            counted.result
        ));
    }
    if outcome.margin() != Some(counted.margin) {
        found.wrong(format!(
            "the margin is {:?}, and its answers give {:?}",
            outcome.margin(),
            counted.margin
        ));
    }
}
