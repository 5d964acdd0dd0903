//! The oracle's storage, read cell by cell from a node, says what its messages say.

use llm_oracle_chain::{
    AnyChain, ChainApi as _, Changes, Head, Key, OracleClient, ReadRequest, RequestRecord,
    StorageReader,
};
use llm_oracle_primitives::{AnswerKind, Assignment, RequestId, Terms};
use llm_oracle_tests::{
    process::{Model, Setup},
    questions::{question, yes_or_no},
    report, World,
};
use std::{collections::BTreeSet, sync::Arc};

/// What the messages say at a block.
async fn said(world: &World, at: Head) -> Vec<RequestRecord> {
    let next = world.oracle.next_id(Some(at.hash)).await.unwrap();
    let mut all = Vec::new();
    for id in 0..next {
        all.push(RequestRecord {
            id,
            view: world.oracle.request(id, Some(at.hash)).await.unwrap(),
            terms: world.oracle.terms(id, Some(at.hash)).await.unwrap(),
        });
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn cells_say_what_the_messages_say() {
    let world = World::new(3).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let text = question("Name a colour.", AnswerKind::Text { max_bytes: 64 }, 3);
    let chosen = Terms {
        assignment: Assignment::Named {
            operators: world.accounts(),
        },
        min_confidence: 10,
        ..yes_or_no(1)
    };
    let settled = world.ask(&yes_or_no(3)).await;
    let mut relayer = setup.run();
    world.ended(settled).await;
    relayer.terminate();
    relayer.end().await;
    for terms in [&yes_or_no(3), &text, &chosen] {
        world.ask(terms).await;
    }

    let chain: AnyChain = Arc::new(world.chain().clone());
    let oracle = OracleClient::new(chain, world.oracle.address);
    let mut reader = StorageReader::default();
    let mut heads = world.chain().finalized_heads().await.unwrap();
    let mut compared = 0;
    // Until the last request is final.
    while compared < 4 {
        heads.next().await.unwrap();
        let at = world.chain().finalized().await.unwrap();
        // Past the reader, which would turn to the messages without a word.
        let keys = [Key::Counters, Key::Identity, Key::Request(RequestId::MAX)];
        let cells = oracle
            .chain
            .storage_entries(&oracle.address, &keys, at.hash)
            .await;
        let found: Vec<bool> = cells.unwrap().iter().map(Option::is_some).collect();
        assert_eq!(found, [true, true, false]);

        let said = said(&world, at).await;
        let listed = reader
            .list(&oracle, at, 0, &BTreeSet::new(), &Changes::Unknown)
            .await
            .unwrap();
        let listed = listed.unwrap();
        let present = said.iter().filter_map(|one| one.view.as_ref());
        let summaries: Vec<_> = present.map(|view| view.summary.clone()).collect();
        assert_eq!(listed.next_id, said.len() as RequestId);
        assert_eq!(listed.summaries, summaries);
        let wanted: Vec<_> = said.iter().map(|one| ReadRequest::whole(one.id)).collect();
        // Twice: the first time each shape is read by its message as well.
        for _ in 0..2 {
            assert_eq!(reader.read(&oracle, at, &wanted).await.unwrap(), said);
        }
        assert!(reader.trusts_storage(), "the reader has given up on cells");
        compared = said.len();
    }
    report(
        "cells_say_what_the_messages_say",
        &format!("{compared} requests"),
    );
}
