//! What a document says about sources and quotes, against the terms and against itself. Nothing is fetched.

use super::Findings;
use llm_oracle_primitives::Source;
use llm_oracle_support::address::hex0x;
use serde_json::{json, Value};

/// Longest rationale, bytes.
const RATIONALE_BYTES_MAX: usize = 1024;

/// Checks the records of sources and what is quoted of them.
pub(super) fn check(sources: &[Source], prompt: &str, made: &Value, found: &mut Findings) {
    let was_asked = made["provider"].is_string();
    let empty = Vec::new();
    let records = made["sources"].as_array().unwrap_or(&empty);
    let is_told = was_asked || made["sources"].is_array();
    if is_told && records.len() != sources.len() {
        let (told, named) = (records.len(), sources.len());
        found.wrong(format!(
            "its evidence has {told} sources, and the question names {named}"
        ));
    }
    for (number, (record, source)) in (1_u64..).zip(records.iter().zip(sources)) {
        check_record(number, record, source, found);
        let must = !matches!(source, Source::Page { must: false, .. });
        if was_asked && must && !record["failure"].is_null() {
            found.wrong(format!(
                "its model was asked although source {number} was missing, which must be there"
            ));
        }
    }
    let shown = made["prompt_with_sources"].as_str();
    if was_asked && !sources.is_empty() && !shown.is_some_and(|shown| shown.ends_with(prompt)) {
        found.wrong("what its model was shown does not end with the question");
    }
    check_rationale(made, records, shown.unwrap_or_default(), found);
}

fn check_record(number: u64, record: &Value, source: &Source, found: &mut Findings) {
    let mut same = |what: &str, stated: &Value, expected: Value| {
        if *stated != expected {
            found.wrong(format!(
                "{what} of source {number} in its evidence is {stated}, and should be {expected}"
            ));
        }
    };
    same("the number", &record["number"], json!(number));
    let document = &record["document"];
    match source {
        Source::Attachment { digest, bytes, .. } => {
            same("the name", &record["named"], json!(hex0x(digest)));
            same("`must`", &record["must"], json!(true));
            if record["failure"].is_null() {
                same("the digest", &document["digest"], json!(hex0x(digest)));
                same("the length", &document["bytes"], json!(bytes));
            }
        }
        Source::Page { url, must } => {
            let url = String::from_utf8_lossy(url);
            same("the name", &record["named"], json!(url));
            same("`must`", &record["must"], json!(must));
        }
    }
    if record["failure"].is_null() == record["text"].is_null() {
        found.wrong(format!(
            "source {number} in its evidence has not either a text or a failure"
        ));
    }
    let length = record["text"]["bytes"].as_u64().unwrap_or_default();
    let mut next = 0;
    for (start, end) in passages(record) {
        if start < next || end < start || end > length {
            found.wrong(format!(
                "a passage of source {number} from {start} to {end} is out of place"
            ));
        }
        next = end;
    }
}

/// The passages that were shown of a source, bytes of its text.
fn passages(record: &Value) -> impl Iterator<Item = (u64, u64)> + '_ {
    let all = record["text"]["passages"].as_array().into_iter().flatten();
    all.map(range)
}

/// A range without numbers is out of place everywhere.
fn range(value: &Value) -> (u64, u64) {
    let number = |name: &str| value[name].as_u64().unwrap_or(u64::MAX);
    (number("start"), number("end"))
}

fn check_rationale(made: &Value, records: &[Value], shown: &str, found: &mut Findings) {
    let rationale = &made["rationale"];
    let why = rationale["text"].as_str().unwrap_or_default();
    if why.len() > RATIONALE_BYTES_MAX {
        let bytes = why.len();
        found.wrong(format!(
            "the rationale in its evidence has {bytes} bytes, more than {RATIONALE_BYTES_MAX}"
        ));
    }
    let shown = packed(shown);
    for quote in rationale["quotes"].as_array().into_iter().flatten() {
        let text = quote["text"].as_str().unwrap_or_default();
        let (start, end) = range(quote);
        let record = records.iter().find(|it| it["number"] == quote["source"]);
        let is_shown = record.is_some_and(|record| {
            passages(record).any(|(from, to)| from <= start && start < end && end <= to)
        });
        let is_long = end.checked_sub(start) == u64::try_from(text.len()).ok();
        if !is_shown || !is_long || !shown.contains(&packed(text)) {
            let number = &quote["source"];
            found.wrong(format!(
                "its evidence quotes '{text}' of source {number} from {start} to {end}, which was not shown there"
            ));
        }
    }
}

/// A text without white space: a space stands in what a chat template would read as a mark.
fn packed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[cfg(test)]
#[path = "sources_tests.rs"]
mod tests;
