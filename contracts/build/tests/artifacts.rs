//! Reads the built bundles as their users do. The folder comes from `LLM_ORACLE_ARTIFACTS`, which
//! `scripts/test.sh` sets; without it there is nothing to read.

use std::{env, fs, path::PathBuf};

use contract_metadata::ContractMetadata;
use ink_metadata::InkProject;
use llm_oracle_build::{check_wasm, code_hash};
use llm_oracle_primitives::{
    event::{Ended, Payout},
    Answer, AnswerKind, Assignment, Margin, ModelRef, Outcome, Sampling, Terms,
};
use scale::Encode;
use scale_value::{
    scale::{decode_as_type, encode_as_type},
    stringify, At, Value,
};

/// The bundles of every built contract.
fn bundles() -> Vec<PathBuf> {
    let Some(folder) = env::var_os("LLM_ORACLE_ARTIFACTS") else {
        return Vec::new();
    };
    let entries = fs::read_dir(&folder).expect("the folder of LLM_ORACLE_ARTIFACTS");
    let bundles: Vec<_> = entries
        .map(|entry| entry.expect("readable").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "contract")
        })
        .collect();
    assert!(
        !bundles.is_empty(),
        "no bundle in {}",
        folder.to_string_lossy()
    );
    bundles
}

#[test]
fn bundles_hold_code_that_the_pallet_takes_and_its_hash() {
    for path in bundles() {
        let bundle = ContractMetadata::load(&path).expect("contract-metadata reads it");
        bundle
            .check_ink_compatibility()
            .expect("cargo contract supports this ink!");
        let code = bundle.source.wasm.expect("a bundle holds the code").0;
        assert_eq!(check_wasm(&code), Ok(()), "{}", path.display());
        assert_eq!(bundle.source.hash.0, code_hash(&code), "{}", path.display());
        let file = fs::read(path.with_extension("wasm")).expect("the code beside it");
        assert!(file == code, "{}", path.display());
    }
}

#[test]
fn metadata_is_what_ink_reads() {
    for path in bundles() {
        let bundle = ContractMetadata::load(&path).expect("contract-metadata reads it");
        let project: InkProject =
            serde_json::from_value(bundle.abi.into()).expect("ink! reads its own metadata");
        assert_eq!(*project.version(), 5, "{}", path.display());
        assert!(!project.spec().messages().is_empty(), "{}", path.display());
        let without_code = ContractMetadata::load(path.with_extension("json")).expect("readable");
        assert!(without_code.source.wasm.is_none(), "{}", path.display());
    }
}

/// What the oracle's bundle says of itself.
fn oracle() -> Option<InkProject> {
    let folder = PathBuf::from(env::var_os("LLM_ORACLE_ARTIFACTS")?);
    let bundle = ContractMetadata::load(folder.join("llm_oracle.contract"));
    let abi = bundle.expect("contract-metadata reads it").abi;
    Some(serde_json::from_value(abi.into()).expect("ink! reads its own metadata"))
}

fn value(text: &str) -> Value<()> {
    let (value, rest) = stringify::from_str(text);
    assert_eq!(rest.trim(), "", "{text}");
    value.expect("a value")
}

/// A general client knows the metadata alone, and makes the bytes that the oracle takes.
#[test]
fn a_call_is_transcoded_from_the_metadata_alone() {
    let Some(project) = oracle() else { return };
    let messages = project.spec().messages();
    let ask = messages.iter().find(|message| message.label() == "ask");
    let ask = ask.expect("there is `ask`");
    let arguments = [
        value(
            "{ model: Name((109, 110)), prompt: (119, 104, 121, 63), system: None(), sources: (), \
               answer: Number { scale: 2, tolerance: 5 }, \
               sampling: { max_tokens: 64, temperature_milli: 0, seed: 9 }, seats: 3, \
               threshold: 2, assignment: Open { least: { agreement_ppm: 0, answers: 0 } }, \
               max_seats_per_family: 1, min_confidence: 60, not_before: 77, commit_blocks: 10, \
               reveal_blocks: 20, callback: None(), refund_to: None(), one_step: false }",
        ),
        value("20000000000"),
        value("true"),
    ];
    let mut call = ask.selector().to_bytes().to_vec();
    for (argument, param) in arguments.iter().zip(ask.args()) {
        encode_as_type(argument, param.ty().ty().id, project.registry(), &mut call)
            .expect("the argument is of the type in the metadata");
    }
    let terms = Terms {
        model: ModelRef::Name(b"mn".to_vec()),
        prompt: b"why?".to_vec(),
        system: None,
        sources: vec![],
        answer: AnswerKind::Number {
            scale: 2,
            tolerance: 5,
        },
        sampling: Sampling {
            max_tokens: 64,
            temperature_milli: 0,
            seed: 9,
        },
        seats: 3,
        threshold: 2,
        assignment: Assignment::open(),
        max_seats_per_family: 1,
        min_confidence: 60,
        not_before: 77,
        commit_blocks: 10,
        reveal_blocks: 20,
        callback: None,
        refund_to: None,
        one_step: false,
    };
    let selector = &llm_oracle_primitives::digest::blake2(b"ask")[..4];
    let expected = [selector, &(terms, 20_000_000_000u128, true).encode()].concat();
    assert_eq!(call, expected);
}

/// It finds an event by its topic and reads its fields by name.
#[test]
fn an_event_is_decoded_from_the_metadata_alone() {
    let Some(project) = oracle() else { return };
    let event = Ended {
        request_id: 7,
        outcome: Outcome::Answered {
            answer: Answer::Bool(true),
            margin: Margin {
                seats: 3,
                revealed: 3,
                agreeing: 2,
                ..Margin::default()
            },
        },
        payouts: vec![Payout {
            operator: [5; 32].into(),
            slot: 4,
            agreed: true,
            paid: 11,
            forfeited: 0,
        }],
        refund: 12,
        fee: 13,
        to_sink: 14,
    };
    let (bytes, events) = (event.encode(), project.spec().events());
    let ended = events.iter().find(|event| event.label() == "Ended");
    let ended = ended.expect("there is `Ended`");
    assert!(ended.signature_topic().is_some());
    let mut data = &bytes[..];
    let fields: Vec<_> = ended
        .args()
        .iter()
        .map(|field| {
            let value = decode_as_type(&mut data, field.ty().ty().id, project.registry());
            (field.label().clone(), value.expect("of its type"))
        })
        .collect();
    assert!(data.is_empty(), "{} bytes are left", data.len());
    let field = |name: &str| {
        let found = fields.iter().find(|(label, _)| label == name);
        &found.unwrap_or_else(|| panic!("no field {name}")).1
    };
    for (name, amount) in [
        ("request_id", 7),
        ("refund", 12),
        ("fee", 13),
        ("to_sink", 14),
    ] {
        assert_eq!(field(name).as_u128(), Some(amount), "{name}");
    }
    let margin = field("outcome").at("margin").expect("a margin");
    assert_eq!(margin.at("agreeing").and_then(Value::as_u128), Some(2));
    let payout = field("payouts").at(0).expect("a payout");
    assert_eq!(payout.at("paid").and_then(Value::as_u128), Some(11));
    assert_eq!(payout.at("agreed").and_then(Value::as_bool), Some(true));
}

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md");
    fs::read_to_string(path).expect("docs/protocol.md")
}

/// Every message says how it fails and what it emits, and the protocol's page has all of them.
#[test]
fn messages_and_events_are_documented() {
    let Some(project) = oracle() else { return };
    let page = page();
    for message in project.spec().messages() {
        let (name, docs) = (message.label(), message.docs());
        for part in ["# Errors", "# Events"] {
            let says = docs.iter().any(|line| line.trim() == part);
            assert!(says, "`{name}` does not say: {part}");
        }
        let named = page.contains(&format!("`{name}`")) || page.contains(&format!("`{name}("));
        assert!(named, "docs/protocol.md does not have `{name}`");
    }
    for event in project.spec().events() {
        let name = event.label();
        assert!(
            page.contains(&format!("`{name}`")),
            "docs/protocol.md does not have `{name}`"
        );
    }
}
