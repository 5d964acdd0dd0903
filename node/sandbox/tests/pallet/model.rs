//! The plain rules and the Wasm on the pallet agree on random traces.

use std::collections::{BTreeMap, BTreeSet};

use codec::Encode;
use llm_oracle_primitives::{
    Balance, Config, LedgerView, OperatorView, RequestId, RequestView, event::Event,
};
use llm_oracle_rules::MemoryHost;

use crate::{
    cells::Cells,
    messages::in_memory,
    moves::{Move, Player, actors, seed_and_long_steps},
    world::{DEPLOYER, SINK, UNIT, World, on_chain},
};

/// Traces in the small size, and moves of each.
const TRACES: u32 = 1_000;
const MOVES: u32 = 60;

/// A chain whose actors all have money: the rules in memory know no purses.
pub fn funded() -> World {
    let mut world = World::new(0);
    for id in actors() {
        world.fund(id, 500_000 * UNIT);
    }
    world
}

fn compare(cells: &Cells, chain: &mut MemoryHost, ids: impl Iterator<Item = RequestId>) {
    let wasm = cells.view(|oracle| oracle.ledger());
    let plain = chain.view(|oracle| oracle.ledger());
    assert_eq!(wasm.total, plain.total, "ledger");
    assert_eq!(plain.total, chain.liabilities(), "ledger and what is owed");
    assert_eq!(wasm.balance, plain.balance, "balance");
    for id in ids {
        let wasm = cells.view(|oracle| oracle.request_view(id));
        let plain = chain.view(|oracle| oracle.request_view(id));
        assert_eq!(wasm, plain, "request {id}");
    }
}

/// All that both know, compared, as the contract's own views show it.
fn compare_all(world: &mut World, chain: &mut MemoryHost) {
    let cells = world.cells();
    let next = world.view::<RequestId>("next_id", ());
    compare(&cells, chain, 0..next);
    let ledger: LedgerView = world.ledger();
    assert_eq!(ledger, chain.view(|oracle| oracle.ledger()));
    for id in 0..next {
        let wasm: Option<RequestView> = world.view("request", id);
        assert_eq!(wasm, chain.view(|oracle| oracle.request_view(id)));
    }
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

/// An event as it is encoded, with the number of its type.
fn encoded(event: &Event) -> (u8, Vec<u8>) {
    macro_rules! numbered {
        ($($number:literal $name:ident),* $(,)?) => {
            match event { $(Event::$name(event) => ($number, event.encode()),)* }
        };
    }
    numbered!(
        0 Asked, 1 Committed, 2 Revealed, 3 Ended, 4 Delivered, 5 DeliveryFailed, 6 Pruned,
        7 Registered, 8 Bonded, 9 Unbonding, 10 Released, 11 Withdrawn, 12 AnswerPublished,
        13 DeliveryFunded, 14 Equivocated, 15 PauseSet, 16 OwnershipOffered, 17 OwnershipTaken,
        18 ParamsAnnounced, 19 UpgradeAnnounced, 20 Upgraded, 21 FamilyDeclared, 22 OwnerNamed,
        23 SetPublished,
    )
}

/// Topics by type of event, learnt from the chain: one each, and no two alike.
#[derive(Default)]
struct Topics(BTreeMap<u8, Vec<u8>>);

impl Topics {
    /// Compares what a call emitted on both sides.
    fn compare(&mut self, world: &mut World, plain: &[Event]) {
        let oracle = on_chain(world.oracle);
        let wasm = world.sandbox.contract_events();
        let mut wasm = wasm.into_iter().filter(|event| event.contract == oracle);
        for event in plain {
            let (number, data) = encoded(event);
            let emitted = wasm
                .next()
                .unwrap_or_else(|| panic!("not emitted: {event:?}"));
            assert_eq!(emitted.data, data, "{event:?}");
            let topic: Vec<u8> = emitted.topics.iter().flat_map(|topic| topic.0).collect();
            assert_eq!(
                self.0.entry(number).or_insert_with(|| topic.clone()),
                &topic
            );
        }
        assert_eq!(wasm.next(), None, "emitted by the Wasm alone");
        let unlike: BTreeSet<_> = self.0.values().collect();
        assert_eq!(
            unlike.len(),
            self.0.len(),
            "two types of event share a topic"
        );
    }
}

/// One trace; gives how many of its moves were accepted.
fn trace(seed: u64, topics: &mut Topics) -> u32 {
    let mut world = funded();
    let mut chain = MemoryHost::like(&world.config, world.oracle);
    let mut player = Player::new(seed, world.code_hash());
    chain.callbacks_succeed = false; // A plain account takes no callback.
    chain.block = world.block();
    let mut taken = 0;
    for number in 0..MOVES {
        let (caller, step) = player.next();
        let place = world.place();
        let message = player.message(step.clone(), &place);
        let passes = matches!(step, Move::Pass(_));
        chain.events.clear();
        let wasm = world.take(caller, &message);
        let plain = in_memory(&mut chain, caller, message);
        assert_eq!(
            wasm, plain,
            "seed {seed}, move {number}: {step:?} by {caller:?}"
        );
        player.note(caller, &step, &plain);
        taken += u32::from(plain.is_ok());
        if !passes {
            topics.compare(&mut world, &chain.events);
        }
        let touched = match &step {
            Move::Advance(id) | Move::Deliver(id) | Move::Prune(id) => Some(*id),
            Move::Commit(parts) | Move::Reveal(parts) | Move::Answer(parts) => Some(parts[0].id),
            _ => None,
        };
        if plain.is_ok() {
            compare(&world.cells(), &mut chain, touched.into_iter());
        }
    }
    compare_all(&mut world, &mut chain);
    taken
}

/// So many traces; gives how many moves were accepted.
fn traces(seed: u64, count: u32) -> u32 {
    let mut topics = Topics::default();
    let seeds = (0..count).map(|number| seed.wrapping_add(u64::from(number)));
    seeds.map(|seed| trace(seed, &mut topics)).sum()
}

#[test]
fn model_conformance() {
    let (seed, steps) =
        seed_and_long_steps("model_conformance", TRACES * MOVES, 100 * TRACES * MOVES);
    let count = steps.div_ceil(MOVES);
    let half = count.div_ceil(2);
    let other =
        std::thread::spawn(move || traces(seed.wrapping_add(u64::from(half)), count - half));
    let taken = traces(seed, half) + other.join().unwrap();
    println!(
        "model_conformance: {count} traces of {MOVES} moves, {taken} of {} moves accepted by both",
        count * MOVES
    );
    assert!(taken * 4 > count * MOVES, "too few moves did anything");
}
