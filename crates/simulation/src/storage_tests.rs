#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use crate::{
    network::{lock, Shared, Wires, World},
    scenario::{self, Kind, REWARD},
};
use llm_oracle_chain::{
    read_with_messages, AnyChain, Connect, Head, Key, Listed, Oracle, Read, Reader, Wanted,
    REFUSED_BLOCKS,
};
use llm_oracle_fixtures::SimRng;
use llm_oracle_rules::MemoryHost;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

const REQUESTS: u64 = 3;

/// A chain with some requests, an oracle on it, and its best block.
async fn world() -> (Shared, Oracle<AnyChain>, Head) {
    let (_, state) = scenario::genesis();
    let mut world = World::new(state.clone(), 1, 7, Arc::default());
    let mut rng = SimRng::new(7);
    for number in 0..REQUESTS {
        let terms = scenario::terms(&mut rng, Kind::Plain, number, 3);
        scenario::ask(&mut world, &terms, REWARD);
    }
    world.block();
    world.follow();
    let world = Arc::new(Mutex::new(world));
    let chain = Wires(world.clone()).connect("ws://0").await.unwrap();
    let at = chain.best().await.unwrap();
    (world, Oracle::new(chain, MemoryHost::address()), at)
}

fn wanted() -> Vec<Wanted> {
    (0..REQUESTS).map(Wanted::whole).collect()
}

/// What the messages say.
async fn said(oracle: &Oracle<AnyChain>, at: Head) -> (Listed, Vec<Read>) {
    let next_id = oracle.next_id(Some(at.hash)).await.unwrap();
    assert_eq!(next_id, REQUESTS);
    let summaries = oracle.summaries(0, 50, Some(at.hash)).await.unwrap();
    let mut all = Vec::new();
    for one in wanted() {
        all.push(read_with_messages(oracle, at.hash, one).await.unwrap());
    }
    (Listed { next_id, summaries }, all)
}

async fn read(reader: &mut Reader, oracle: &Oracle<AnyChain>, at: Head) -> (Listed, Vec<Read>) {
    let listed = reader.list(oracle, at, 0, &BTreeSet::new()).await.unwrap();
    let read = reader.read(oracle, at, &wanted()).await.unwrap();
    (listed.unwrap(), read)
}

#[tokio::test]
async fn cells_that_lie_are_found_and_never_read_again() {
    let never: fn(&Key) -> bool = |_| false;
    let counters: fn(&Key) -> bool = |key| matches!(key, Key::Counters);
    let one_request: fn(&Key) -> bool = |key| matches!(key, Key::Request(1));
    let terms: fn(&Key) -> bool = |key| matches!(key, Key::Terms(_));
    for (lies, believed) in [
        (never, true),
        (counters, false),
        (one_request, false),
        (terms, false),
    ] {
        let (world, oracle, at) = world().await;
        lock(&world).lies = Some(lies);
        let mut reader = Reader::default();
        let honest = said(&oracle, at).await;
        assert_eq!(read(&mut reader, &oracle, at).await, honest);
        assert_eq!(reader.believes(), believed);
        assert_eq!(read(&mut reader, &oracle, at).await, honest);
    }
}

#[tokio::test]
async fn a_node_that_hands_out_no_cells_is_asked_by_messages() {
    let (world, oracle, at) = world().await;
    lock(&world).ways.cells = 1_000;
    let mut reader = Reader::default();
    let honest = said(&oracle, at).await;
    assert_eq!(read(&mut reader, &oracle, at).await, honest);
    assert!(!reader.believes());
    // The same one is tried again later, and another one at once: it may lead to another node.
    lock(&world).ways.cells = 0;
    assert!(!reader.reads_cells(&oracle, at));
    let later = Head {
        number: at.number + REFUSED_BLOCKS,
        ..at
    };
    assert!(reader.reads_cells(&oracle, later));
    let chain = Wires(world.clone()).connect("ws://0").await.unwrap();
    let oracle = Oracle::new(chain, oracle.address);
    reader.list(&oracle, at, 0, &BTreeSet::new()).await.unwrap();
    assert!(reader.reads_cells(&oracle, at));
}
