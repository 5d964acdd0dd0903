//! Lives that relayers make: their documents have all that a document can have.

use crate::ops::get;
use llm_oracle_primitives::{AnswerKind, Assignment, RequestId, Source, Terms};
use llm_oracle_support::address::hex0x;
use llm_oracle_tests::{
    eventually,
    model_server::{settings, Says},
    process::{Model, Setup},
    questions::{choice, question, yes_or_no},
    Cli, Key, ModelServer, Relayer, World,
};
use serde_json::json;
use std::path::Path;

const WARM: &str = "How warm?";
const LARGEST: &str = "Which animal is the largest?";
const LEGS: &str = "How many legs has an ant? Reply with a JSON number.";
const COLOUR: &str = "Which colour has the sky?";
/// The server says it only after it was asked a second time.
const SECOND: &str = "Is grass green?";
const WATER: &str = "Is water wet?";
const KNOWN: &[(&str, &str)] = &[
    (WATER, "yes"),
    (SECOND, "no"),
    (COLOUR, "blue"),
    (WARM, "20.5"),
    (LARGEST, "The  blue whale"),
    (LEGS, r#"{ "legs": 6 }"#),
];
const SERVER_TIMEOUT_MS: u32 = 30_000;

/// The relayers, in the order of their operators.
const SCRIPTED: usize = 0;
const LOCAL: usize = 1;
const SERVER: usize = 2;
/// Documents of every sort: the position of the question, and the relayer.
pub const DOCUMENTS: [(usize, usize); 10] = [
    (0, SCRIPTED),
    (0, LOCAL),
    (0, SERVER),
    (1, SERVER),
    (2, LOCAL),
    (4, SERVER),
    (5, LOCAL),
    (6, SCRIPTED),
    (7, SCRIPTED),
    (8, SCRIPTED),
];

/// One question of each kind, one with a schema that can't be used, one that no model can get, and one about a document
/// that is missing. The local model
/// takes seconds for each, so it has no seat where there are two.
fn questions(operators: &[&Key]) -> Vec<Terms> {
    let json = |schema: &[u8]| AnswerKind::Json {
        schema: schema.to_vec(),
    };
    let number = AnswerKind::Number {
        scale: 1,
        tolerance: 5,
    };
    let mut questions = vec![
        yes_or_no(3),
        question(SECOND, AnswerKind::Bool, 2),
        choice(COLOUR, &["blue", "green"], 3),
        question(WARM, number, 2),
        question(LARGEST, AnswerKind::Text { max_bytes: 40 }, 2),
        question(LEGS, json(b"true"), 3),
        question("Which?", json(b"no schema"), 3),
        Terms {
            prompt: vec![0xff, b'?'],
            ..yes_or_no(3)
        },
        // Nobody has it.
        Terms {
            sources: vec![Source::Attachment {
                digest: [5; 32],
                bytes: 3,
                media: b"text/plain".to_vec(),
                uri: Vec::new(),
            }],
            ..yes_or_no(2)
        },
    ];
    for terms in &mut questions {
        let named = operators.iter().enumerate();
        let named = named.filter(|(n, _)| terms.seats == 3 || *n != LOCAL);
        terms.sampling.max_tokens = 16;
        terms.assignment = Assignment::Named {
            operators: named.map(|(_, key)| key.account).collect(),
        };
    }
    questions
}

/// Relayers at work on their questions.
pub struct Relayed {
    pub ids: Vec<RequestId>,
    setups: Vec<Setup>,
    relayers: Vec<Relayer>,
    _server: ModelServer,
}

/// Asks three operators with models of every sort.
pub async fn ask(world: &World, operators: &[&Key]) -> Relayed {
    let server = ModelServer::start(|prompt, before| {
        let known = KNOWN.iter().find(|(question, _)| *question == prompt);
        match known {
            Some((SECOND, _)) if before == 0 => Says::Text("perhaps"),
            Some((_, answer)) => Says::Text(answer),
            None => Says::Refusal,
        }
    })
    .await;
    let served = Model::Toml(settings(&server.address(), SERVER_TIMEOUT_MS));
    let models = [Model::Knows(KNOWN), Model::Local, served];
    let pairs = operators.iter().zip(&models).enumerate();
    let setups: Vec<_> = pairs
        .map(|(n, (key, model))| Setup::new(world, &format!("r{n}"), &[key], model))
        .collect();
    let relayers = setups.iter().map(Setup::run).collect();
    let mut ids = Vec::new();
    for terms in questions(operators) {
        ids.push(world.ask(&terms).await);
    }
    Relayed {
        ids,
        setups,
        relayers,
        _server: server,
    }
}

impl Relayed {
    /// Waits for the ends, and exports the documents into the folder.
    pub async fn finish(self, world: &World, folder: &Path) -> Vec<RequestId> {
        for id in &self.ids {
            world.ended_for_good(*id).await;
            // A relayer publishes a document once it has seen that its answer is revealed for good.
            for seat in world.view(*id).await.seats {
                let path = format!("/evidence/{}", hex0x(&seat.evidence));
                let is_published = |setup: &Setup| {
                    let (status, _) = get(&setup.listens_at()?, &path);
                    status.contains(" 200 ").then_some(())
                };
                eventually("a published document", || async {
                    self.setups.iter().find_map(is_published)
                })
                .await;
            }
        }
        drop(self.relayers);
        for setup in &self.setups {
            let config = setup.config();
            let export = ["evidence", "export", "--json", "--out"];
            let places = [
                folder.to_str().unwrap(),
                "--config",
                config.to_str().unwrap(),
            ];
            let exported = Cli::run(world.folder.path(), &[&export[..], &places].concat()).await;
            let exported = exported.json(0);
            assert_ne!(exported["exported"], json!([]), "{exported}");
        }
        self.ids
    }
}
