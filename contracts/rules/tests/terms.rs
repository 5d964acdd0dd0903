//! Bad terms: each is refused with what is wrong, and nothing has changed.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

mod common;

use common::{terms, World, ASKER, REWARD};
use llm_oracle_primitives::{
    limits, AnswerKind, Assignment, CallbackLimits, Error, LeastRecord, ModelRef, Source, Terms,
};

fn page(url: &[u8]) -> Source {
    Source::Page {
        url: url.to_vec(),
        must: false,
    }
}

fn attachment(bytes: u32, media: &[u8]) -> Source {
    Source::Attachment {
        digest: [1; 32],
        bytes,
        media: media.to_vec(),
        uri: Vec::new(),
    }
}

#[test]
fn bad_terms_are_refused_with_their_value() {
    let mut world = World::new(5, common::dev());
    let good = terms(AnswerKind::Bool, 3, 2);
    let with = |change: &dyn Fn(&mut Terms)| {
        let mut bad = good.clone();
        change(&mut bad);
        bad
    };
    let cases = [
        (
            with(&|t| t.seats = 0),
            Error::SeatsOutOfRange { seats: 0, most: 32 },
        ),
        (
            with(&|t| t.seats = 33),
            Error::SeatsOutOfRange {
                seats: 33,
                most: 32,
            },
        ),
        (
            with(&|t| t.threshold = 1),
            Error::ThresholdOutOfRange {
                threshold: 1,
                seats: 3,
            },
        ),
        (
            with(&|t| t.threshold = 4),
            Error::ThresholdOutOfRange {
                threshold: 4,
                seats: 3,
            },
        ),
        (
            with(&|t| t.one_step = true),
            Error::OneStepNeedsOneSeat { seats: 3 },
        ),
        (with(&|t| t.prompt = vec![]), Error::PromptEmpty),
        (
            with(&|t| t.prompt = vec![b'x'; 8_193]),
            Error::PromptTooLong {
                bytes: 8_193,
                most: limits::MAX_PROMPT_BYTES,
            },
        ),
        (
            with(&|t| t.sources = vec![page(b"https://a.b"); 9]),
            Error::TooManySources {
                sources: 9,
                most: 8,
            },
        ),
        (
            with(&|t| t.sources = vec![page(b"https://a.b"), page(b"http://a.b")]),
            Error::BadSource { position: 1 },
        ),
        (
            with(&|t| t.sources = vec![page(b"https://")]),
            Error::BadSource { position: 0 },
        ),
        (
            with(&|t| t.sources = vec![attachment(0, b"text/plain")]),
            Error::BadSource { position: 0 },
        ),
        (
            with(&|t| t.sources = vec![attachment(limits::MAX_SOURCE_BYTES + 1, b"text/plain")]),
            Error::BadSource { position: 0 },
        ),
        (
            with(&|t| t.sources = vec![attachment(1, b"")]),
            Error::BadSource { position: 0 },
        ),
        (
            with(&|t| t.min_confidence = 101),
            Error::ConfidenceOutOfRange { confidence: 101 },
        ),
        (
            with(&|t| t.not_before = 1 + common::dev().max_wait + 1),
            Error::NotBeforeTooLate {
                not_before: 1 + common::dev().max_wait + 1,
                most: 1 + common::dev().max_wait,
            },
        ),
        (
            with(&|t| t.assignment = Assignment::Set(7)),
            Error::NoSuchSet { set: 7 },
        ),
        (
            with(&|t| t.model = ModelRef::Name(vec![b'm'; 65])),
            Error::ModelNameLength {
                bytes: 65,
                most: 64,
            },
        ),
        (
            with(&|t| {
                let least = LeastRecord {
                    agreement_ppm: 1_000_001,
                    answers: 0,
                };
                t.assignment = Assignment::Open { least }
            }),
            Error::ShareOutOfRange { ppm: 1_000_001 },
        ),
        (
            with(&|t| t.commit_blocks = 3),
            Error::WindowOutOfRange {
                blocks: 3,
                least: 4,
                most: 14_400,
            },
        ),
        (
            with(&|t| t.reveal_blocks = 14_401),
            Error::WindowOutOfRange {
                blocks: 14_401,
                least: 4,
                most: 14_400,
            },
        ),
        (
            with(&|t| {
                t.callback = Some(CallbackLimits {
                    ref_time: 0,
                    proof_size: 1,
                    storage_deposit: 1,
                })
            }),
            Error::CallbackLimit,
        ),
        (
            with(&|t| {
                t.answer = AnswerKind::Choice {
                    options: vec![b"a".to_vec()],
                }
            }),
            Error::OptionsOutOfRange {
                options: 1,
                most: 32,
            },
        ),
        (
            with(&|t| {
                t.answer = AnswerKind::Choice {
                    options: vec![b"a".to_vec(), b"a".to_vec()],
                }
            }),
            Error::OptionTwice,
        ),
        (
            with(&|t| t.answer = AnswerKind::Text { max_bytes: 2_049 }),
            Error::AnswerBytesOutOfRange {
                bytes: 2_049,
                most: limits::MAX_ANSWER_BYTES,
            },
        ),
        (
            with(&|t| t.answer = AnswerKind::Json { schema: vec![] }),
            Error::SchemaLength {
                bytes: 0,
                most: limits::MAX_SCHEMA_BYTES,
            },
        ),
    ];
    for (bad, error) in cases {
        let answer = world.chain.call(ASKER, u128::MAX / 4, |oracle| {
            oracle.ask(bad, REWARD, false)
        });
        assert_eq!(answer, Err(error));
    }
    let own = with(&|t| t.refund_to = Some(llm_oracle_rules::MemoryHost::address()));
    let own = world.chain.call(ASKER, u128::MAX / 4, |oracle| {
        oracle.ask(own, REWARD, false)
    });
    assert_eq!(own, Err(Error::RefundToOracle));
    let low = world.chain.call(ASKER, u128::MAX / 4, |oracle| {
        oracle.ask(good.clone(), 1, false)
    });
    assert_eq!(
        low,
        Err(Error::RewardTooLow {
            given: 1,
            least: common::dev().min_reward
        })
    );
    let needed = world
        .chain
        .view(|oracle| oracle.quote(&good, REWARD))
        .unwrap()
        .total;
    let short = world.chain.call(ASKER, needed - 1, |oracle| {
        oracle.ask(good.clone(), REWARD, false)
    });
    assert_eq!(
        short,
        Err(Error::ValueTooLow {
            sent: needed - 1,
            needed
        })
    );
    let id = world
        .chain
        .call(ASKER, needed + 5, |oracle| {
            oracle.ask(good.clone(), REWARD, false)
        })
        .unwrap();
    assert_eq!(
        (id, world.chain.view(|oracle| oracle.credit_of(&ASKER))),
        (0, 5)
    );
    world.check_books();
}
