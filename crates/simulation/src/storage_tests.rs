#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use crate::{
    network::{lock, Shared, Wires, World},
    scenario::{self, Kind, REWARD},
};
use llm_oracle_chain::{
    read_with_messages, AnyChain, Changes, Connect, Head, Key, OracleClient, ReadRequest,
    RequestPage, RequestRecord, StorageReader, STORAGE_RETRY_BLOCKS,
};
use llm_oracle_fixtures::SimRng;
use llm_oracle_rules::MemoryHost;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

const REQUESTS: u64 = 3;

/// A chain with some requests, an oracle on it, and its best block.
async fn world() -> (Shared, OracleClient<AnyChain>, Head) {
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
    (world, OracleClient::new(chain, MemoryHost::address()), at)
}

fn wanted() -> Vec<ReadRequest> {
    (0..REQUESTS).map(ReadRequest::whole).collect()
}

/// What the messages say.
async fn said(oracle: &OracleClient<AnyChain>, at: Head) -> (RequestPage, Vec<RequestRecord>) {
    let next_id = oracle.next_id(Some(at.hash)).await.unwrap();
    assert_eq!(next_id, REQUESTS);
    let summaries = oracle.summaries(0, 50, Some(at.hash)).await.unwrap();
    let mut all = Vec::new();
    for one in wanted() {
        all.push(read_with_messages(oracle, at.hash, one).await.unwrap());
    }
    (RequestPage { next_id, summaries }, all)
}

async fn read(
    reader: &mut StorageReader,
    oracle: &OracleClient<AnyChain>,
    at: Head,
) -> (RequestPage, Vec<RequestRecord>) {
    let over = BTreeSet::new();
    let listed = reader.list(oracle, at, 0, &over, &Changes::Unknown);
    let listed = listed.await.unwrap();
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
        let mut reader = StorageReader::default();
        let honest = said(&oracle, at).await;
        assert_eq!(read(&mut reader, &oracle, at).await, honest);
        assert_eq!(reader.trusts_storage(), believed);
        assert_eq!(read(&mut reader, &oracle, at).await, honest);
    }
}

#[tokio::test]
async fn a_node_that_hands_out_no_cells_is_asked_by_messages() {
    let (world, oracle, at) = world().await;
    lock(&world).ways.cells = 1_000;
    let mut reader = StorageReader::default();
    let honest = said(&oracle, at).await;
    assert_eq!(read(&mut reader, &oracle, at).await, honest);
    assert!(!reader.trusts_storage());
    // The same one is tried again later, and another one at once: it may lead to another node.
    lock(&world).ways.cells = 0;
    assert!(!reader.reads_storage(&oracle, at));
    let later = Head {
        number: at.number + STORAGE_RETRY_BLOCKS,
        ..at
    };
    assert!(reader.reads_storage(&oracle, later));
    let chain = Wires(world.clone()).connect("ws://0").await.unwrap();
    let oracle = OracleClient::new(chain, oracle.address);
    let all = BTreeSet::new();
    let listed = reader.list(&oracle, at, 0, &all, &Changes::Unknown);
    listed.await.unwrap();
    assert!(reader.reads_storage(&oracle, at));
}

#[tokio::test]
async fn a_block_without_a_change_costs_no_entry_and_one_with_some_costs_those() {
    let (world, oracle, at) = world().await;
    let mut reader = StorageReader::default();
    read(&mut reader, &oracle, at).await;
    let over = BTreeSet::new();
    let sent = |world: &Shared| lock(world).questions;
    let before = sent(&world);
    let next = Head {
        number: at.number + 1,
        ..at
    };
    let listed = reader.list(&oracle, next, 0, &over, &Changes::Nothing);
    let listed = listed.await.unwrap().unwrap();
    assert_eq!(listed.summaries.len() as u64, REQUESTS);
    assert_eq!(sent(&world), before, "nothing is asked");
    // Another request: its entry and what every view needs.
    let terms = scenario::terms(&mut SimRng::new(8), Kind::Plain, REQUESTS, 3);
    {
        let mut world = lock(&world);
        scenario::ask(&mut world, &terms, REWARD);
        world.block();
        world.follow();
    }
    let at = oracle.chain.best().await.unwrap();
    let changes = oracle
        .chain
        .block_events(&oracle.address, at.hash)
        .await
        .unwrap();
    let changes = changes.changes;
    assert_eq!(changes, Changes::Requests(BTreeSet::from([REQUESTS])));
    let listed = reader.list(&oracle, at, 0, &over, &changes).await.unwrap();
    let summaries = oracle.summaries(0, 50, Some(at.hash)).await.unwrap();
    assert_eq!(listed.unwrap().summaries, summaries);
    assert_eq!(summaries.len() as u64, REQUESTS + 1);
}

#[tokio::test]
async fn what_messages_showed_meanwhile_is_not_missed_by_the_entries() {
    let (world, oracle, at) = world().await;
    let mut reader = StorageReader::default();
    read(&mut reader, &oracle, at).await;
    let over = BTreeSet::new();
    // A block with another request, read by messages: this node hands out no entries now.
    let terms = scenario::terms(&mut SimRng::new(8), Kind::Plain, REQUESTS, 3);
    {
        let mut world = lock(&world);
        scenario::ask(&mut world, &terms, REWARD);
        world.block();
        world.follow();
        world.ways.cells = 1_000;
    }
    let at = oracle.chain.best().await.unwrap();
    let listed = reader.list(&oracle, at, 0, &over, &Changes::Unknown);
    let listed = listed.await.unwrap().unwrap();
    assert_eq!(listed.next_id, REQUESTS + 1);
    // The next block, without a change, over another connection.
    {
        let mut world = lock(&world);
        world.ways.cells = 0;
        world.block();
        world.follow();
    }
    let chain = Wires(world.clone()).connect("ws://0").await.unwrap();
    let oracle = OracleClient::new(chain, oracle.address);
    let at = oracle.chain.best().await.unwrap();
    let again = reader.list(&oracle, at, 0, &over, &Changes::Nothing);
    assert_eq!(again.await.unwrap().unwrap(), listed);
}
