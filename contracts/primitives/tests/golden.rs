//! A fixed vector for every digest and signed message.
//!
//! The values were computed apart from this code, with another language's `blake2b` of 32 bytes over
//! hand-laid SCALE bytes: they pin the bytes, so that a change of a layout cannot pass unseen.
#![allow(clippy::unwrap_used)]

use llm_oracle_primitives::{
    digest::{self, Context},
    AccountId, Answer, AnswerKind, Assignment, CallbackLimits, ModelRef, Reason, Sampling, Source,
    Terms,
};
use scale::Encode;

const GENESIS: [u8; 32] = [1; 32];
const DEPLOYER: AccountId = AccountId([2; 32]);
const CONTRACT: AccountId = AccountId([3; 32]);
const REQUESTER: AccountId = AccountId([4; 32]);
const OPERATOR: AccountId = AccountId([5; 32]);
const SECRET: [u8; 32] = [6; 32];
const REWARD: u128 = 70_000;
const SURE: Option<u8> = Some(87);
const FAMILY: &[u8] = b"llama-3.3-70b";
const ANSWER: Answer = Answer::Number(-1234);

fn terms() -> Terms {
    Terms {
        model: ModelRef::Name(b"m".to_vec()),
        prompt: b"why?".to_vec(),
        system: Some(b"s".to_vec()),
        sources: vec![
            Source::Attachment {
                digest: [8; 32],
                bytes: 9,
                media: b"text/plain".to_vec(),
                uri: vec![],
            },
            Source::Page {
                url: b"https://a.b/".to_vec(),
                must: true,
            },
        ],
        answer: AnswerKind::Number {
            scale: 2,
            tolerance: 5,
        },
        sampling: Sampling {
            max_tokens: 64,
            temperature_milli: 0,
            seed: 9,
        },
        seats: 3,
        threshold: 2,
        assignment: Assignment::Named {
            operators: vec![OPERATOR],
        },
        max_seats_per_family: 1,
        min_confidence: 60,
        not_before: 77,
        commit_blocks: 10,
        reveal_blocks: 20,
        callback: Some(CallbackLimits {
            ref_time: 11,
            proof_size: 12,
            storage_deposit: 13,
        }),
        refund_to: Some(DEPLOYER),
        one_step: false,
    }
}

fn context() -> Context {
    Context {
        domain: digest::domain(&GENESIS, &DEPLOYER, 7, 1_234_567_890_123),
        contract: CONTRACT,
        request_id: 42,
        terms_digest: digest::terms_digest(&REQUESTER, REWARD, &terms()),
        round: 0,
        phase: 0,
        operator: OPERATOR,
        model: 0,
    }
}

#[track_caller]
fn is(value: impl AsRef<[u8]>, expected: &str) {
    assert_eq!(hex::encode(value), expected);
}

#[test]
fn digests_are_what_they_always_were() {
    let context = context();
    is(
        context.domain,
        "d864a5362abdafd46fd2a6ba48caa8688ebca71db92022815f6bd4a849d4c922",
    );
    is(
        digest::blake2(&terms().encode()),
        "f3a0c8b16f5664f18a10c52f847ef53fabc6cdfa9a8f11a95325034d7863b7cc",
    );
    is(
        context.terms_digest,
        "46696a51f5dd7248ac363ccd02108f4c3f0a24d15f2df40f52bea7cbec5d532c",
    );
    let salt = digest::salt(&SECRET, &context);
    is(
        salt,
        "13b9a4b2d1aa996fc5c97450baf27e7e0ce387b338fd677a19fd66da2ebfa2e1",
    );
    let evidence = digest::evidence(&salt, br#"{"a":1}"#);
    is(
        evidence,
        "8f581afd3f34e62a86afcd4dcb9f599ea37e148efd94b91bf1f9fb43ea75a713",
    );
    let commitment = digest::commitment(&context, &ANSWER, SURE, &evidence, &salt);
    is(
        digest::commitment(&context, &ANSWER, None, &evidence, &salt),
        "41df0f023ae1c09d13d798762f1b98b5a0a367e3d86873b1dc13e1e576f7633f",
    );
    is(digest::family_tag(FAMILY), "7453ea98");
    assert_eq!(digest::family_tag(b""), [0; 4]);
    is(
        commitment,
        "4883ad20131d18cd76661bcebc2c1fdf56001d9873031781808375abb808b72c",
    );
    is(
        digest::answer_digest(&ANSWER),
        "dd6d0b52f32b44ff79cfdb72fb8c6c8c4c3c74467cdedb502ece7bcebd83dbdf",
    );
}

#[test]
fn signed_messages_are_what_they_always_were() {
    let context = context();
    let salt = digest::salt(&SECRET, &context);
    let evidence = digest::evidence(&salt, br#"{"a":1}"#);
    let commitment = digest::commitment(&context, &ANSWER, SURE, &evidence, &salt);
    let seat = digest::seat_message(&context, &commitment, &evidence, 99);
    assert!(seat.starts_with(b"llm-oracle/seat/1"));
    is(
        digest::blake2(&seat),
        "9e0432a4d1b38fe62f2c2f09fe0971bde2af0e786ba774c3c1bbc29f2ee79da0",
    );
    let earlier = digest::answer_message(&context, &ANSWER, None, &evidence);
    assert!(earlier.starts_with(b"llm-oracle/answer/1"));
    is(
        digest::blake2(&earlier),
        "4ae1ceb09629627f549e0ced3c0d0667e8462100502d62a214d21ae0e09f39c4",
    );
    let answer = digest::answer_message(&context, &ANSWER, SURE, &evidence);
    assert!(answer.starts_with(b"llm-oracle/answer/2"));
    is(
        digest::blake2(&answer),
        "9e80443a1467232a273eb044ea4b02b3f357c5ab5214c4179912b80718308bf7",
    );
    let register =
        digest::register_message(&context.domain, &CONTRACT, &OPERATOR, &DEPLOYER, FAMILY);
    assert!(register.starts_with(b"llm-oracle/register/2"));
    is(
        digest::blake2(&register),
        "e2636f6e89c1028c475320a9ff3a9c9f54e760e61eaea9742d65e1982e973862",
    );
}

#[test]
fn answers_encode_as_they_always_did() {
    is(Answer::Abstain(Reason::Refused).encode(), "0002");
    is(Answer::Abstain(Reason::SourceMissing).encode(), "0003");
    is(Answer::Abstain(Reason::SourcesDisagree).encode(), "0004");
    is(Answer::Abstain(Reason::BadInput).encode(), "0005");
    is(Answer::Bool(true).encode(), "0101");
    is(Answer::Choice(7).encode(), "0207");
    is(
        Answer::Number(-1).encode(),
        "03ffffffffffffffffffffffffffffffff",
    );
    is(Answer::Text(b"hi".to_vec()).encode(), "04086869");
    is(Answer::Json(b"{}".to_vec()).encode(), "05087b7d");
}

/// Altering any one field gives another commitment, and no two fields can trade bytes.
#[test]
fn commitment_encoding_is_injective() {
    let base = context();
    let (evidence, salt) = ([7; 32], [8; 32]);
    let commit = |context: &Context, answer: &Answer, evidence: &[u8; 32], salt: &[u8; 32]| {
        digest::commitment(context, answer, SURE, evidence, salt)
    };
    let mut all = vec![
        commit(&base, &ANSWER, &evidence, &salt),
        commit(&base, &Answer::Number(-1233), &evidence, &salt),
        commit(&base, &Answer::Abstain(Reason::Unclear), &evidence, &salt),
        commit(&base, &Answer::Bool(true), &evidence, &salt),
        commit(&base, &Answer::Choice(1), &evidence, &salt),
        commit(&base, &ANSWER, &salt, &evidence),
        commit(&base, &ANSWER, &evidence, &[9; 32]),
        commit(&base, &ANSWER, &[9; 32], &salt),
        digest::commitment(&base, &ANSWER, Some(88), &evidence, &salt),
        digest::commitment(&base, &ANSWER, None, &evidence, &salt),
    ];
    let alterations: [fn(&mut Context); 8] = [
        |context| context.domain[0] ^= 1,
        |context| context.contract = OPERATOR,
        |context| context.request_id = 43,
        |context| context.terms_digest[31] ^= 1,
        |context| context.round = 1,
        |context| context.phase = 1,
        |context| context.operator = CONTRACT,
        |context| context.model = 1,
    ];
    for alter in alterations {
        let mut context = base;
        alter(&mut context);
        all.push(commit(&context, &ANSWER, &evidence, &salt));
    }
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
}
