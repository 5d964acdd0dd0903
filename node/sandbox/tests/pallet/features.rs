//! Open answers, sets and families, equivocation and the owner's powers, on the pallet.

use llm_oracle_primitives::{
    AccountId, Answer, AnswerKind, AnswerState, Assignment, Balance, Equivocation, Error, Hash,
    LeastRecord, OperatorView, Outcome, Params, Phase, RequestId, RevealEntry, SeatAnswer,
    SignedAnswer, digest, limits,
};
use llm_oracle_sandbox::runtime::Contracts;

use crate::{
    keys::{SURE, secrets},
    world::{
        ASKER, CARRIER, DEPLOYER, NO, Raw, STRANGER, UNIT, World, YES, on_chain,
        oracle_of_version_2, params, terms, terms_of_version_2,
    },
};

fn outcome(world: &mut World, id: RequestId) -> Outcome {
    match world.answer_of(id) {
        Ok(AnswerState::Final(outcome)) => outcome,
        other => panic!("request {id}: {other:?}"),
    }
}

/// Commits and reveals; no call may move a storage deposit.
fn carry(world: &mut World, id: RequestId, seats: &[(usize, Answer)]) {
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

/// The oracle of version 2, its storage as that code wrote it, and a request in each phase.
pub struct Before {
    pub world: World,
    pub committing: RequestId,
    revealing: RequestId,
    settled: RequestId,
    drawn: RequestId,
    /// Digest of the terms of requests that are not drawn.
    terms_digest: Hash,
}

/// A seat's context under version 2.
fn context_2(world: &World, id: RequestId, terms: Hash, index: usize) -> digest::Context {
    digest::Context {
        domain: world.config.domain,
        contract: world.oracle,
        request_id: id,
        terms_digest: terms,
        round: 0,
        phase: 0,
        operator: world.operators[index].id,
        model: 0,
    }
}

fn commit_2(world: &mut World, id: RequestId, terms: Hash, index: usize) {
    let context = context_2(world, id, terms, index);
    let (salt, evidence) = secrets(&context);
    let commitment = digest::commitment(&context, &YES, None, &evidence, &salt);
    let until = world.block() + 100;
    let message = digest::seat_message(&context, &commitment, &evidence, until);
    let operator = &world.operators[index];
    let permission = Some((until, operator.sign(&message)));
    // Version 2 had a model number behind the slot.
    let entry = (id, operator.slot, 0u32, commitment, evidence, permission);
    world.call::<()>(CARRIER, 0, "commit", entry).unwrap();
}

/// The salt, the evidence and the signature that reveal a seat of version 2.
fn reveal_2(world: &World, id: RequestId, terms: Hash, index: usize) -> RevealEntry {
    let context = context_2(world, id, terms, index);
    let (salt, evidence) = secrets(&context);
    let message = digest::answer_message(&context, &YES, None, &evidence);
    RevealEntry {
        request_id: id,
        slot: world.operators[index].slot,
        answer: YES,
        confidence: 0,
        salt,
        signature: world.operators[index].sign(&message),
    }
}

pub fn version_2() -> Before {
    let mut world = oracle_of_version_2(3);
    let ask = |world: &mut World, drawn| {
        let (asked, digest) = terms_of_version_2(drawn, None);
        let arguments = [asked, codec::Encode::encode(&crate::world::REWARD)].concat();
        let id: RequestId = world.call(ASKER, UNIT, "ask", Raw(arguments)).unwrap();
        (id, digest)
    };
    let (committing, terms_digest) = ask(&mut world, false);
    commit_2(&mut world, committing, terms_digest, 0);
    let (revealing, _) = ask(&mut world, false);
    let (settled, _) = ask(&mut world, false);
    let (drawn, of_drawn) = ask(&mut world, true);
    for index in 0..3 {
        commit_2(&mut world, revealing, terms_digest, index);
        commit_2(&mut world, settled, terms_digest, index);
    }
    for index in 0..3 {
        let entry = reveal_2(&world, settled, terms_digest, index);
        let (id, slot) = (entry.request_id, entry.slot);
        let entry = (id, slot, entry.answer, entry.salt, entry.signature);
        world.call::<()>(CARRIER, 0, "reveal", entry).unwrap();
    }
    world.pass(9);
    // Its committee is drawn by now, of all three: one takes its seat.
    commit_2(&mut world, drawn, of_drawn, 0);
    Before {
        world,
        committing,
        revealing,
        settled,
        drawn,
        terms_digest,
    }
}

/// Announces the code of this version and installs it when it is due, in the middle of everything.
pub fn upgrade(world: &mut World) {
    let code = crate::world::wasm("llm_oracle");
    let hash = world.sandbox.upload(&code, on_chain(DEPLOYER)).unwrap();
    let oracle = on_chain(world.oracle);
    world.sandbox.execute(|| {
        let root = llm_oracle_sandbox::RuntimeOrigin::root();
        Contracts::set_code(root, oracle.into(), hash).unwrap();
    });
    world.config = world.view("config", ());
}

#[test]
fn upgrade_mid_request() {
    let mut before = version_2();
    let ledger = before.world.ledger();
    upgrade(&mut before.world);
    let Before {
        mut world,
        committing,
        revealing,
        settled,
        drawn,
        terms_digest,
    } = before;
    assert_eq!(world.config.interface_version, 3);
    assert_eq!(world.config.params.seat_bond, params().seat_bond);
    assert_eq!(world.ledger(), ledger);
    assert!(matches!(
        outcome(&mut world, settled),
        Outcome::Answered { .. }
    ));
    for index in 0..3 {
        let operator = world.operator(index);
        assert_eq!(operator.owner, operator.operator);
        assert_eq!((operator.first_id, operator.agreed), (0, 1));
    }

    // What was committed before is revealed as it was signed then, and no cell changes its size.
    for index in 0..3 {
        let entry = reveal_2(&world, revealing, terms_digest, index);
        let sent = world.send(CARRIER, 0, "reveal", &entry);
        assert!(sent.succeeded(), "{sent:?}");
        let deposit = sent.deposit_signed();
        if index < 2 {
            assert_eq!(deposit, 0);
        } else {
            // Its end writes the treasury without the beacon that stood behind it.
            assert!(deposit < 0, "{deposit}");
        }
    }
    assert!(matches!(
        outcome(&mut world, revealing),
        Outcome::Answered { .. }
    ));
    // Nobody takes another seat. What was committed is released at the deadline.
    let answer = world.commit(committing, 1, &YES);
    let refused = Err(Error::AskedBefore {
        interface_version: 2,
    });
    assert_eq!(answer, refused);
    world.pass(20);
    for id in [committing, drawn] {
        assert_eq!(world.call(STRANGER, 0, "advance", id), Ok(Phase::Ended));
        assert_eq!(outcome(&mut world, id), Outcome::Expired);
        assert_eq!(world.request(id).seats[0].forfeited, 0);
    }
    for id in [committing, revealing, settled, drawn] {
        assert_eq!(world.call(ASKER, 0, "prune", id), Ok(()));
    }
    for index in 0..3 {
        assert_eq!(world.operator(index).locked, 0);
    }
    let id = world.ask(&terms(AnswerKind::Bool, 3, 2)).unwrap();
    carry(&mut world, id, &[(0, YES), (1, YES), (2, NO)]);
    let ledger = world.ledger();
    assert_eq!(ledger.total, ledger.balance);

    // And the owner can announce the next code.
    let hash = world.code_hash();
    let from: u32 = world.call(DEPLOYER, 0, "announce_upgrade", hash).unwrap();
    let now = world.block();
    let early = world.call::<()>(DEPLOYER, 0, "upgrade", ());
    assert_eq!(early, Err(Error::NotDueYet { from, now }));
    world.jump_to(from);
    let refused = world.call::<()>(STRANGER, 0, "upgrade", ());
    assert_eq!(refused, Err(Error::NotTheOwner));
    assert_eq!(world.call(DEPLOYER, 0, "upgrade", ()), Ok(()));
    assert_eq!(world.code_hash(), hash);
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
