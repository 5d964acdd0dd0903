//! Every error and every state is reached: random calls reach most, the rest is aimed at.

use codec::Decode;
use llm_oracle_primitives::{
    AccountId, Answer, AnswerKind, Assignment, CallbackLimits, DeliveryStatus, Equivocation, Error,
    ModelRef, Prompt, RequestId, SignedAnswer, Terms, limits,
};
use llm_oracle_sandbox::{EXISTENTIAL_DEPOSIT, Limits};

use crate::{
    coverage::Coverage,
    invariants::Shot,
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
        wrong_times(),
        wrong_calls(),
        wrong_deliveries(),
    ]
    .concat()
    {
        coverage.error(&error);
    }
    drawn_by_a_fold(&mut coverage);
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
        Box::new(|terms| terms.model = ModelRef::Entry(1)),
        Box::new(|terms| terms.model = ModelRef::Name(vec![])),
        Box::new(|terms| terms.prompt = Prompt::Inline(vec![])),
        Box::new(|terms| {
            terms.prompt = Prompt::Inline(vec![b'x'; limits::MAX_PROMPT_BYTES as usize + 1]);
        }),
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
            refusal(world.call::<RequestId>(ASKER, UNIT, "ask", (&asked, REWARD)))
        })
        .collect();
    let priceless = (yes_or_no(), u128::MAX);
    errors.push(refusal(
        world.call::<RequestId>(ASKER, UNIT, "ask", priceless),
    ));
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
    let from: u32 = world
        .call(DEPLOYER, 0, "announce_upgrade", [9u8; 32])
        .unwrap();
    errors.push(refusal(world.call::<()>(DEPLOYER, 0, "upgrade", ())));
    world.jump_to(from);
    let same = SignedAnswer {
        answer: [1; 32],
        evidence: [2; 32],
        signature: [3; 64],
    };
    let report = Equivocation {
        request_id: 0,
        terms_digest: [4; 32],
        slot: 0,
        model: 0,
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
    let price = REWARD + world.config.params.commit_fee + EXISTENTIAL_DEPOSIT - 1;
    let asked = (asked, REWARD);
    world.call::<RequestId>(ASKER, price, "ask", asked).unwrap();
    errors.push(refusal(world.call::<u128>(STRANGER, 0, "withdraw", poor)));

    // The constructor returns its refusal with the revert flag.
    let mut wrong = params();
    wrong.min_bond = 0;
    let arguments = input("new", &(crate::world::GENESIS, wrong, Some(STRANGER)));
    let deployer = crate::world::on_chain(DEPLOYER);
    let code = crate::world::wasm("llm_oracle");
    let refused = world
        .sandbox
        .upload_and_instantiate(&code, arguments, 0, vec![9], deployer);
    let Err(llm_oracle_sandbox::InstantiateError::Reverted(data)) = refused else {
        panic!("not reverted: {refused:?}");
    };
    let refused = <Result<Result<(), Error>, u8>>::decode(&mut &data[..]).unwrap();
    errors.push(refusal(refused.unwrap()));
    errors
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

/// A committee whose seed is the fold of another request's end.
fn drawn_by_a_fold(coverage: &mut Coverage) {
    let mut world = World::new(5);
    let mut asked = terms(AnswerKind::Bool, 3, 2);
    let other = world.ask(&asked).unwrap();
    for index in 0..3 {
        world.commit(other, index, &YES).unwrap();
    }
    // Salts count for those who ask in a later block than they were committed to.
    world.pass(1);
    asked.assignment = Assignment::Drawn;
    let id = world.ask(&asked).unwrap();
    world.pass(params().draw_delay);
    for index in 0..3 {
        world.reveal(other, index, &YES).unwrap();
    }
    let draw = world.request(id).draw.unwrap();
    let drawn = draw.drawn.unwrap();
    assert_eq!((drawn.len(), draw.weak), (3, false));
    let left_out = |index: &usize| !drawn.contains(&world.operators[*index].id);
    let stranger = (0..5).find(left_out).unwrap();
    coverage.error(&refusal(world.commit(id, stranger, &YES)));
    coverage.see(&Shot::of(&mut world));
}
