//! The request as a whole: its terms, its tally, its payments.

use super::{payout, Findings, RequestRecord};
use llm_oracle_primitives::{digest, Outcome};
use llm_oracle_rules::{
    tally::{tally, Ballot},
    End, Form,
};
use llm_oracle_support::address::hex0x;

/// Checks what does not belong to one seat alone.
pub fn check_request(subject: &RequestRecord) -> Findings {
    let mut found = Findings::default();
    let (view, terms) = (&subject.view, &subject.terms);
    let terms_digest = digest::terms_digest(&view.requester, terms);
    found.same(
        "the terms digest",
        hex0x(&view.terms_digest),
        hex0x(&terms_digest),
    );
    if view.kind != terms.answer {
        found.wrong("the form of the answer is not that of the terms");
    }
    found.same("the threshold", view.threshold, terms.threshold);
    found.same("the number of seats", view.summary.seats, terms.seats);
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

fn check_tally(subject: &RequestRecord, outcome: &Outcome, found: &mut Findings) {
    let (view, terms) = (&subject.view, &subject.terms);
    if *outcome == Outcome::Expired {
        if view.summary.committed >= terms.threshold {
            found.wrong("it expired, although enough seats were taken");
        }
        return;
    }
    let answers = view.seats.iter().filter_map(|seat| seat.answer.as_ref());
    let ballots: Vec<Ballot> = answers.map(Ballot::of_seat).collect();
    let form = Form::of(&terms.answer);
    let counted = tally(&form, terms.seats, terms.threshold, &ballots);
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
