#![allow(clippy::unwrap_used)]

use super::*;
use crate::samples::{answered, seat, view};
use llm_oracle_primitives::AnswerKind::Bool;
use llm_oracle_primitives::{Answer, SeatAnswer, SeatState};

#[test]
fn stages_tell_what_is_new_and_nothing_twice() {
    let (asked, known) = (view(), OpenAnswers::default());
    assert_eq!(stages(None, &asked, &Bool, &known), Vec::<String>::new());
    let mut committed = asked.clone();
    committed.seats = vec![seat(1, SeatState::Committed, None, 0)];
    let digest = "01".repeat(32);
    assert_eq!(
        stages(Some(&asked), &committed, &Bool, &known),
        [format!("committed  5C62Ck…HiFT  0x{digest}")]
    );
    assert_eq!(
        stages(Some(&committed), &committed, &Bool, &known),
        Vec::<String>::new()
    );
    let mut revealed = committed.clone();
    revealed.seats[0] = seat(
        1,
        SeatState::Revealed,
        Some(SeatAnswer::Whole(Answer::Bool(true))),
        0,
    );
    assert_eq!(
        stages(Some(&committed), &revealed, &Bool, &known),
        ["revealed   5C62Ck…HiFT  yes (75 % sure)"]
    );
    let ended = stages(Some(&revealed), &answered(), &Bool, &known);
    assert_eq!(
        ended.first().unwrap(),
        &format!("committed  5C7LYp…kqWt  0x{}", "02".repeat(32))
    );
    let settled =
        "settled    answered: 2 of 2 seats agree, 2 revealed, 0 abstaining, confidence 75 %";
    assert!(ended.contains(&settled.to_owned()));
    assert!(ended.contains(&"paid       5C62Ck…HiFT  0.0098 UNIT (agreed)".to_owned()));
    assert_eq!(ended.last().unwrap(), "refunded   0 UNIT");
}

#[test]
fn an_expired_request_says_why() {
    let mut view = view();
    view.outcome = Some(Outcome::Expired);
    let lines = stages(None, &view, &Bool, &OpenAnswers::default());
    assert_eq!(
        lines[0],
        "settled    expired: fewer than 2 seats were taken in time"
    );
}
