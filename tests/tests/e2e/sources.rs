//! Questions about documents.

use llm_oracle_primitives::{digest::blake2, Hash, Outcome, Reason, RequestId, Source, Terms};
use llm_oracle_support::address::hex0x;
use llm_oracle_tests::{
    process::{Model, Setup},
    questions::yes_or_no,
    World,
};
use serde_json::Value;
use std::fs;

const DOCUMENT: &[u8] = b"The bridge at Tolla was opened in 1931.\n";

fn about(digest: Hash) -> Terms {
    let attachment = Source::Attachment {
        digest,
        bytes: DOCUMENT.len() as u32,
        media: b"text/plain".to_vec(),
        uri: Vec::new(),
    };
    Terms {
        sources: vec![attachment],
        ..yes_or_no(1)
    }
}

fn evidence(setup: &Setup, world: &World, id: RequestId) -> Value {
    let operator: &[u8; 32] = world.operators[0].account.as_ref();
    let job = setup.store().job(id, operator).unwrap();
    serde_json::from_slice(&job.expect("an answer").answered.document).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_document_is_shown_to_the_model_and_a_missing_one_is_an_abstention() {
    let world = World::new(1).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let folder = world.folder.path().join("held");
    fs::create_dir(&folder).unwrap();
    let setup = setup.rewritten("[ops]", "[sources]\nfolder = '../held'\n[ops]");
    let document = world.folder.path().join("bridge.txt");
    fs::write(&document, DOCUMENT).unwrap();
    let mut relayer = setup.run();

    // As a person asks, whose settings are those of the relayer.
    let config = setup.config();
    let asked = world
        .cli(&[
            "ask",
            "--bool",
            "--seats",
            "1",
            "--attach",
            document.to_str().unwrap(),
            "--config",
            config.to_str().unwrap(),
            "--suri",
            &world.requester.suri,
            "--skip-confirm",
            "--json",
            "Was the bridge opened before 1950?",
        ])
        .await
        .json(0);
    let shown = asked["id"].as_u64().expect("the request's number");
    let missing = world.ask(&about([9; 32])).await;
    let view = world.ended(missing).await;
    let Some(Outcome::Undetermined { margin }) = &view.outcome else {
        panic!("{:?}", view.outcome);
    };
    let missing_sources = Reason::ALL
        .iter()
        .position(|it| *it == Reason::SourceMissing);
    assert_eq!(margin.abstained[missing_sources.unwrap()], 1);
    relayer.terminate();
    assert_eq!(relayer.end().await.code(), Some(0));

    let made = &evidence(&setup, &world, shown)["made"];
    let source = &made["sources"][0];
    assert_eq!(source["document"]["digest"], hex0x(&blake2(DOCUMENT)));
    let prompt = made["prompt_with_sources"].as_str().unwrap();
    assert!(prompt.contains("opened in 1931"), "{prompt}");
    assert_eq!(
        made["question"]["prompt"],
        "Was the bridge opened before 1950?"
    );
    let made = &evidence(&setup, &world, missing)["made"];
    assert!(made["not_asked"].as_str().unwrap().starts_with("source 1:"));
}
