//! A request with real digests and signatures, for tests.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use super::*;
use crate::{bind, question, AnswerTimes, NumberedSecret};
use llm_oracle_llm::ProviderReply;
use llm_oracle_primitives::{
    digest, Answer, DeliveryStatus, LeastRecord, Margin, Outcome, Phase, Reason, SeatAnswer,
    SeatState, Summary, INTERFACE_VERSION,
};
use llm_oracle_signing::{account_of, load_key, KeySource, Keypair};
use serde_json::{json, Value};

const REWARD: u128 = 1_000_000;
const SEAT_FEE: u128 = 30;
const EFFORT_PPM: u32 = 250_000;
const FEE_PPM: u32 = 20_000;
pub(super) const CONFIDENCE: u8 = 80;
const SEAT_BOND: u128 = 5_000_000;

fn key(name: &str) -> Keypair {
    let source = KeySource {
        suri: Some(format!("//{name}")),
        ..KeySource::default()
    };
    load_key(&source).unwrap()
}

fn terms() -> Terms {
    Terms {
        system: Some(b"Be brief.".to_vec()),
        seats: 4,
        threshold: 3,
        min_confidence: 10,
        max_seats_per_family: 4,
        ..llm_oracle_fixtures::request::terms(b"Is water wet?")
    }
}

/// The record of the local model, as `llm/local` makes it.
pub(super) fn local_record() -> Value {
    json!({
        "provider": "local",
        "model": "small",
        "file": { "sha256": "aa".repeat(32) },
        "engine": { "name": "e 1", "threads": 2, "context_tokens": 2048, "cpu": "AVX2 = 1" },
        "question": llm_oracle_llm::record_of(&question(&terms()).unwrap()),
        "sampling": { "asked": { "max_tokens": 64, "temperature_milli": 0, "seed": "0" }, "used": "greedy" },
        "template": "plain-closed/1",
        "rendered": "Is water wet? Answer:",
        "rendered_neutral": ["Answer:", "x Answer:"],
        "scores": [{ "label": "yes", "tokens": 1, "log_likelihood": -0.5, "neutral": [-0.9], "score": 0.4 }],
        "margin": 1.25,
        "margin_min": 0.1,
        "usage": { "prompt_tokens": 9, "neutral_tokens": 7 },
    })
}

/// The record of a chat server, as `llm/hosted` makes it.
fn openai_record() -> Value {
    let body = "{\"choices\":[]}";
    json!({
        "provider": "openai",
        "model": { "asked": "big", "reported": "big-1" },
        "template": "chat-closed-form/1",
        "question": llm_oracle_llm::record_of(&question(&terms()).unwrap()),
        "exchanges": [{
            "request": { "messages": [{ "role": "user", "content": "Is water wet?" }] },
            "response": {
                "body": body,
                "bytes": body.len(),
                "blake2_256": hex::encode(digest::blake2(body.as_bytes())),
            },
        }],
        "usage": { "total_tokens": 5 },
        "system_fingerprint": "fp",
    })
}

pub(super) fn reply(record: Value, answer: Answer) -> ProviderReply {
    let model = match &record["model"] {
        Value::Object(model) => model["reported"].as_str().unwrap_or_default().to_owned(),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    ProviderReply {
        answer,
        confidence: CONFIDENCE,
        model,
        record,
    }
}

/// A request that four operators answered: two alike, one otherwise, one in silence. Three would have
/// had to agree.
pub(super) struct Case {
    pub(super) subject: OnChainRequest,
    pub(super) keys: Vec<Keypair>,
    pub(super) documents: Vec<Vec<u8>>,
}

fn empty_subject() -> OnChainRequest {
    let terms = terms();
    let requester = AccountId::from([9; 32]);
    let view = RequestView {
        summary: Summary {
            request_id: 7,
            phase: Phase::Ended,
            settled: true,
            seats: 4,
            committed: 4,
            revealed: 3,
            delivery: DeliveryStatus::None,
            reward: REWARD,
            opens_at: 1,
            commit_deadline: 11,
            reveal_deadline: 14,
        },
        requester,
        beneficiary: requester,
        terms_digest: digest::terms_digest(&requester, REWARD, &terms),
        interface_version: INTERFACE_VERSION,
        threshold: 3,
        one_step: false,
        least_record: LeastRecord::default(),
        max_seats_per_family: 4,
        min_confidence: 10,
        asked_at: 1,
        reveals_opened_at: Some(4),
        ended_at: Some(15),
        seat_fee: SEAT_FEE,
        seat_bond: SEAT_BOND,
        min_bond: SEAT_BOND,
        fee_ppm: FEE_PPM,
        effort_ppm: EFFORT_PPM,
        delivery_blocks: 5,
        retention_blocks: 10,
        delivery_escrow: 0,
        delivery_price: 0,
        callback: None,
        seats: Vec::new(),
        outcome: None,
        refund: 0,
        fee: 0,
    };
    OnChainRequest {
        domain: [1; 32],
        contract: AccountId::from([2; 32]),
        view,
        terms,
        barred: Vec::new(),
    }
}

/// Opens a seat with an answer of which everything is right.
fn seat(
    subject: &OnChainRequest,
    slot: u32,
    key: &Keypair,
    reply: ProviderReply,
) -> (SeatView, Vec<u8>) {
    let operator = account_of(key);
    let context = subject.context(operator);
    let secret = NumberedSecret {
        number: 1,
        bytes: &[slot as u8 + 1; 32],
    };
    let times = AnswerTimes {
        model_ms: 12,
        seen_at_ms: 1_700_000_000_000,
    };
    let bound = bind(&context, &subject.terms, reply, &secret, &times).unwrap();
    let salt = digest::salt(secret.bytes, &context);
    let seat = signed(subject, slot, key, &bound.answer, bound.evidence, salt);
    (seat, bound.document)
}

pub(super) fn signed(
    subject: &OnChainRequest,
    slot: u32,
    key: &Keypair,
    answer: &Answer,
    evidence: Hash,
    salt: Hash,
) -> SeatView {
    let operator = account_of(key);
    let context = subject.context(operator);
    let message = digest::answer_message(&context, answer, Some(CONFIDENCE), &evidence);
    SeatView {
        operator,
        slot,
        state: SeatState::Inconclusive,
        family: [0; 4],
        commitment: digest::commitment(&context, answer, Some(CONFIDENCE), &evidence, &salt),
        evidence,
        answer: Some(SeatAnswer::Whole(answer.clone())),
        confidence: Some(CONFIDENCE),
        signature: Some(key.sign(&message).0),
        salt: Some(salt),
        paid: 0,
        forfeited: 0,
    }
}

pub(super) fn case() -> Case {
    let mut subject = empty_subject();
    let keys: Vec<_> = ["Alice", "Bob", "Charlie", "Dave"].map(key).into();
    let replies = [
        reply(local_record(), Answer::Bool(true)),
        reply(openai_record(), Answer::Bool(true)),
        reply(local_record(), Answer::Abstain(Reason::Unclear)),
    ];
    let mut documents = Vec::new();
    for (slot, (key, reply)) in keys.iter().zip(replies).enumerate() {
        let (seat, document) = seat(&subject, slot as u32, key, reply);
        subject.view.seats.push(seat);
        documents.push(document);
    }
    subject.view.seats.push(SeatView {
        operator: account_of(&keys[3]),
        state: SeatState::Silent,
        forfeited: SEAT_BOND,
        answer: None,
        confidence: None,
        signature: None,
        salt: None,
        ..subject.view.seats[0].clone()
    });
    settle(&mut subject);
    Case {
        subject,
        keys,
        documents,
    }
}

/// No consensus: a quarter of the reward for each answer, by the rules' own words.
fn settle(subject: &mut OnChainRequest) {
    let effort = llm_oracle_primitives::limits::share(REWARD, EFFORT_PPM);
    let fee = llm_oracle_primitives::limits::share(effort, FEE_PPM);
    let view = &mut subject.view;
    for seat in view.seats.iter_mut().take(2) {
        seat.paid = effort - fee;
    }
    view.seats[2].state = SeatState::Abstained;
    view.fee = 2 * fee;
    view.refund = 4 * REWARD - 2 * effort + SEAT_FEE;
    view.outcome = Some(Outcome::NoConsensus {
        margin: Margin {
            seats: 4,
            revealed: 3,
            agreeing: 2,
            abstained: [1, 0, 0, 0, 0, 0],
            confidence: CONFIDENCE,
            families: 1,
            spread: 0,
        },
    });
}
