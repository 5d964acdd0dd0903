//! What a request is worth to an operator, and what it asks of one.

use super::*;
use llm_oracle_fixtures::request;
use llm_oracle_primitives::Phase;

#[test]
fn effort_is_sure_once_enough_seats_are_taken_and_the_owner_has_its_part() {
    let mut view = request::view(1, Phase::Committing, Vec::new());
    view.summary.reward = 1_000;
    (view.threshold, view.effort_ppm, view.fee_ppm) = (2, 250_000, 20_000);
    assert_eq!(sure_effort(&view), 0);
    view.summary.committed = 1;
    assert_eq!(sure_effort(&view), 245);
}

#[test]
fn a_record_is_compared_in_both_parts() {
    let record = OperatorView {
        agreed: 7,
        dissented: 1,
        abstained: 2,
        agreement_ppm: 875_000,
        ..request::operator(b"")
    };
    for (answers, agreement_ppm, enough) in [
        (0, 0, true),
        (10, 875_000, true),
        (11, 875_000, false),
        (10, 875_001, false),
    ] {
        let least = LeastRecord {
            agreement_ppm,
            answers,
        };
        let why = below(&least, &record);
        assert_eq!(why.is_none(), enough, "{why:?}");
        assert!(why.is_none_or(|why| why.contains("10 and 875000 ppm")));
    }
}
