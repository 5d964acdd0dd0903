//! Open answers, sets and families, equivocation and the owner's powers, on the pallet.

use llm_oracle_primitives::{
    AccountId, Answer, AnswerKind, AnswerState, Assignment, Balance, Equivocation, Error,
    LeastRecord, OperatorView, Outcome, Params, Phase, RequestId, SeatAnswer, SignedAnswer, digest,
    limits,
};

use crate::{
    keys::{SURE, secrets},
    world::{ASKER, CARRIER, DEPLOYER, NO, STRANGER, UNIT, World, YES, on_chain, params, terms},
};

pub fn outcome(world: &mut World, id: RequestId) -> Outcome {
    match world.answer_of(id) {
        Ok(AnswerState::Final(outcome)) => outcome,
        other => panic!("request {id}: {other:?}"),
    }
}

/// Commits and reveals; no call may move a storage deposit.
pub fn carry(world: &mut World, id: RequestId, seats: &[(usize, Answer)]) {
    for (index, answer) in seats {
        let entry = world.commit_entry(id, *index, answer);
        let sent = world.send(CARRIER, 0, "commit", &entry);
        assert!(sent.succeeded(), "{sent:?}");
        assert_eq!(sent.deposit_signed(), 0, "commit of request {id}");
    }
    for (index, answer) in seats {
        let entry = world.reveal_entry(id, *index, answer);
        let sent = world.send(CARRIER, 0, "reveal", &entry);
        assert!(sent.succeeded(), "{sent:?}");
        assert_eq!(sent.deposit_signed(), 0, "reveal of request {id}");
    }
}

/// What the oracle holds for storage, planck.
fn held(world: &mut World) -> Balance {
    let oracle = on_chain(world.oracle);
    world.sandbox.on_hold(&oracle)
}

#[test]
fn texts_of_the_greatest_length_move_no_deposit_and_leave_nothing() {
    let mut world = World::new(3);
    let before = held(&mut world);
    let longest = limits::MAX_ANSWER_BYTES as usize;
    let text = |byte| Answer::Text(vec![byte; longest]);
    let answers = [(0, text(b'a')), (1, text(b'b')), (2, text(b'a'))];
    let max_bytes = limits::MAX_ANSWER_BYTES;
    let asked = terms(AnswerKind::Text { max_bytes }, 3, 2);
    let id = world.ask(&asked).unwrap();
    carry(&mut world, id, &answers);
    let Outcome::Answered { answer, margin } = outcome(&mut world, id) else {
        panic!("not answered");
    };
    assert_eq!((answer, margin.agreeing), (text(b'a'), 2));
    let seats = world.request(id).seats;
    let digests = seats.into_iter().map(|seat| seat.answer.unwrap());
    for (shown, (_, answer)) in digests.zip(&answers) {
        assert_eq!(shown, SeatAnswer::Digest(digest::answer_digest(answer)));
    }
    world.pass(10);
    assert_eq!(world.call(ASKER, 0, "prune", id), Ok(()));
    // The dissenter's reward was refunded; what is owed keeps the asker's account open.
    world
        .call::<Balance>(STRANGER, 0, "withdraw", ASKER)
        .unwrap();
    // The pallet refunds its share of all deposits and rounds down: a planck a call may stay.
    let left = held(&mut world) - before;
    assert!(left < 10, "{left} planck of deposits stayed behind");
}

#[test]
fn the_longest_texts_fit_a_batch_and_one_more_does_not() {
    let mut world = World::new(8);
    let max_bytes = limits::MAX_ANSWER_BYTES;
    let asked = terms(AnswerKind::Text { max_bytes }, 8, 5);
    let id = world.ask(&asked).unwrap();
    let answer = Answer::Text(vec![b'x'; max_bytes as usize]);
    for index in 0..8 {
        world.commit(id, index, &answer).unwrap();
    }
    let entries: Vec<_> = (0..8)
        .map(|index| world.reveal_entry(id, index, &answer))
        .collect();
    // ink! reads at most 16 KiB of input; beyond it the call traps and nothing has happened.
    let over = world.send(CARRIER, 0, "reveal_batch", &entries);
    assert!(!over.succeeded(), "{over:?}");
    assert_eq!(world.request(id).summary.revealed, 0);
    let most = limits::MAX_BATCH_BYTES as usize;
    let inside = &entries[..6];
    assert!(codec::Encode::encode(&inside).len() <= most);
    let fine: Vec<Result<(), Error>> = vec![Ok(()); 6];
    assert_eq!(world.call(CARRIER, 0, "reveal_batch", inside), Ok(fine));
}

#[test]
fn sybil_bounds() {
    // `Named`: whoever is not listed takes no seat, however many keys it registers.
    let mut world = World::new(12);
    let mut asked = terms(AnswerKind::Bool, 3, 2);
    asked.assignment = Assignment::Named {
        operators: world.operators[..3].iter().map(|one| one.id).collect(),
    };
    let id = world.ask(&asked).unwrap();
    for index in 3..12 {
        let slot = world.operators[index].slot;
        let refused = world.commit(id, index, &YES);
        assert_eq!(refused, Err(Error::NotNamed { slot }));
    }
    // A published set: the same, and nobody enters it later.
    let members: Vec<AccountId> = world.operators[..4].iter().map(|one| one.id).collect();
    let set: u32 = world.call(STRANGER, 0, "publish_set", members).unwrap();
    asked.assignment = Assignment::Set(set);
    let id = world.ask(&asked).unwrap();
    for index in 4..12 {
        let slot = world.operators[index].slot;
        let refused = world.commit(id, index, &YES);
        assert_eq!(refused, Err(Error::NotInSet { slot, set }));
    }
    carry(&mut world, id, &[(3, YES), (0, YES), (1, YES)]);
    // A limit of seats a family holds for whoever declares it.
    for index in [0, 1, 2] {
        let (key, slot) = (world.operators[index].id, world.operators[index].slot);
        world.fund(key, UNIT);
        let declared = world.call::<()>(key, 0, "declare_family", (slot, b"m-1".to_vec()));
        assert_eq!(declared, Ok(()));
    }
    asked.assignment = Assignment::open();
    asked.max_seats_per_family = 1;
    let id = world.ask(&asked).unwrap();
    world.commit(id, 0, &YES).unwrap();
    for index in [1, 2] {
        let slot = world.operators[index].slot;
        let refused = world.commit(id, index, &YES);
        assert_eq!(refused, Err(Error::FamilyFull { slot, most: 1 }));
    }
    // `Open` gives no such protection: whoever is first takes all seats.
    let id = world.ask(&terms(AnswerKind::Bool, 3, 2)).unwrap();
    carry(&mut world, id, &[(9, NO), (10, NO), (11, NO)]);
}

#[test]
fn a_record_is_asked_for_at_the_commit() {
    let mut world = World::new(2);
    let mut asked = terms(AnswerKind::Bool, 1, 1);
    let least = LeastRecord {
        agreement_ppm: 500_000,
        answers: 1,
    };
    asked.assignment = Assignment::Open { least };
    let id = world.ask(&asked).unwrap();
    let refused = world.commit(id, 0, &YES);
    assert!(
        matches!(refused, Err(Error::RecordTooLow { .. })),
        "{refused:?}"
    );
    let other = world.ask(&terms(AnswerKind::Bool, 1, 1)).unwrap();
    carry(&mut world, other, &[(0, YES)]);
    assert_eq!(world.operator(0).agreement_ppm, 1_000_000);
    carry(&mut world, id, &[(0, YES)]);
}

fn report(world: &mut World, id: RequestId, index: usize) -> Equivocation {
    let context = world.context(id, index);
    let (_, evidence) = secrets(&context);
    let [first, second] = [YES, NO].map(|answer| SignedAnswer {
        answer: digest::answer_digest(&answer),
        confidence: SURE,
        evidence,
        signature: world.operators[index]
            .sign(&digest::answer_message(&context, &answer, SURE, &evidence)),
    });
    Equivocation {
        request_id: id,
        terms_digest: context.terms_digest,
        slot: world.operators[index].slot,
        first,
        second,
    }
}

#[test]
fn equivocation_forfeits_what_is_free_at_once_and_each_seat_when_it_ends() {
    let mut world = World::new(2);
    let id = world.ask(&terms(AnswerKind::Bool, 2, 2)).unwrap();
    for index in [0, 1] {
        world.commit(id, index, &YES).unwrap();
    }
    let proof = report(&mut world, id, 0);
    let reward: Balance = world
        .call(STRANGER, 0, "report_equivocation", &proof)
        .unwrap();
    let free = params().min_bond - params().seat_bond;
    assert_eq!((reward, world.credit_of(STRANGER)), (free / 20, free / 20));
    for index in [0, 1] {
        world.reveal(id, index, &YES).unwrap();
    }
    let barred: OperatorView = world.operator(0);
    assert!(barred.barred);
    assert_eq!((barred.bond, barred.locked, barred.agreed), (0, 0, 1));
    assert_eq!(world.request(id).seats[0].forfeited, params().seat_bond);
    let ledger = world.ledger();
    assert_eq!(ledger.total, ledger.balance);
    let again = world.call::<Balance>(STRANGER, 0, "report_equivocation", &proof);
    assert_eq!(again, Err(Error::Barred { slot: 0 }));
}

#[test]
fn a_pause_at_every_phase_stops_nothing_that_has_begun() {
    for phase in 0..5 {
        let mut world = World::new(3);
        let id = world.ask(&terms(AnswerKind::Bool, 3, 2)).unwrap();
        let pause = |world: &mut World, at| {
            if phase == at {
                assert_eq!(world.call(DEPLOYER, 0, "set_paused", true), Ok(()));
                let refused = world.ask(&terms(AnswerKind::Bool, 1, 1));
                assert_eq!(refused, Err(Error::Paused));
            }
        };
        pause(&mut world, 0);
        for index in 0..3 {
            world.commit(id, index, &YES).unwrap();
            pause(&mut world, 1);
        }
        pause(&mut world, 2);
        for index in 0..3 {
            world.reveal(id, index, &YES).unwrap();
            if index == 1 {
                pause(&mut world, 3);
            }
        }
        pause(&mut world, 4);
        assert!(matches!(outcome(&mut world, id), Outcome::Answered { .. }));
        world.pass(10);
        assert_eq!(world.call(ASKER, 0, "prune", id), Ok(()));
        let operator = world.operators[0].id;
        world
            .call::<Balance>(STRANGER, 0, "withdraw", operator)
            .unwrap();
    }
}

#[test]
fn parameters_announced_in_the_middle_touch_no_open_request() {
    let mut world = World::new(2);
    let id = world.ask(&terms(AnswerKind::Bool, 2, 2)).unwrap();
    world.commit(id, 0, &YES).unwrap();
    let next = Params {
        seat_bond: 2 * params().seat_bond,
        fee_ppm: 200_000,
        ..params()
    };
    let from: u32 = world.call(DEPLOYER, 0, "announce_params", next).unwrap();
    // The announcement comes into force while the request is still to be settled.
    world.jump_to(from);
    let config: llm_oracle_primitives::Config = world.view("config", ());
    assert_eq!(config.params, next);
    assert_eq!(world.call(STRANGER, 0, "advance", id), Ok(Phase::Ended));
    let view = world.request(id);
    assert_eq!((view.seat_bond, view.fee), (params().seat_bond, 0));
    let operator = world.operator(0);
    assert_eq!((operator.locked, operator.bond), (0, params().min_bond));
}

#[test]
fn code_that_was_never_uploaded_is_not_announced() {
    let mut world = World::new(0);
    let before = world.code_hash();
    let refused = world.call::<u32>(DEPLOYER, 0, "announce_upgrade", [7u8; 32]);
    assert_eq!(refused, Err(Error::NoSuchCode));
    assert_eq!(world.code_hash(), before);
    // Code that is there is announced and not installed.
    let zoo = crate::world::wasm("zoo");
    let hash = world.sandbox.upload(&zoo, on_chain(DEPLOYER)).unwrap();
    let announced = world.call::<u32>(DEPLOYER, 0, "announce_upgrade", hash.0);
    assert!(announced.is_ok(), "{announced:?}");
    assert_eq!(world.code_hash(), before);
}
