//! A commitment, reveal or signature is worth nothing to anyone else or anywhere else.

use llm_oracle_primitives::{
    AnswerKind, CommitEntry, Error, RequestId, RevealEntry, SeatState, Slot, Terms, digest,
};
use llm_oracle_sandbox::{Sandbox, runtime};

use crate::{
    encoding::alterations,
    keys::{Operator, SURE, commit_entry, reveal_entry, secrets},
    world::{ASKER, CARRIER, NO, REWARD, STRANGER, World, YES, params, terms},
};

#[test]
fn copied_commitment_cannot_reveal() {
    let mut world = World::new(2);
    let id = world.ask(&terms(AnswerKind::Bool, 2, 2)).unwrap();
    let original = world.commit_entry(id, 0, &YES);
    world
        .call::<()>(CARRIER, 0, "commit", original.clone())
        .unwrap();
    // The thief has nothing but what the chain shows, and signs for itself.
    let thief = world.operators[1].clone();
    let copy = CommitEntry {
        slot: thief.slot,
        signature: None,
        ..original
    };
    world.fund(thief.id, crate::world::UNIT);
    world.call::<()>(thief.id, 0, "commit", copy).unwrap();
    let reveal = world.reveal_entry(id, 0, &YES);
    world
        .call::<()>(CARRIER, 0, "reveal", reveal.clone())
        .unwrap();

    let mismatch = Err(Error::CommitmentMismatch { slot: thief.slot });
    let copied = RevealEntry {
        slot: thief.slot,
        ..reveal.clone()
    };
    assert_eq!(
        world.call::<()>(thief.id, 0, "reveal", copied.clone()),
        mismatch
    );
    let evidence = world.request(id).seats[1].evidence;
    for operator in [0, 1] {
        let context = world.context(id, operator);
        let signature = thief.sign(&digest::answer_message(&context, &YES, SURE, &evidence));
        let signed = RevealEntry {
            signature,
            ..copied.clone()
        };
        assert_eq!(world.call::<()>(thief.id, 0, "reveal", signed), mismatch);
    }
    world.pass(11);
    world
        .call::<llm_oracle_primitives::Phase>(STRANGER, 0, "advance", id)
        .unwrap();
    let seat = world.request(id).seats.remove(1);
    assert_eq!(
        (seat.state, seat.paid, seat.answer),
        (SeatState::Silent, 0, None)
    );
    assert_eq!(seat.forfeited, world.config.params.seat_bond);
}

/// One place that something signed could be meant for: an operator's seat in a request.
struct Place {
    world: usize,
    id: RequestId,
    operator: usize,
}

struct Genuine {
    commit: CommitEntry,
    reveal: RevealEntry,
}

/// The same chain with two oracles, and the chain started again an hour later, where the same
/// account deploys the same code in the same block.
fn worlds() -> Vec<World> {
    let deploy = |sandbox, salt| {
        let mut world = World::deploy(sandbox, params(), salt);
        for seed in [1, 2] {
            world
                .register(Operator::new(seed), params().min_bond)
                .unwrap();
        }
        world
    };
    let mut restarted = Sandbox::new();
    let later = restarted.now_ms() + 3_600_000;
    restarted.execute(|| runtime::Timestamp::set_timestamp(later));
    vec![
        deploy(Sandbox::new(), 0),
        deploy(Sandbox::new(), 1),
        deploy(restarted, 0),
    ]
}

fn places(worlds: &mut [World]) -> Vec<Place> {
    let same = terms(AnswerKind::Bool, 2, 2);
    let other = Terms {
        commit_blocks: 11,
        ..same.clone()
    };
    let value = 10 * REWARD;
    let mut places = Vec::new();
    for (world, asks) in [
        (
            0,
            vec![
                (ASKER, &same),
                (ASKER, &same),
                (ASKER, &other),
                (STRANGER, &same),
            ],
        ),
        (1, vec![(ASKER, &same)]),
        (2, vec![(ASKER, &same)]),
    ] {
        for (asker, terms) in asks {
            let id = worlds[world]
                .call(asker, value, "ask", (terms, REWARD, false))
                .unwrap();
            places.extend([0, 1].map(|operator| Place {
                world,
                id,
                operator,
            }));
        }
    }
    places
}

/// What belongs to one place, sent to another: ids and slots are nobody's secret.
fn carried(from: &Genuine, to: &Place, slot: Slot) -> Genuine {
    Genuine {
        commit: CommitEntry {
            request_id: to.id,
            slot,
            ..from.commit.clone()
        },
        reveal: RevealEntry {
            request_id: to.id,
            slot,
            ..from.reveal.clone()
        },
    }
}

#[test]
fn replay_matrix() {
    let mut worlds = worlds();
    assert_eq!(
        worlds[0].oracle, worlds[2].oracle,
        "the restarted chain gives the same address"
    );
    assert_ne!(worlds[0].config.domain, worlds[2].config.domain);
    let places = places(&mut worlds);
    let genuine: Vec<Genuine> = places
        .iter()
        .map(|place| {
            let world = &mut worlds[place.world];
            let commit = world.commit_entry(place.id, place.operator, &YES);
            let reveal = world.reveal_entry(place.id, place.operator, &YES);
            Genuine { commit, reveal }
        })
        .collect();
    let mut checked = 0;
    for reveal in [false, true] {
        for (to, place) in places.iter().enumerate() {
            let world = &mut worlds[place.world];
            let slot = world.operators[place.operator].slot;
            for (from, genuine) in genuine.iter().enumerate() {
                let Genuine {
                    commit,
                    reveal: answer,
                } = carried(genuine, place, slot);
                let (result, refused): (Result<(), Error>, _) = if reveal {
                    let refused = Error::CommitmentMismatch { slot };
                    (world.dry(CARRIER, "reveal", answer), refused)
                } else {
                    (
                        world.dry(CARRIER, "commit", commit),
                        Error::BadSignature { slot },
                    )
                };
                let expected = if from == to { Ok(()) } else { Err(refused) };
                assert_eq!(result, expected, "reveal {reveal}: from {from} to {to}");
                checked += 1;
            }
        }
        if !reveal {
            for (genuine, place) in genuine.iter().zip(&places) {
                let entry = genuine.commit.clone();
                worlds[place.world]
                    .call::<()>(CARRIER, 0, "commit", entry)
                    .unwrap();
            }
        }
    }
    assert_eq!(checked, 2 * 12 * 12);
    altered_fields(&mut worlds[0]);
}

/// Each field of what is hashed and signed, altered alone.
fn altered_fields(world: &mut World) {
    let id = world.ask(&terms(AnswerKind::Bool, 1, 1)).unwrap();
    let (operator, context) = (world.operators[0].clone(), world.context(id, 0));
    let slot = operator.slot;
    let until = world.block() + 100;
    let bad_signature = Err(Error::BadSignature { slot });
    for (name, altered) in alterations(context) {
        let entry = commit_entry(&operator, &altered, &YES, until);
        let entry = CommitEntry {
            request_id: id,
            ..entry
        };
        assert_eq!(
            world.dry::<()>(CARRIER, "commit", entry),
            bad_signature,
            "{name}"
        );
    }
    let good = commit_entry(&operator, &context, &YES, until);
    let (_, signature) = good.signature.unwrap();
    for (name, entry) in [
        (
            "commitment",
            CommitEntry {
                commitment: [1; 32],
                ..good.clone()
            },
        ),
        (
            "evidence",
            CommitEntry {
                evidence: [1; 32],
                ..good.clone()
            },
        ),
        (
            "validity",
            CommitEntry {
                signature: Some((until + 1, signature)),
                ..good.clone()
            },
        ),
    ] {
        assert_eq!(
            world.dry::<()>(CARRIER, "commit", entry),
            bad_signature,
            "{name}"
        );
    }
    assert_eq!(world.call::<()>(CARRIER, 0, "commit", good), Ok(()));

    let good = reveal_entry(&operator, &context, &YES);
    let (_, evidence) = secrets(&context);
    for (name, altered) in alterations(context) {
        let message = digest::answer_message(&altered, &YES, SURE, &evidence);
        let entry = RevealEntry {
            signature: operator.sign(&message),
            ..good.clone()
        };
        assert_eq!(
            world.dry::<()>(CARRIER, "reveal", entry),
            bad_signature,
            "{name}"
        );
    }
    let no = digest::answer_message(&context, &NO, SURE, &evidence);
    let other = digest::answer_message(&context, &YES, SURE, &[1; 32]);
    let unsure = digest::answer_message(&context, &YES, Some(89), &evidence);
    let earlier = digest::answer_message(&context, &YES, None, &evidence);
    for message in [no, other, unsure, earlier] {
        let entry = RevealEntry {
            signature: operator.sign(&message),
            ..good.clone()
        };
        assert_eq!(world.dry::<()>(CARRIER, "reveal", entry), bad_signature);
    }
    let mismatch = Err(Error::CommitmentMismatch { slot });
    for entry in [
        RevealEntry {
            answer: NO,
            ..good.clone()
        },
        RevealEntry {
            confidence: 89,
            ..good.clone()
        },
        RevealEntry {
            salt: [1; 32],
            ..good.clone()
        },
    ] {
        assert_eq!(world.dry::<()>(CARRIER, "reveal", entry), mismatch);
    }
    assert_eq!(world.dry::<()>(CARRIER, "reveal", good), Ok(()));
    altered_commitments(world, &operator);
}

/// A commitment made over an altered context is taken, for it is opaque, but never opens.
fn altered_commitments(world: &mut World, operator: &Operator) {
    world.fund(operator.id, crate::world::UNIT);
    for field in 0..8 {
        let id = world.ask(&terms(AnswerKind::Bool, 1, 1)).unwrap();
        let context = world.context(id, 0);
        let (name, altered) = alterations(context)[field];
        let (salt, evidence) = secrets(&context);
        let commitment = digest::commitment(&altered, &YES, SURE, &evidence, &salt);
        let entry = CommitEntry {
            request_id: id,
            slot: operator.slot,
            commitment,
            evidence,
            signature: None,
        };
        world.call::<()>(operator.id, 0, "commit", entry).unwrap();
        let refused = Err(Error::CommitmentMismatch {
            slot: operator.slot,
        });
        assert_eq!(world.reveal(id, 0, &YES), refused, "{name}");
    }
}
