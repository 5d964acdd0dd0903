//! A verifier in Python, written from the pages alone, finds what ours finds. It is `tests/clients/verify.py`.

mod alter;
mod lives;
mod plans;
mod python;
mod relayed;
mod saved;

use alter::Altered;
use llm_oracle_evidence::verify::SeatFinding;
use llm_oracle_primitives::{Outcome, RequestId};
use llm_oracle_tests::{report, World};
use plans::HANDS;
use python::{variable, Python};
use saved::Saved;
use serde_json::{json, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write},
    path::Path,
};

const TEST: &str = "a_verifier_from_the_pages_finds_what_ours_finds";
/// Names the folder with the verifier's Python.
const PYTHON: &str = "LLM_ORACLE_VERIFIER";
/// Operators with relayers, beside those that act by hand.
const RELAYERS: usize = 3;
const INVALID: i32 = 14;

/// Names of fields; one with a star stands for all that begin so.
type Listed = &'static [&'static str];

/// Lives in which everybody reveals, whose data on the chain is altered.
const REVEALED: [&str; 8] = [
    "dissent",
    "abstention",
    "number",
    "text",
    "one step",
    "equivocation",
    "callback",
    "low confidence",
];
/// Lives with seats that revealed nothing.
const SILENT: [&str; 3] = ["one is silent", "all are silent", "too few, equivocation"];

/// Blocks that may be moved as far as others allow, which depends on when the chain made them.
const BLOCKS: Listed = &["request.asked_at", "request.ended_at"];
/// What may be altered, at least in one of these lives, and nobody finds it: `docs/protocol.md` says so.
const NOBODY: Listed = &[
    "request.delivery_blocks",
    "request.delivery_escrow",
    "request.delivery_price",
    "request.effort_ppm",
    "request.min_bond",
    "request.retention_blocks",
    "request.seat_bond",
    "request.seat_fee",
    "request.seats.family",
];
const NOBODY_IN_SILENCE: Listed = &[
    "contract",
    "request.delivery_blocks",
    "request.effort_ppm",
    "request.fee_ppm",
    "request.min_bond",
    "request.retention_blocks",
    "request.seat_fee",
    "request.seats.commitment",
    "request.seats.evidence",
    "request.seats.family",
];
/// What only the verifier in Python looks at. No payment depends on it.
const THEIRS: Listed = &[
    "request.beneficiary",
    "request.callback.proof_size",
    "request.callback.ref_time",
    "request.callback.storage_deposit",
    "request.delivery_escrow",
    "request.delivery_price",
    "request.least_record.agreement_ppm",
    "request.least_record.answers",
    "request.seats.slot",
    "request.summary.phase",
];
const THEIRS_IN_SILENCE: Listed = &[
    "domain",
    "request.beneficiary",
    "request.delivery_escrow",
    "request.delivery_price",
    "request.least_record.agreement_ppm",
    "request.least_record.answers",
    "request.seats.operator",
    "request.seats.slot",
    "request.summary.phase",
    "request.summary.request_id",
    "request.summary.revealed",
];
/// Fields of documents that may say anything: `docs/evidence.md` says so.
const ANYTHING: Listed = &[
    "made.answer*",
    "made.engine*",
    "made.exchanges missing",
    "made.exchanges.read*",
    "made.exchanges.request*",
    "made.exchanges.response.status*",
    "made.file*",
    "made.grammar*",
    "made.made.provider",
    "made.made.template*",
    "made.model.asked*",
    "made.not_asked*",
    "made.provider*",
    "made.refused",
    "made.rendered*",
    "made.response.ended*",
    "made.response.fault*",
    "made.sampling.used*",
    // Of a label that is not the best one.
    "made.scores.label",
    "made.scores missing",
    "made.scores.tokens*",
    "made.rationale missing",
    "made.rationale.made*",
    "made.rationale.not_found*",
    "made.rationale.quotes missing",
    "made.rationale.text*",
    // Where no model was asked.
    "made.sources missing",
    // Of a page that need not be there, and is not.
    "made.sources.document",
    "made.sources.document.media*",
    "made.sources.document.url*",
    "made.sources.failure.kind*",
    "made.sources.failure.reason*",
    "made.sources.fetched_at_ms*",
    // It may be longer.
    "made.sources.text.bytes",
    "made.sources.text.digest*",
    "made.sources.text.extractor*",
    "made.sources.text.rule*",
    "made.system_fingerprint*",
    "made.template*",
    "made.usage*",
    // Of a question that is not UTF-8: it is the relayer's.
    "model",
    "random",
    "software",
    "times.answered_at_ms",
    "times.model_ms",
    "times.seen_at_ms",
];
/// What a document says of the model, which ours asks again where it has it, members that ours does without, and the
/// question in a document that names no provider.
const THEIRS_IN_DOCUMENTS: Listed = &[
    "made.exchanges.response missing",
    "made.exchanges.response.body missing",
    "made.made.model missing",
    "made.margin*",
    "made.model missing",
    "made.model.reported missing",
    "made.question*",
    "made.response missing",
    "made.response.text missing",
    "made.sampling missing",
    "made.sampling.asked*",
    "made.scores.*",
    "made.sources.document missing",
    "made.sources.failure missing",
    "made.sources.text missing",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_from_the_pages_finds_what_ours_finds() {
    let Some(folder) = variable(PYTHON) else {
        // Not `eprintln`, which nobody sees of a test that passes.
        writeln!(
            io::stderr(),
            "{TEST} is skipped: {PYTHON} is not set; \
             ./scripts/setup.sh --verifier installs the verifier's packages and prints it"
        )
        .unwrap();
        return;
    };
    let world = World::alone((HANDS + RELAYERS) as u8).await;
    let python = Python::new(folder, &world);
    let evidence = world.folder.path().join("evidence");
    fs::create_dir(&evidence).unwrap();
    let relayers: Vec<_> = world.operators[HANDS..].iter().collect();
    // Relayers are at work while the others are made by hand.
    let relayed = relayed::ask(&world, &relayers).await;
    let lives = lives::make(&world, &evidence).await;
    let relayed = relayed.finish(&world, &evidence).await;
    for life in &lives {
        let outcome = world.view(life.id).await.outcome;
        assert_eq!(name_of(outcome.as_ref()), life.ends, "{}", life.name);
    }
    let ids: Vec<_> = lives.iter().map(|life| life.id).collect();
    let ids = [ids, relayed.clone()].concat();
    let found = python.on_chain(&world, &ids, &evidence).await;
    for (id, found) in ids.iter().zip(&found) {
        let life = lives.iter().find(|life| life.id == *id);
        let code = life.map_or(0, |life| life.code);
        same_as_ours(&world, *id, &evidence, code, found).await;
    }
    let saved = python.saved();
    let by_name: BTreeMap<&str, &Saved> = lives
        .iter()
        .map(|life| (life.name, &saved[&life.id]))
        .collect();
    let revealed = alter_chain_data(&python, &REVEALED, &by_name).await;
    let silent = alter_chain_data(&python, &SILENT, &by_name).await;
    let relayed: Vec<&Saved> = relayed.iter().map(|id| &saved[id]).collect();
    let documents = alter_documents(&python, &world, &by_name, &relayed).await;
    let wrong = [
        revealed.wrong(NOBODY, THEIRS),
        silent.wrong(NOBODY_IN_SILENCE, THEIRS_IN_SILENCE),
        documents.wrong(ANYTHING, THEIRS_IN_DOCUMENTS),
    ]
    .concat();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let count = revealed.count + silent.count + documents.count;
    report(TEST, &format!("{} lives, {count} alterations", ids.len()));
}

fn name_of(outcome: Option<&Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Answered { .. }) => "answered",
        Some(Outcome::Undetermined { .. }) => "undetermined",
        Some(Outcome::NoConsensus { .. }) => "no_consensus",
        Some(Outcome::Expired) => "expired",
        None => "open",
    }
}

/// Both come to the same about a request as it is.
async fn same_as_ours(world: &World, id: RequestId, evidence: &Path, code: i32, theirs: &Value) {
    let (id, folder) = (id.to_string(), evidence.to_str().unwrap());
    let ours = ["verify", &id, "--no-rerun", "--evidence", folder, "--json"];
    let ours = world.cli(&ours).await.json(code);
    let both = format!("ours: {ours}\ntheirs: {theirs}");
    assert_eq!(theirs["code"], code, "{both}");
    assert_eq!(theirs["errors"], json!([]), "{both}");
    for member in ["request_id", "valid", "ended"] {
        assert_eq!(theirs[member], ours[member], "{member}: {both}");
    }
    let verdicts = |found: &Value| -> Vec<(Value, Value)> {
        let seats = found["seats"].as_array().unwrap().iter();
        seats
            .map(|seat| (seat["slot"].clone(), seat["verdict"].clone()))
            .collect()
    };
    assert_eq!(verdicts(theirs), verdicts(&ours), "{both}");
}

/// Which fields were altered without being found: by nobody, by ours alone not, by theirs alone not.
#[derive(Default)]
struct Unfound {
    by_both: BTreeSet<String>,
    by_ours: BTreeSet<String>,
    by_theirs: BTreeSet<String>,
    count: usize,
}

impl Unfound {
    fn add(&mut self, field: &str, ours: bool, theirs: bool) {
        self.count += 1;
        if BLOCKS.contains(&field) && (theirs || !ours) {
            return;
        }
        let missed = match (ours, theirs) {
            (true, true) => return,
            (true, false) => &mut self.by_theirs,
            (false, true) => &mut self.by_ours,
            (false, false) => &mut self.by_both,
        };
        missed.insert(field.to_owned());
    }

    /// What differs from the lists. They are exact: a check that is lost is as bad as a page that says too
    /// little.
    fn wrong(&self, nobody: Listed, theirs: Listed) -> Vec<String> {
        [
            differences("nobody finds", &self.by_both, nobody),
            differences("only theirs finds", &self.by_ours, theirs),
            differences("only ours finds", &self.by_theirs, &[]),
        ]
        .concat()
    }
}

fn differences(what: &str, found: &BTreeSet<String>, listed: Listed) -> Vec<String> {
    let covers = |entry: &str, field: &str| match entry.strip_suffix('*') {
        Some(start) => field.starts_with(start),
        None => field == entry,
    };
    let more = found
        .iter()
        .filter(|field| !listed.iter().any(|entry| covers(entry, field)));
    let more = more.map(|field| format!("{what} an altered {field}"));
    let less = listed
        .iter()
        .filter(|entry| !found.iter().any(|field| covers(entry, field)));
    let less = less.map(|entry| format!("listed, and not so: {what} an altered {entry}"));
    more.chain(less).collect()
}

/// Every field of the chain's data is bound, but for those that the page names.
async fn alter_chain_data(
    python: &Python,
    names: &[&str],
    lives: &BTreeMap<&str, &Saved>,
) -> Unfound {
    let altered = names.iter().flat_map(|name| alter::chain_data(lives[name]));
    let altered: Vec<Altered> = altered.collect();
    let found = python.on_saved(altered.iter().map(|one| &one.saved)).await;
    let mut unfound = Unfound::default();
    for (one, theirs) in altered.iter().zip(&found) {
        unfound.add(&one.field, !one.saved.is_valid(), theirs["code"] == INVALID);
    }
    unfound
}

/// Every byte of a document is bound, and every field but those that may say anything.
async fn alter_documents(
    python: &Python,
    world: &World,
    lives: &BTreeMap<&str, &Saved>,
    relayed: &[&Saved],
) -> Unfound {
    let mut unfound = Unfound::default();
    let mut altered = Vec::new();
    for (saved, position) in with_documents(world, lives, relayed) {
        let seat = &saved.record.view.seats[position];
        let bytes = alter::document_bytes(saved, seat).into_iter();
        let fields = alter::document_fields(saved, position, &world.operators).into_iter();
        altered.extend(bytes.chain(fields).map(|one| (one, position)));
    }
    let all = altered.iter().map(|(one, _)| &one.saved);
    let found = python.on_saved(all).await;
    for ((one, position), theirs) in altered.iter().zip(&found) {
        let seat = &one.saved.record.view.seats[*position];
        let ours = one.saved.seat_verdict(seat) == SeatFinding::Wrong;
        let theirs = theirs["seats"][*position]["verdict"] == "invalid";
        unfound.add(&one.field, ours, theirs);
    }
    unfound
}

/// Seats with documents of every sort.
fn with_documents<'a>(
    world: &World,
    lives: &BTreeMap<&str, &'a Saved>,
    relayed: &[&'a Saved],
) -> Vec<(&'a Saved, usize)> {
    let seat = |saved: &'a Saved, operator: usize| {
        let account = world.operators[operator].account;
        let mut seats = saved.record.view.seats.iter();
        let position = seats.position(|seat| seat.operator == account);
        (saved, position.expect("it has a seat"))
    };
    let relayed: Vec<_> = relayed::DOCUMENTS
        .iter()
        .map(|(question, relayer)| seat(relayed[*question], HANDS + relayer))
        .collect();
    let by_hand = [
        seat(lives["refused"], 2),
        seat(lives["one step"], 0),
        seat(lives["abstention"], 0),
    ];
    [&by_hand[..], &relayed].concat()
}
