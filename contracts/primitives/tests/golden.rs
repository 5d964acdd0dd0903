//! A fixed vector for every digest and signed message.
//!
//! The values were computed apart from this code, with another language's `blake2b` of 32 bytes over
//! hand-laid SCALE bytes: they pin the bytes, so that a change of a layout cannot pass unseen.
#![allow(clippy::unwrap_used)]

use llm_oracle_primitives::{
    digest::{self, Context},
    AccountId, Answer, AnswerKind, Assignment, CallbackLimits, ModelRef, Prompt, Reason, Sampling,
    Terms,
};
use scale::Encode;

const GENESIS: [u8; 32] = [1; 32];
const DEPLOYER: AccountId = AccountId([2; 32]);
const CONTRACT: AccountId = AccountId([3; 32]);
const REQUESTER: AccountId = AccountId([4; 32]);
const OPERATOR: AccountId = AccountId([5; 32]);
const SECRET: [u8; 32] = [6; 32];
const ANSWER: Answer = Answer::Number(-1234);

fn terms() -> Terms {
    Terms {
        model: ModelRef::Name(b"m".to_vec()),
        prompt: Prompt::Inline(b"why?".to_vec()),
        system: Some(b"s".to_vec()),
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
        one_step: false,
        commit_blocks: 10,
        reveal_blocks: 20,
        callback: Some(CallbackLimits {
            ref_time: 11,
            proof_size: 12,
            storage_deposit: 13,
        }),
        refund_to: Some(DEPLOYER),
    }
}

fn context() -> Context {
    Context {
        domain: digest::domain(&GENESIS, &DEPLOYER, 7, 1_234_567_890_123),
        contract: CONTRACT,
        request_id: 42,
        terms_digest: digest::terms_digest(&REQUESTER, &terms()),
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
        "d6640077426eccb93cdbe4e804d57e1f9b6cb412575d6f771b10ab815293d3d3",
    );
    is(
        context.terms_digest,
        "d7862ccef1393fbb38582648fce79dcd3846f3f9d3939d9db9a6d7b41d59ce87",
    );
    let salt = digest::salt(&SECRET, &context);
    is(
        salt,
        "7abae7f1b07dc1a5da9f815a174ce739d28ec80e13b96cef64b2cc3e84e3ae8e",
    );
    let evidence = digest::evidence(&salt, br#"{"a":1}"#);
    is(
        evidence,
        "c3dac1f03bee3dcfc8bef35acd737f5e554f451d90a46143f219e9a4105637ec",
    );
    let commitment = digest::commitment(&context, &ANSWER, &evidence, &salt);
    is(
        commitment,
        "dd63d1cc5a504f7b8c35d0728db0b709675c6dc17663ca2b7796ec693132b7d3",
    );
    is(
        digest::answer_digest(&ANSWER),
        "dd6d0b52f32b44ff79cfdb72fb8c6c8c4c3c74467cdedb502ece7bcebd83dbdf",
    );
}

#[test]
fn draws_are_what_they_always_were() {
    let beacon = [1; 32];
    let salts = digest::salts(42, 0, &[[2; 32], [0; 32]]);
    is(
        salts,
        "525a93614e79f9c9413caf87c422e36cd3e23939b6ef140e23d39b6d158f70df",
    );
    is(
        digest::fold(&beacon, &salts),
        "4e4f3d18635168d344663fb28dba30844e2a87a6e4109f05e9015e04bcfdb0bd",
    );
    is(
        digest::seed(&beacon, &salts, 42),
        "0c13b096066442de725f1104d4e99c05730680a1082e73e1b51fa757e538dca4",
    );
    is(
        digest::weak_seed(&beacon, 42, 99),
        "7a04ae696e336d3f08d23719e685f56b4d46c12c12e22fa4f71b8086d7e42de6",
    );
    is(
        digest::lot(&beacon, 4),
        "e368fb2498668917ff795e4e67aecda6299bd2f06bff31333ea9e3719846efc9",
    );
}

#[test]
fn signed_messages_are_what_they_always_were() {
    let context = context();
    let salt = digest::salt(&SECRET, &context);
    let evidence = digest::evidence(&salt, br#"{"a":1}"#);
    let commitment = digest::commitment(&context, &ANSWER, &evidence, &salt);
    let seat = digest::seat_message(&context, &commitment, &evidence, 99);
    assert!(seat.starts_with(b"llm-oracle/seat/1"));
    is(
        digest::blake2(&seat),
        "d496fd2df7a338e8f1841aa094a6c265ec106aa5d9eb911b1ab7cd92fbf03e32",
    );
    let answer = digest::answer_message(&context, &ANSWER, &evidence);
    assert!(answer.starts_with(b"llm-oracle/answer/1"));
    is(
        digest::blake2(&answer),
        "200d5f3ac122f14d7900bf22d920cf038544a65d61816dfa2aad85c14539e98f",
    );
    let register = digest::register_message(&context.domain, &CONTRACT, &OPERATOR);
    assert!(register.starts_with(b"llm-oracle/register/1"));
    is(
        digest::blake2(&register),
        "8640e70b59b9cb3e9aafb96de8c5ea37e3d814913fce28758a99a5a3482c7cb3",
    );
}

#[test]
fn answers_encode_as_they_always_did() {
    is(Answer::Abstain(Reason::Refused).encode(), "0002");
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
        digest::commitment(context, answer, evidence, salt)
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
