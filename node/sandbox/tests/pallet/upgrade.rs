//! Version 3 in the place of version 2, in the middle of requests in every phase.

use codec::Encode;
use llm_oracle_primitives::{
    AccountId, AnswerKind, CallbackLimits, Error, Hash, Outcome, Phase, RequestId, RevealEntry,
    Sampling, digest,
};
use llm_oracle_sandbox::{Sandbox, runtime::Contracts};

use crate::{
    features::{carry, outcome},
    keys::{Operator, secrets},
    world::{
        ASKER, CARRIER, DEPLOYER, GENESIS, NO, Raw, SINK, STRANGER, UNIT, World, YES, on_chain,
        params, terms,
    },
};

/// What an ask under version 2 needs: its terms had no sources, families or confidence, and its digest
/// no reward.
fn terms_of_version_2(drawn: bool, limits: Option<CallbackLimits>) -> (Vec<u8>, Hash) {
    let (text, nothing) = (b"is the sky blue?".to_vec(), 0u8);
    let assignment = if drawn { 2u8 } else { 0u8 };
    let asked = (
        (nothing, nothing, text, nothing),
        (AnswerKind::Bool, Sampling::default(), 3u8, 2u8, assignment),
        (false, 10u32, 10u32, limits, None::<AccountId>),
    )
        .encode();
    let tagged = [&b"llm-oracle/terms/1"[..], ASKER.as_ref(), &asked].concat();
    (asked.clone(), digest::blake2(&tagged))
}

/// The code of version 2, with registered operators and the parameters of [`params`].
fn oracle_of_version_2(operators: u8) -> World {
    let code = include_bytes!("../fixtures/llm_oracle_2.wasm");
    let now = params();
    let amounts = [
        now.min_bond,
        now.seat_bond,
        now.min_reward,
        now.commit_fee,
        now.delivery_reward,
    ];
    let numbers = [
        now.fee_ppm,
        now.effort_ppm,
        now.effort_ppm,
        now.report_ppm,
        now.open_delay,
        now.min_window,
        now.max_window,
        now.delivery_blocks,
        now.retention_blocks,
        now.unbonding_blocks,
        now.upgrade_delay_blocks + 8,
        2,
        8,
    ];
    let arguments = (GENESIS, amounts, numbers, Some(SINK));
    let mut world = World::deploy_code(Sandbox::new(), code, &arguments, 0);
    let config: Vec<u8> = world.view::<Raw>("config", ()).0;
    // The version, then the domain.
    world.config.domain = config[4..36].try_into().unwrap();
    for seed in 1..=operators {
        let mut operator = Operator::new(seed);
        let parts = [
            &b"llm-oracle/register/1"[..],
            &world.config.domain,
            world.oracle.as_ref(),
            operator.id.as_ref(),
        ];
        let arguments = (operator.id, operator.sign(&parts.concat()));
        let bond = now.min_bond;
        operator.slot = world.call(CARRIER, bond, "register", arguments).unwrap();
        world.operators.push(operator);
    }
    world
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
