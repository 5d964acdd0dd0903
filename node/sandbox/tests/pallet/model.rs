//! The plain rules and the Wasm on the pallet agree on random traces.

use llm_oracle_primitives::{Balance, Config, LedgerView, OperatorView, RequestId, RequestView};
use llm_oracle_rules::MemoryHost;

use crate::{
    messages::in_memory,
    moves::{Move, Player, actors, seed_and_steps},
    world::{DEPLOYER, SINK, UNIT, World},
};

/// Moves of one trace; then a new one begins, so that no trace lives on old requests only.
const TRACE: u32 = 250;

/// A chain whose actors all have money: the rules in memory know no purses.
pub fn funded() -> World {
    let mut world = World::new(0);
    for id in actors() {
        world.fund(id, 10_000_000 * UNIT);
    }
    world
}

fn compare(world: &mut World, chain: &mut MemoryHost, ids: impl Iterator<Item = RequestId>) {
    let wasm: LedgerView = world.ledger();
    let plain = chain.view(|oracle| oracle.ledger());
    assert_eq!(wasm.total, plain.total, "ledger");
    assert_eq!(plain.total, chain.liabilities(), "ledger and what is owed");
    assert_eq!(wasm.balance, plain.balance, "balance");
    for id in ids {
        let wasm: Option<RequestView> = world.view("request", id);
        let plain = chain.view(|oracle| oracle.request_view(id));
        assert_eq!(wasm, plain, "request {id}");
    }
}

/// All that both know, compared.
fn compare_all(world: &mut World, chain: &mut MemoryHost) {
    let next = world.view::<RequestId>("next_id", ());
    compare(world, chain, 0..next);
    let wasm: Vec<OperatorView> = world.view("operators", (0u32, 50u32));
    assert_eq!(
        wasm,
        chain.view(|oracle| oracle.operators_view(0, 50)),
        "operators"
    );
    let config: Config = world.view("config", ());
    assert_eq!(config, chain.view(|oracle| oracle.config()), "config");
    for id in actors().into_iter().chain([DEPLOYER, SINK]) {
        let wasm: Balance = world.credit_of(id);
        assert_eq!(wasm, chain.view(|oracle| oracle.credit_of(&id)), "credit");
    }
}

fn trace(seed: u64, steps: u32) -> u32 {
    let mut world = funded();
    let mut chain = MemoryHost::like(&world.config, world.oracle);
    let mut player = Player::new(seed, world.code_hash());
    chain.callbacks_succeed = false; // A plain account takes no callback.
    chain.block = world.block();
    let mut taken = 0;
    for number in 0..steps {
        let (caller, step) = player.next();
        let place = world.place();
        let message = player.message(step.clone(), &place);
        let wasm = world.take(caller, &message);
        let plain = in_memory(&mut chain, caller, message);
        assert_eq!(
            wasm, plain,
            "seed {seed}, move {number}: {step:?} by {caller:?}"
        );
        player.note(caller, &step, &plain);
        taken += u32::from(plain.is_ok());
        let touched = match &step {
            Move::Advance(id) | Move::Deliver(id) | Move::Prune(id) => Some(*id),
            Move::Commit(parts) | Move::Reveal(parts) | Move::Answer(parts) => Some(parts[0].id),
            _ => None,
        };
        if touched.is_some() && plain.is_ok() {
            compare(&mut world, &mut chain, touched.into_iter());
        }
    }
    compare_all(&mut world, &mut chain);
    taken
}

#[test]
fn rules_and_wasm_agree() {
    let (seed, steps) = seed_and_steps("rules_and_wasm_agree", 2_000);
    let mut taken = 0;
    for number in 0..steps.div_ceil(TRACE) {
        taken += trace(seed.wrapping_add(u64::from(number)), steps.min(TRACE));
    }
    println!("rules_and_wasm_agree: {taken} of {steps} moves were accepted by both");
    assert!(
        taken * 4 > steps,
        "too few moves did anything: {taken} of {steps}"
    );
}
