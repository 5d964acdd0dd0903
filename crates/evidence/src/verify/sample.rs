//! A request with real digests and signatures, for tests.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use super::*;
use crate::{bind, question, AnswerTimes, NumberedSecret};
use llm_oracle_llm::ProviderReply;
use llm_oracle_primitives::{
    digest, Answer, AnswerKind, Assignment, DeliveryStatus, LeastRecord, Margin, ModelRef, Outcome,
    Phase, Prompt, Reason, Sampling, SeatAnswer, SeatState, SeatView, Summary,
};
use llm_oracle_signing::{account_of, load_key, KeySource, Keypair};
use serde_json::{json, Value};

const REWARD: u128 = 1_000_000;
const COMMIT_FEE: u128 = 30;
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
        model: ModelRef::Any,
        prompt: Prompt::Inline(b"Is water wet?".to_vec()),
        system: Some(b"Be brief.".to_vec()),
        answer: AnswerKind::Bool,
        sampling: Sampling::default(),
        seats: 4,
        threshold: 3,
        assignment: Assignment::Open,
        one_step: false,
        commit_blocks: 10,
        reveal_blocks: 10,
        callback: None,
        refund_to: None,
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
        model,
        record,
    }
}

/// A request that four operators answered: two alike, one otherwise, one in silence. Three would have
/// had to agree.
pub(super) struct Case {
    pub(super) subject: RequestRecord,
    pub(super) keys: Vec<Keypair>,
    pub(super) documents: Vec<Vec<u8>>,
}

fn empty_subject() -> RequestRecord {
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
            reveal_deadline: 21,
        },
        requester,
        beneficiary: requester,
        terms_digest: digest::terms_digest(&requester, &terms),
        kind: AnswerKind::Bool,
        threshold: 3,
        one_step: false,
        least_record: LeastRecord::default(),
        draw: None,
        asked_at: 1,
        reveals_opened_at: Some(4),
        ended_at: Some(15),
        commit_fee: COMMIT_FEE,
        seat_bond: SEAT_BOND,
        delivery_escrow: 0,
        callback: None,
        seats: Vec::new(),
        outcome: None,
        refund: 0,
        fee: 0,
    };
    RequestRecord {
        domain: [1; 32],
        contract: AccountId::from([2; 32]),
        view,
        terms,
        params: Some(Params::dev()),
        barred: Vec::new(),
    }
}

/// Opens a seat with an answer of which everything is right.
fn seat(
    subject: &RequestRecord,
    slot: u32,
    key: &Keypair,
    reply: ProviderReply,
) -> (SeatView, Vec<u8>) {
    let operator = account_of(key);
    let context = subject.context(operator, 0);
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
    subject: &RequestRecord,
    slot: u32,
    key: &Keypair,
    answer: &Answer,
    evidence: Hash,
    salt: Hash,
) -> SeatView {
    let operator = account_of(key);
    let context = subject.context(operator, 0);
    let message = digest::answer_message(&context, answer, &evidence);
    SeatView {
        operator,
        slot,
        state: SeatState::Dissented,
        model: 0,
        commitment: digest::commitment(&context, answer, &evidence, &salt),
        evidence,
        answer: Some(SeatAnswer::Whole(answer.clone())),
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

/// No consensus: a quarter of the reward for each that revealed, by the rules' own words.
fn settle(subject: &mut RequestRecord) {
    let params = Params::dev();
    let effort = llm_oracle_primitives::limits::share(REWARD, params.effort_ppm);
    let fee = llm_oracle_primitives::limits::share(effort, params.fee_ppm);
    let view = &mut subject.view;
    for seat in view.seats.iter_mut().take(3) {
        seat.paid = effort - fee;
    }
    view.seats[2].state = SeatState::Abstained;
    view.fee = 3 * fee;
    view.refund = 4 * REWARD - 3 * effort + SEAT_BOND.min(REWARD);
    view.outcome = Some(Outcome::NoConsensus {
        margin: Margin {
            seats: 4,
            revealed: 3,
            agreeing: 2,
            abstaining: 1,
            spread: 0,
        },
    });
}
