#![allow(clippy::unwrap_used)]

use super::*;
use llm_oracle_primitives::{AccountId, ModelRef};

fn seat(number: u8, state: SeatState, answer: Option<Answer>, paid: u128) -> SeatView {
    SeatView {
        operator: AccountId::from([number; 32]),
        slot: number.into(),
        state,
        model: 0,
        commitment: [number; 32],
        evidence: [0xee; 32],
        signature: answer.as_ref().map(|_| [0x51; 64]),
        salt: answer.as_ref().map(|_| [0x5a; 32]),
        forfeited: 0,
        answer,
        paid,
    }
}

fn view() -> RequestView {
    RequestView {
        summary: Summary {
            request_id: 7,
            phase: Phase::Committing,
            settled: false,
            seats: 2,
            committed: 0,
            revealed: 0,
            delivery: DeliveryStatus::None,
            reward: 10_000_000_000,
            opens_at: 5,
            commit_deadline: 261,
            reveal_deadline: 518,
        },
        requester: AccountId::from([9; 32]),
        beneficiary: AccountId::from([9; 32]),
        terms_digest: [0xdd; 32],
        kind: AnswerKind::Bool,
        threshold: 2,
        one_step: false,
        asked_at: 5,
        reveals_opened_at: None,
        ended_at: None,
        commit_fee: 5_000_000_000,
        seat_bond: 1,
        delivery_escrow: 0,
        callback: None,
        seats: Vec::new(),
        outcome: None,
        refund: 0,
        fee: 0,
    }
}

fn answered() -> RequestView {
    let mut view = view();
    let margin = Margin {
        seats: 2,
        revealed: 2,
        agreeing: 2,
        abstaining: 0,
        spread: 0,
    };
    view.seats = vec![
        seat(
            1,
            SeatState::Agreed,
            Some(Answer::Bool(true)),
            9_800_000_000,
        ),
        seat(
            2,
            SeatState::Agreed,
            Some(Answer::Bool(true)),
            9_800_000_000,
        ),
    ];
    view.outcome = Some(Outcome::Answered {
        answer: Answer::Bool(true),
        margin,
    });
    view.summary.phase = Phase::Ended;
    view.ended_at = Some(11);
    view.fee = 400_000_000;
    view
}

#[test]
fn an_open_request_is_told_in_json() {
    let json = request_json(&view(), None);
    assert_eq!(json["id"], 7);
    assert_eq!(json["status"], "committing");
    assert_eq!(json["answer"], Value::Null);
    assert_eq!(json["margin"], Value::Null);
    assert_eq!(json["seats"], json!([]));
    // Two seats of a reward and a commit fee each.
    assert_eq!(json["fee"], "30000000000");
    assert_eq!(json["refund"], "0");
}

#[test]
fn an_answered_request_is_told_in_json() {
    let json = request_json(&answered(), None);
    assert_eq!(json["status"], "answered");
    assert_eq!(json["answer"], true);
    assert_eq!(
        json["margin"],
        json!({ "seats": 2, "revealed": 2, "agreeing": 2, "abstaining": 0, "spread": "0" })
    );
    assert_eq!(
        json["seats"][0],
        json!({
            "operator": "5C62Ck4UrFPiBtoCmeSrgF7x9yv9mn38446dhCpsi2mLHiFT",
            "state": "agreed",
            "commitment": format!("0x{}", "01".repeat(32)),
            "evidence": format!("0x{}", "ee".repeat(32)),
            "answer": true,
            "salt": format!("0x{}", "5a".repeat(32)),
            "signature": format!("0x{}", "51".repeat(64)),
            "agreed": true,
            "reward": "9800000000",
            "forfeited": "0",
        })
    );
    assert_eq!(json["owner_fee"], "400000000");
}

#[test]
fn an_answered_request_is_told_to_people() {
    let terms = Terms {
        model: ModelRef::Any,
        prompt: Prompt::Inline(b"Is it \x1b[2Jso?".to_vec()),
        system: None,
        answer: AnswerKind::Bool,
        sampling: llm_oracle_primitives::Sampling::default(),
        seats: 2,
        threshold: 2,
        assignment: llm_oracle_primitives::Assignment::Open,
        one_step: false,
        commit_blocks: 256,
        reveal_blocks: 256,
        callback: None,
        refund_to: None,
    };
    let text = request_text(&answered(), Some(&terms));
    let head: Vec<&str> = text.lines().take(6).collect();
    assert_eq!(
        head,
        [
            "request 7: answered",
            "  question   Is it \u{fffd}[2Jso?",
            "  answer     yes",
            "  margin     2 of 2 seats agree, 2 revealed, 0 abstaining",
            "  fee        0.03 UNIT",
            "  refund     0 UNIT",
        ]
    );
    assert!(text.contains("0.0098 UNIT"), "{text}");
}

#[test]
fn each_status_has_its_word_and_its_exit_code() {
    let margin = Margin::default();
    for (outcome, word, code) in [
        (
            Outcome::Answered {
                answer: Answer::Bool(true),
                margin,
            },
            "answered",
            exit::OK,
        ),
        (
            Outcome::Undetermined { margin },
            "undetermined",
            exit::NO_ANSWER,
        ),
        (
            Outcome::NoConsensus { margin },
            "no_consensus",
            exit::NO_ANSWER,
        ),
        (Outcome::Expired, "expired", exit::NO_ANSWER),
    ] {
        assert_eq!(status(Phase::Ended, Some(&outcome)), word);
        assert_eq!(exit_code(&outcome), code, "{word}");
    }
    assert_eq!(status(Phase::Committing, None), "committing");
    assert_eq!(status(Phase::Revealing, None), "revealing");
}

#[test]
fn answers_read_in_the_terms_of_the_question() {
    let choice = AnswerKind::Choice {
        options: vec![b"red".to_vec(), b"green".to_vec()],
    };
    let number = AnswerKind::Number {
        scale: 2,
        tolerance: 50,
    };
    for (answer, kind, text, json) in [
        (Answer::Bool(false), &AnswerKind::Bool, "no", json!(false)),
        (Answer::Choice(1), &choice, "green", json!("green")),
        (Answer::Choice(2), &choice, "option 2", json!("option 2")),
        (Answer::Number(-5), &number, "-0.05", json!("-0.05")),
        (
            Answer::Abstain(Reason::TooSoon),
            &number,
            "abstain (too_soon)",
            json!({ "abstain": "too_soon" }),
        ),
    ] {
        assert_eq!(answer_text(&answer, kind), text);
        assert_eq!(answer_json(&answer, kind), json);
    }
    let margin = Margin {
        spread: 125,
        ..Margin::default()
    };
    assert_eq!(margin_json(&margin, &number)["spread"], "1.25");
}

#[test]
fn stages_tell_what_is_new_and_nothing_twice() {
    let asked = view();
    assert_eq!(stages(None, &asked), Vec::<String>::new());
    let mut committed = asked.clone();
    committed.seats = vec![seat(1, SeatState::Committed, None, 0)];
    let digest = "01".repeat(32);
    assert_eq!(
        stages(Some(&asked), &committed),
        [format!("committed  5C62Ck…HiFT  0x{digest}")]
    );
    assert_eq!(stages(Some(&committed), &committed), Vec::<String>::new());
    let mut revealed = committed.clone();
    revealed.seats[0] = seat(1, SeatState::Revealed, Some(Answer::Bool(true)), 0);
    assert_eq!(
        stages(Some(&committed), &revealed),
        ["revealed   5C62Ck…HiFT  yes"]
    );
    let ended = stages(Some(&revealed), &answered());
    assert_eq!(
        ended.first().unwrap(),
        &format!("committed  5C7LYp…kqWt  0x{}", "02".repeat(32))
    );
    assert!(ended
        .contains(&"settled    answered: 2 of 2 seats agree, 2 revealed, 0 abstaining".to_owned()));
    assert!(ended.contains(&"paid       5C62Ck…HiFT  0.0098 UNIT (agreed)".to_owned()));
    assert_eq!(ended.last().unwrap(), "refunded   0 UNIT");
}

#[test]
fn an_expired_request_says_why() {
    let mut view = view();
    view.outcome = Some(Outcome::Expired);
    let lines = stages(None, &view);
    assert_eq!(
        lines[0],
        "settled    expired: fewer than 2 seats were taken in time"
    );
}
