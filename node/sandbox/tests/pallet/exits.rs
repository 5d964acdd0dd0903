//! From every state, strangers alone get everybody's money out; and nothing gets out too early.

use llm_oracle_primitives::{
    AccountId, AnswerKind, Assignment, Balance, CallbackLimits, Error, ModelRef, Phase, RequestId,
    Slot, Terms,
    limits::{MAX_BATCH_ENTRIES, MAX_OPTION_BYTES, MAX_PROMPT_BYTES, MAX_SEATS},
};

use crate::world::{
    ASKER, Batch, CARRIER, DEPLOYER, NO, REWARD, SINK, STRANGER, UNIT, World, YES, params, terms,
};

/// How far a request gets before everybody who had a part in it is gone.
#[derive(Clone, Copy, Debug)]
struct Left {
    commits: usize,
    reveals: usize,
    failed_delivery: bool,
}

/// Every number of commits and reveals of three seats; of those that end, with and without a
/// delivery that fails.
fn every_state() -> Vec<Left> {
    let mut all = Vec::new();
    for commits in 0..=3 {
        let most = if commits == 3 { 3 } else { 0 };
        for reveals in 0..=most {
            for failed_delivery in [false, true] {
                if failed_delivery && reveals < 3 {
                    continue;
                }
                all.push(Left {
                    commits,
                    reveals,
                    failed_delivery,
                });
            }
        }
    }
    all
}

fn with_callback() -> Terms {
    Terms {
        callback: Some(CallbackLimits {
            ref_time: 1_000_000_000,
            proof_size: 65_536,
            storage_deposit: 7,
        }),
        ..terms(AnswerKind::Bool, 3, 2)
    }
}

fn leave(world: &mut World, left: Left) -> RequestId {
    let id = world.ask(&with_callback()).unwrap();
    for index in 0..left.commits {
        world.commit(id, index, &YES).unwrap();
    }
    for index in 0..left.reveals {
        world.reveal(id, index, &YES).unwrap();
    }
    if left.failed_delivery {
        // The asker is no contract, so nobody can take the answer.
        assert!(world.deliver(id).is_ok());
    }
    id
}

#[test]
fn every_state_has_permissionless_exit() {
    for left in every_state() {
        let mut world = World::new(3);
        let bonds = world.ledger().total;
        let id = leave(&mut world, left);
        // Both windows and the retention, with room for the blocks between them.
        world.pass(60);
        world
            .call::<Phase>(STRANGER, 0, "advance", id)
            .unwrap_or_else(|error| panic!("{left:?}: {error:?}"));
        assert_eq!(
            world.call::<()>(STRANGER, 0, "prune", id),
            Ok(()),
            "{left:?}"
        );
        let mut everybody = vec![ASKER, CARRIER, STRANGER, DEPLOYER, SINK];
        everybody.extend(world.operators.iter().map(|operator| operator.id));
        for account in everybody {
            let owed = world.credit_of(account);
            let paid: Result<Balance, Error> = world.call(STRANGER, 0, "withdraw", account);
            let expected = if owed == 0 {
                Err(Error::NoCredit)
            } else {
                Ok(owed)
            };
            assert_eq!(paid, expected, "{left:?}");
        }
        let silent = left.commits.saturating_sub(left.reveals);
        let forfeits = if left.commits < 2 { 0 } else { silent };
        let forfeited = params().seat_bond * forfeits as Balance;
        let ledger = world.ledger();
        assert_eq!(ledger.total, bonds - forfeited, "{left:?}");
        assert_eq!(ledger.balance, ledger.total, "{left:?}");
        for index in 0..3 {
            assert_eq!(world.operator(index).locked, 0, "{left:?}");
        }
    }
}

#[test]
fn seat_bond_locked_until_last_request() {
    let mut world = World::new(3);
    let (bond, locked) = (params().min_bond, params().seat_bond);
    let ids = [(); 2].map(|()| world.ask(&terms(AnswerKind::Bool, 3, 2)).unwrap());
    for id in ids {
        for index in 0..3 {
            world.commit(id, index, &YES).unwrap();
        }
    }
    let (id, slot) = (world.operators[0].id, world.operators[0].slot);
    for (ended, request) in ids.into_iter().enumerate() {
        let free = bond - locked * (2 - ended as Balance);
        // Whoever asks for more gets what is free, and nothing that a seat has locked.
        let mut other = world.operator(0);
        assert_eq!(world.dry::<()>(id, "unbond", (slot, free + 1)), Ok(()));
        if ended == 0 {
            assert_eq!(world.call(id, 0, "unbond", (slot, free + 1)), Ok(()));
            other = world.operator(0);
            assert_eq!((other.unbonding, other.bond), (free, bond));
        }
        assert_eq!(other.locked, bond - free);
        for index in 0..3 {
            world.reveal(request, index, &YES).unwrap();
        }
    }
    assert_eq!(world.call(id, 0, "unbond", (slot, bond)), Ok(()));
    assert_eq!(world.operator(0).unbonding, bond);
    // Not a block before the unbonding time either.
    let until = world.operator(0).unbonding_until;
    world.jump_to(until - 1);
    let early = world.call::<Balance>(STRANGER, 0, "release", slot);
    assert_eq!(
        early,
        Err(Error::StillUnbonding {
            until,
            now: until - 1
        })
    );
    world.jump_to(until);
    assert_eq!(world.call(STRANGER, 0, "release", slot), Ok(bond));
}

#[test]
fn unbonding_bonds_still_forfeit() {
    let mut world = World::new(3);
    let id = world.ask(&terms(AnswerKind::Bool, 3, 2)).unwrap();
    for index in 0..3 {
        world.commit(id, index, &YES).unwrap();
    }
    let (operator, slot) = (world.operators[2].id, world.operators[2].slot);
    let free = params().min_bond - params().seat_bond;
    assert_eq!(world.call(operator, 0, "unbond", (slot, free)), Ok(()));
    world.reveal(id, 0, &YES).unwrap();
    world.reveal(id, 1, &YES).unwrap();
    world.pass(11);
    assert_eq!(world.call(STRANGER, 0, "advance", id), Ok(Phase::Ended));
    let view = world.operator(2);
    assert_eq!((view.bond, view.locked, view.silent), (free, 0, 1));
    assert_eq!(view.forfeited, params().seat_bond);
}

#[test]
fn no_reroll_after_first_commit() {
    let mut world = World::new(3);
    let asked = terms(AnswerKind::Bool, 3, 2);
    let id = world.ask(&asked).unwrap();
    let before = world.request(id);
    world.commit(id, 0, &YES).unwrap();
    let slot = world.operators[0].slot;
    assert_eq!(
        world.commit(id, 0, &NO),
        Err(Error::SeatTakenBySame { slot })
    );
    // Who asks again gets another request, and cannot end the first one.
    assert_eq!(world.ask(&asked), Ok(id + 1));
    for caller in [ASKER, STRANGER, DEPLOYER] {
        assert_eq!(
            world.call::<()>(caller, 0, "prune", id),
            Err(Error::NotEnded)
        );
        assert_eq!(world.call(caller, 0, "advance", id), Ok(Phase::Committing));
    }
    let after = world.request(id);
    assert_eq!(after.terms_digest, before.terms_digest);
    assert_eq!(
        after.summary.commit_deadline,
        before.summary.commit_deadline
    );
    assert_eq!(world.view::<Option<Terms>>("terms", id), Some(asked));
    assert_eq!(after.seats.len(), 1);
}

#[test]
fn oversized_inputs_are_refused_before_storage() {
    let mut world = World::new(3);
    let good = terms(AnswerKind::Bool, 3, 2);
    let with = |change: &dyn Fn(&mut Terms)| {
        let mut bad = good.clone();
        change(&mut bad);
        bad
    };
    let long = vec![b'x'; MAX_PROMPT_BYTES as usize + 1];
    let option = |number: u8| vec![number; MAX_OPTION_BYTES as usize + 1];
    let cases = [
        with(&|terms| terms.prompt = long.clone()),
        with(&|terms| {
            terms.prompt = long[1..].to_vec();
            terms.system = Some(long[..4_096].to_vec());
        }),
        with(&|terms| terms.model = ModelRef::Name(vec![b'm'; 65])),
        with(&|terms| terms.seats = MAX_SEATS + 1),
        with(&|terms| {
            terms.answer = AnswerKind::Choice {
                options: vec![option(1), option(2)],
            }
        }),
        with(&|terms| {
            terms.answer = AnswerKind::Choice {
                options: (0..33).map(|number| vec![number]).collect(),
            }
        }),
        with(&|terms| {
            terms.assignment = Assignment::Named {
                operators: (0..33).map(|number| AccountId([number; 32])).collect(),
            }
        }),
    ];
    let total = world.ledger().total;
    for (number, bad) in cases.into_iter().enumerate() {
        let outcome = world.send(ASKER, 100 * UNIT, "ask", &(&bad, REWARD, false));
        assert!(!outcome.succeeded(), "case {number}");
        assert_eq!(outcome.deposit_signed(), 0);
    }
    let id = world.ask(&good).unwrap();
    assert_eq!(id, 0, "no id is used up by what is refused");
    let entry = world.commit_entry(id, 0, &YES);
    let many = vec![entry; MAX_BATCH_ENTRIES as usize + 1];
    let refused = world.call::<Batch>(CARRIER, 0, "commit_batch", many);
    assert!(
        matches!(refused, Err(Error::BatchSize { .. })),
        "{refused:?}"
    );
    assert_eq!(world.request(id).summary.committed, 0);
    let needed = (REWARD + world.seat_fee()) * 3;
    assert_eq!(world.ledger().total, total + needed);
    // A slot that nobody has is no reason to stop for good.
    let nobody = world.call::<Balance>(STRANGER, 0, "release", Slot::MAX);
    assert_eq!(nobody, Err(Error::NoSuchOperator { slot: Slot::MAX }));
}
