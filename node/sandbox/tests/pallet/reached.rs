//! Every error and every state is reached: random calls reach most, the rest is aimed at.

use codec::Decode;
use llm_oracle_primitives::{
    AccountId, Answer, AnswerKind, Assignment, CallbackLimits, DeliveryStatus, Equivocation, Error,
    ModelRef, RequestId, SignedAnswer, Source, Terms, limits,
};
use llm_oracle_sandbox::{EXISTENTIAL_DEPOSIT, Limits};

use crate::{
    keys::answer_entry,
    solvency,
    world::{
        ASKER, Batch, CARRIER, DEPLOYER, REWARD, STRANGER, UNIT, World, YES, input, params,
        returned, terms,
    },
    zoo::{LIMITS, Zoo, mode},
};

/// Seed of the random calls. Fixed: what is not aimed at below must be reached each time.
const SEED: u64 = 20;
/// So many of them.
const CALLS: u64 = 6_000;

#[test]
fn every_error_and_state_is_reached() {
    let (calls, mut coverage) = solvency::run(SEED, CALLS);
    for error in [
        wrong_terms(),
        wrong_answers(),
        wrong_operators(),
        asked_before(),
        wrong_times(),
        wrong_calls(),
        wrong_deliveries(),
    ]
    .concat()
    {
        coverage.error(&error);
    }
    println!("{calls} random calls and those aimed at the rest:");
    coverage.print();
    let none: [String; 0] = [];
    assert_eq!(
        coverage.errors_missing(),
        none,
        "errors that nothing reaches"
    );
    assert_eq!(
        coverage.states_missing(),
        none,
        "states that nothing reaches"
    );
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> Error {
    result.expect_err("this is refused")
}

fn yes_or_no() -> Terms {
    terms(AnswerKind::Bool, 2, 2)
}

/// What can be wrong with an ask.
fn wrong_terms() -> Vec<Error> {
    let mut world = World::new(2);
    let (oracle, one) = (world.oracle, world.operators[0].id);
    let choice = |options: Vec<Vec<u8>>| AnswerKind::Choice { options };
    let kind = |answer| move |terms: &mut Terms| terms.answer = answer;
    let long = limits::MAX_TERMS_BYTES as usize;
    let option = |length: u32| vec![b'x'; length as usize];
    let no_time = CallbackLimits {
        ref_time: 0,
        ..LIMITS
    };
    let mutations: Vec<Box<dyn FnOnce(&mut Terms)>> = vec![
        Box::new(|terms| terms.model = ModelRef::Name(vec![])),
        Box::new(|terms| terms.prompt = vec![]),
        Box::new(|terms| terms.prompt = vec![b'x'; limits::MAX_PROMPT_BYTES as usize + 1]),
        Box::new(|terms| terms.sources = vec![page(b"https://a.b"); 9]),
        Box::new(|terms| terms.sources = vec![page(b"ftp://a.b")]),
        Box::new(|terms| terms.min_confidence = 101),
        Box::new(|terms| terms.not_before = 10_000_000),
        Box::new(|terms| terms.assignment = Assignment::Set(9)),
        Box::new(move |terms| terms.system = Some(vec![b'x'; long])),
        Box::new(|terms| terms.one_step = true),
        Box::new(move |terms| {
            terms.assignment = Assignment::Named {
                operators: vec![one, one],
            };
        }),
        Box::new(kind(choice(vec![option(1)]))),
        Box::new(kind(choice(vec![
            option(limits::MAX_OPTION_BYTES + 1),
            option(1),
        ]))),
        Box::new(kind(choice(vec![option(1), option(1)]))),
        Box::new(kind(AnswerKind::Number {
            scale: limits::MAX_SCALE + 1,
            tolerance: 0,
        })),
        Box::new(kind(AnswerKind::Json { schema: vec![] })),
        Box::new(move |terms| terms.callback = Some(no_time)),
        Box::new(move |terms| terms.refund_to = Some(oracle)),
    ];
    let mut errors: Vec<_> = mutations
        .into_iter()
        .map(|mutate| {
            let mut asked = yes_or_no();
            mutate(&mut asked);
            refusal(world.call::<RequestId>(ASKER, UNIT, "ask", (&asked, REWARD, false)))
        })
        .collect();
    let priceless = (yes_or_no(), u128::MAX, false);
    errors.push(refusal(
        world.call::<RequestId>(ASKER, UNIT, "ask", priceless),
    ));
    // Who is named could not take a seat.
    let leaves = (0u32, u128::MAX);
    world.call::<()>(one, 0, "unbond", leaves).unwrap();
    let mut named = yes_or_no();
    named.assignment = Assignment::Named {
        operators: world.operators.iter().map(|one| one.id).collect(),
    };
    errors.push(refusal(world.ask(&named)));
    errors
}

fn page(url: &[u8]) -> Source {
    Source::Page {
        url: url.to_vec(),
        must: false,
    }
}

/// What operators and sets can do wrong.
fn wrong_operators() -> Vec<Error> {
    let mut world = World::new(3);
    let ids: Vec<AccountId> = world.operators.iter().map(|one| one.id).collect();
    let mut errors = Vec::new();
    let none: Vec<AccountId> = vec![];
    errors.push(refusal(world.call::<u32>(ASKER, 0, "publish_set", none)));
    let long = (0u32, vec![b'x'; 33]);
    errors.push(refusal(world.call::<()>(ids[0], 0, "declare_family", long)));
    let owner = (0u32, STRANGER);
    errors.push(refusal(world.call::<()>(STRANGER, 0, "name_owner", owner)));
    let set: u32 = world.call(ASKER, 0, "publish_set", &ids[..2]).unwrap();
    let mut asked = yes_or_no();
    asked.assignment = Assignment::Set(set);
    let id = world.ask(&asked).unwrap();
    errors.push(refusal(world.commit(id, 2, &YES)));
    let mut mixed = yes_or_no();
    mixed.max_seats_per_family = 1;
    let id = world.ask(&mixed).unwrap();
    world.commit(id, 0, &YES).unwrap();
    errors.push(refusal(world.commit(id, 1, &YES)));
    errors
}

/// What can be wrong with an answer.
fn wrong_answers() -> Vec<Error> {
    let mut world = World::new(3);
    let options = vec![b"a".to_vec(), b"b".to_vec()];
    let kinds = [
        (AnswerKind::Bool, Answer::Number(1)),
        (AnswerKind::Choice { options }, Answer::Choice(2)),
        (
            AnswerKind::Text { max_bytes: 2 },
            Answer::Text(vec![b'x'; 3]),
        ),
    ];
    let mut errors = Vec::new();
    for (kind, answer) in kinds {
        let id = world.ask(&terms(kind, 1, 1)).unwrap();
        world.commit(id, 0, &answer).unwrap();
        errors.push(refusal(world.reveal(id, 0, &answer)));
    }
    let id = world.ask(&terms(AnswerKind::Bool, 1, 1)).unwrap();
    world.commit(id, 0, &YES).unwrap();
    errors.push(refusal(world.reveal(id, 0, &Answer::Bool(false))));
    let mut at_once = terms(AnswerKind::Bool, 1, 1);
    at_once.one_step = true;
    let id = world.ask(&at_once).unwrap();
    let context = world.context(id, 0);
    let mut salted = answer_entry(&world.operators[0], &context, &YES);
    salted.salt = [1; 32];
    errors.push(refusal(world.call::<()>(CARRIER, 0, "answer", salted)));
    let mut named = yes_or_no();
    named.assignment = Assignment::Named {
        operators: world.operators[..2].iter().map(|one| one.id).collect(),
    };
    let id = world.ask(&named).unwrap();
    errors.push(refusal(world.commit(id, 2, &YES)));
    errors
}

/// What comes too early.
fn wrong_times() -> Vec<Error> {
    let late = llm_oracle_primitives::Params {
        open_delay: 3,
        ..params()
    };
    let mut world = World::with_params(late, 1);
    let id = world.ask(&terms(AnswerKind::Bool, 1, 1)).unwrap();
    let early = refusal(world.commit(id, 0, &YES));
    let operator = world.operators[0].id;
    let all = (0u32, params().min_bond);
    world.call::<()>(operator, 0, "unbond", all).unwrap();
    vec![
        early,
        refusal(world.call::<u128>(STRANGER, 0, "release", 0u32)),
    ]
}

/// What nobody may send.
fn wrong_calls() -> Vec<Error> {
    let mut world = World::new(1);
    let nothing: Vec<llm_oracle_primitives::CommitEntry> = vec![];
    let mut errors = vec![refusal(world.call::<Batch>(
        CARRIER,
        0,
        "commit_batch",
        nothing,
    ))];
    let absent = world.call::<u32>(DEPLOYER, 0, "announce_upgrade", [9u8; 32]);
    errors.push(refusal(absent));
    let code = world.code_hash();
    let announced: Result<u32, Error> = world.call(DEPLOYER, 0, "announce_upgrade", code);
    errors.push(refusal(world.call::<()>(DEPLOYER, 0, "upgrade", ())));
    world.jump_to(announced.unwrap() + 10_000);
    let same = SignedAnswer {
        answer: [1; 32],
        confidence: None,
        evidence: [2; 32],
        signature: [3; 64],
    };
    let report = Equivocation {
        request_id: 0,
        terms_digest: [4; 32],
        slot: 0,
        first: same.clone(),
        second: same,
    };
    let reported = world.call::<u128>(STRANGER, 0, "report_equivocation", report);
    errors.push(refusal(reported));
    errors.push(refusal(world.call::<()>(DEPLOYER, 0, "upgrade", ())));

    let id = world.ask(&terms(AnswerKind::Bool, 1, 1)).unwrap();
    let entries = vec![world.commit_entry(id, 0, &YES)];
    let mut low = Limits::default();
    low.gas = low.gas.set_ref_time(limits::BATCH_RESERVE_REF_TIME / 2);
    let outcome = world.send_with(CARRIER, 0, "commit_batch", &entries, low);
    let results: Result<Batch, Error> = returned(&outcome).unwrap();
    errors.push(refusal(results.unwrap()[0]));

    let poor = AccountId([0x77; 32]);
    let mut asked = terms(AnswerKind::Bool, 1, 1);
    asked.refund_to = Some(poor);
    let price = REWARD + world.seat_fee() + EXISTENTIAL_DEPOSIT - 1;
    let asked = (asked, REWARD, false);
    world.call::<RequestId>(ASKER, price, "ask", asked).unwrap();
    errors.push(refusal(world.call::<u128>(STRANGER, 0, "withdraw", poor)));

    // The constructor returns its refusal with the revert flag.
    let mut wrong = params();
    wrong.min_bond = 0;
    for (unit, params) in [(UNIT, wrong), (7, params())] {
        let arguments = (crate::world::GENESIS, unit, params, Some(STRANGER));
        let deployer = crate::world::on_chain(DEPLOYER);
        let code = crate::world::wasm("llm_oracle");
        let arguments = input("new", &arguments);
        let refused = world
            .sandbox
            .upload_and_instantiate(&code, arguments, 0, vec![9], deployer);
        let Err(llm_oracle_sandbox::InstantiateError::Reverted(data)) = refused else {
            panic!("not reverted: {refused:?}");
        };
        let refused = <Result<Result<(), Error>, u8>>::decode(&mut &data[..]).unwrap();
        errors.push(refusal(refused.unwrap()));
    }
    errors
}

/// A request of version 2 takes no more seats.
fn asked_before() -> Vec<Error> {
    let mut before = crate::upgrade::version_2();
    crate::upgrade::upgrade(&mut before.world);
    let world = &mut before.world;
    vec![refusal(world.commit(before.committing, 1, &YES))]
}

/// How a delivery can fail to begin.
fn wrong_deliveries() -> Vec<Error> {
    let mut zoo = Zoo::new(1);
    let id = zoo.answered(mode::FINE);
    let mut errors = vec![refusal(zoo.forward::<DeliveryStatus>("deliver", &id))];
    let mut low = Limits::default();
    low.gas = low.gas.set_ref_time(LIMITS.ref_time / 2);
    let outcome = zoo.world.send_with(CARRIER, 0, "deliver", &id, low);
    let starved: Result<DeliveryStatus, Error> = returned(&outcome).unwrap();
    errors.push(refusal(starved));
    zoo.behave_with(mode::REENTER, &input("prune", &id), 0);
    zoo.world.deliver(id).unwrap();
    errors.push(refusal(zoo.seen().reentry::<()>()));
    errors
}
