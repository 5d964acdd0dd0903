#![allow(clippy::unwrap_used)]

use super::*;
use crate::samples::{answered, seat, view};
use llm_oracle_fixtures::request::terms;
use llm_oracle_primitives::{digest, Margin, SeatAnswer};

#[test]
fn an_open_request_is_told_in_json() {
    let json = request_json(&view(), None, &OpenAnswers::default());
    assert_eq!(json["id"], 7);
    assert_eq!(json["status"], "committing");
    assert_eq!(json["answer"], Value::Null);
    assert_eq!(json["margin"], Value::Null);
    assert_eq!(json["seats"], json!([]));
    // Two seats of a reward and a seat fee each.
    assert_eq!(json["price"], "30000000000");
    assert_eq!(json["refund"], "0");
}

#[test]
fn an_answered_request_is_told_in_json() {
    let json = request_json(&answered(), None, &OpenAnswers::default());
    assert_eq!(json["status"], "answered");
    assert_eq!(json["answer"], true);
    assert_eq!(
        json["margin"],
        json!({
            "seats": 2,
            "revealed": 2,
            "agreeing": 2,
            "abstaining": 0,
            "abstained": {},
            "confidence": 75,
            "families": 1,
            "spread": "0",
        })
    );
    assert_eq!(
        json["seats"][0],
        json!({
            "operator": "5C62Ck4UrFPiBtoCmeSrgF7x9yv9mn38446dhCpsi2mLHiFT",
            "state": "agreed",
            "commitment": format!("0x{}", "01".repeat(32)),
            "evidence": format!("0x{}", "ee".repeat(32)),
            "answer": true,
            "answer_digest": hex0x(&digest::answer_digest(&Answer::Bool(true))),
            "confidence": 75,
            "family": "0x00000000",
            "salt": format!("0x{}", "5a".repeat(32)),
            "signature": format!("0x{}", "51".repeat(64)),
            "agreed": true,
            "reward": "9800000000",
            "forfeited": "0",
        })
    );
    assert_eq!(json["protocol_fee"], "400000000");
}

#[test]
fn an_answered_request_is_told_to_people() {
    let terms = terms(b"Is it \x1b[2Jso?");
    let text = request_text(&answered(), Some(&terms), &OpenAnswers::default());
    let head: Vec<&str> = text.lines().take(7).collect();
    assert_eq!(
        head,
        [
            "request 7: answered",
            "  question   Is it \u{fffd}[2Jso?",
            "  answer     yes",
            "  margin     2 of 2 seats agree, 2 revealed, 0 abstaining, confidence 75 %",
            "  price      0.03 UNIT",
            "  refund     0 UNIT",
            "  frozen     a seat is paid 0.005 UNIT when it is taken and locks 0.000000000001 UNIT; 25 % of the reward for every answer; 2 % for the owner",
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

/// A request for a text: one seat said what was agreed on, one something else.
fn published() -> (RequestView, Answer, Answer) {
    let (agreed, other) = (
        Answer::Text(b"agreed".to_vec()),
        Answer::Text(b"other".to_vec()),
    );
    let mut view = answered();
    view.outcome = Some(Outcome::Answered {
        answer: agreed.clone(),
        margin: Margin::default(),
    });
    let said = |answer| Some(SeatAnswer::Digest(digest::answer_digest(answer)));
    view.seats = vec![
        seat(1, SeatState::Agreed, said(&agreed), 1),
        seat(2, SeatState::Dissented, said(&other), 0),
    ];
    (view, agreed, other)
}

#[test]
fn an_open_answer_is_shown_when_its_words_are_known() {
    let (view, _, other) = published();
    let mut answers = OpenAnswers::from_view(&view);
    let digest = hex0x(&digest::answer_digest(&other));
    let json = request_json(&view, None, &answers);
    assert_eq!(json["answer"], "agreed");
    assert_eq!(json["seats"][0]["answer"], "agreed");
    assert_eq!(json["seats"][1]["answer"], Value::Null);
    assert_eq!(json["seats"][1]["answer_digest"], digest);
    let text = request_text(&view, None, &answers);
    // In a table, its beginning.
    let cell: String = format!("digest {digest}").chars().take(48).collect();
    assert!(text.contains(&format!("{cell}…")), "{text}");

    answers.insert(other);
    let json = request_json(&view, None, &answers);
    assert_eq!(json["seats"][1]["answer"], "other");
}

#[test]
fn what_a_request_asks_of_operators_and_its_sources_are_told_in_both_forms() {
    let mut view = view();
    view.summary.phase = Phase::Waiting;
    view.least_record = LeastRecord {
        agreement_ppm: 995_000,
        answers: 20,
    };
    (view.min_confidence, view.max_seats_per_family) = (60, 2);
    let mut terms = terms(b"Is it so?");
    terms.sources = vec![
        Source::Page {
            url: b"https://example.com/\x1bpage".to_vec(),
            must: true,
        },
        Source::Attachment {
            digest: [7; 32],
            bytes: 12,
            media: b"text/plain".to_vec(),
            uri: Vec::new(),
        },
    ];
    let text = request_text(&view, Some(&terms), &OpenAnswers::default());
    let attached = format!("  source     0x{}, 12 bytes of text/plain", "07".repeat(32));
    for line in [
        "request 7: waiting",
        "  source     https://example.com/\u{fffd}page (needed)",
        &attached,
        "  deadlines  commits from block 5 until block 261",
        "  confidence at least 60 %",
        "  families   at most 2 seats for each",
        "  record     at least 20 answers, 99.5 % agreed",
    ] {
        assert!(text.contains(line), "{line} is missing: {text}");
    }
    let json = request_json(&view, Some(&terms), &OpenAnswers::default());
    assert_eq!(json["status"], "waiting");
    assert_eq!(json["min_record"]["answers"], 20);
    assert_eq!(json["sources"][0]["page"]["must"], true);
    assert_eq!(json["sources"][1]["attachment"]["bytes"], 12);
    assert_eq!(json["frozen"]["effort_ppm"], 250_000);
}

#[test]
fn percentages_are_exact() {
    for (ppm, shown) in [
        (0, "0 %"),
        (1, "0.0001 %"),
        (875_000, "87.5 %"),
        (1_000_000, "100 %"),
    ] {
        assert_eq!(percent(ppm), shown);
    }
}
