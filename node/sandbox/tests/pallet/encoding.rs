//! What is hashed and signed: no two meanings give the same bytes.

use llm_oracle_primitives::{
    Answer, Hash, Reason,
    digest::{self, Context},
};

use crate::world::{ASKER, CARRIER, NO, STRANGER, YES};

/// The context with one field altered, for each field.
pub fn alterations(context: Context) -> [(&'static str, Context); 8] {
    let hash: Hash = [9; 32];
    [
        (
            "domain",
            Context {
                domain: hash,
                ..context
            },
        ),
        (
            "contract",
            Context {
                contract: STRANGER,
                ..context
            },
        ),
        (
            "request",
            Context {
                request_id: context.request_id + 1,
                ..context
            },
        ),
        (
            "terms",
            Context {
                terms_digest: hash,
                ..context
            },
        ),
        (
            "round",
            Context {
                round: 1,
                ..context
            },
        ),
        (
            "phase",
            Context {
                phase: 1,
                ..context
            },
        ),
        (
            "operator",
            Context {
                operator: STRANGER,
                ..context
            },
        ),
        (
            "model",
            Context {
                model: 1,
                ..context
            },
        ),
    ]
}

#[test]
fn commitment_encoding_is_injective() {
    let context = Context {
        domain: [1; 32],
        contract: ASKER,
        request_id: 1,
        terms_digest: [2; 32],
        round: 0,
        phase: 0,
        operator: CARRIER,
        model: 0,
    };
    let mut contexts = vec![context];
    contexts.extend(alterations(context).map(|(_, altered)| altered));
    let mut answers = vec![YES, NO];
    answers.extend([Reason::Unclear, Reason::TooSoon, Reason::Refused].map(Answer::Abstain));
    answers.extend((0..32).map(Answer::Choice));
    answers.extend([0, 1, -1, 256, i128::MAX, i128::MIN].map(Answer::Number));
    // Texts whose bytes could be taken for what follows them.
    for length in [0, 1, 31, 32, 33, 63, 64, 65] {
        answers.extend([Answer::Text(vec![3; length]), Answer::Json(vec![3; length])]);
    }
    let hashes: [Hash; 3] = [[3; 32], [4; 32], [0; 32]];
    let confidences = [None, Some(0), Some(1), Some(100)];
    let mut seen = std::collections::BTreeMap::new();
    for context in &contexts {
        for (answer, sure) in answers
            .iter()
            .flat_map(|one| confidences.map(|sure| (one, sure)))
        {
            for evidence in &hashes {
                for salt in &hashes {
                    let made_of = (*context, answer.clone(), sure, *evidence, *salt);
                    let commitment = digest::commitment(context, answer, sure, evidence, salt);
                    let other = seen.insert(commitment, made_of.clone());
                    assert_eq!(other, None, "the same as {made_of:?}");
                }
            }
        }
    }
    // No kind of signed message begins like another, whatever follows.
    let messages = [
        digest::seat_message(&context, &hashes[0], &hashes[1], 0),
        digest::answer_message(&context, &YES, Some(1), &hashes[0]),
        digest::answer_message(&context, &YES, None, &hashes[0]),
        digest::register_message(&hashes[0], &ASKER, &STRANGER, &ASKER, b"f"),
    ];
    for (index, message) in messages.iter().enumerate() {
        for other in &messages[index + 1..] {
            assert_ne!(message[..19], other[..19]);
        }
    }
}
