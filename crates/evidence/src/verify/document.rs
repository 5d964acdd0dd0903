//! What an evidence document says, against what the chain says.

use super::{sources, Findings, OnChainRequest};
use crate::{context_json, question, question_digest, response_digest, EVIDENCE_FORMAT};
use llm_oracle_llm as llm;
use llm_oracle_primitives::{
    digest::{blake2, Context},
    Answer, Reason,
};
use llm_oracle_support::address::hex0x;
use scale::{Decode, Encode};
use serde_json::{json, Value};

/// Checks a document and gives the answer that it holds.
pub(super) fn check(
    subject: &OnChainRequest,
    context: &Context,
    confidence: Option<u8>,
    document: &[u8],
    found: &mut Findings,
) -> Option<Answer> {
    let value: Value = match serde_json::from_slice(document) {
        Ok(value) => value,
        Err(error) => {
            found.wrong(format!("its evidence is no JSON: {error}"));
            return None;
        }
    };
    if serde_json_canonicalizer::to_vec(&value).ok().as_deref() != Some(document) {
        found.wrong("its evidence is no canonical JSON");
    }
    found.same(
        "the format of its evidence",
        shown(&value["format"]),
        EVIDENCE_FORMAT.to_owned(),
    );
    for (name, expected) in context_json(context).as_object().into_iter().flatten() {
        let what = format!("`{name}` in its evidence");
        same_value(&what, &value["context"][name], expected, found);
    }
    check_form(&value, found);
    let asked = hex0x(&question_digest(&subject.terms));
    found.same(
        "the digest of the question in its evidence",
        shown(&value["question_digest"]),
        asked,
    );
    if let Some(confidence) = confidence {
        let stated = &value["confidence"];
        same_value(
            "the confidence in its evidence",
            stated,
            &json!(confidence),
            found,
        );
    }
    check_making(subject, &value, found);
    answer(&value)
}

/// A number is not its text.
fn same_value(what: &str, stated: &Value, expected: &Value, found: &mut Findings) {
    if stated != expected {
        found.wrong(format!("{what} is {stated}, and should be {expected}"));
    }
}

/// What every document has, whatever it says.
fn check_form(value: &Value, found: &mut Findings) {
    let times = ["seen_at_ms", "answered_at_ms", "model_ms"];
    let random = value["random"]
        .as_str()
        .and_then(|it| it.strip_prefix("0x"));
    let is_random = random.is_some_and(|it| hex::decode(it).is_ok_and(|it| it.len() == 32));
    let made = making(value);
    for (name, is_there) in [
        ("software", value["software"].is_string()),
        ("model", value["model"].is_string()),
        ("random", is_random),
        (
            "times",
            times.iter().all(|name| value["times"][name].is_i64()),
        ),
        (
            "made",
            ["provider", "not_asked", "not_canonical"]
                .iter()
                .any(|name| made[*name].is_string()),
        ),
    ] {
        if !is_there {
            found.wrong(format!("`{name}` in its evidence is missing or malformed"));
        }
    }
    let is_refused = value["made"]["refused"].is_string();
    if is_refused && answer(value) != Some(Answer::Abstain(Reason::Unclear)) {
        found.wrong("its evidence has a refused answer and another one than an abstention");
    }
}

/// The answer in a document.
pub(super) fn answer(value: &Value) -> Option<Answer> {
    let bytes = hex::decode(value["answer"].as_str()?.strip_prefix("0x")?).ok()?;
    let answer = Answer::decode(&mut &*bytes).ok()?;
    (answer.encode() == bytes).then_some(answer)
}

/// How the provider says that the answer was made; what the relayer refused of it lies one level down.
pub(super) fn making(value: &Value) -> &Value {
    let mut made = &value["made"];
    // Release 0.3 put what failed before around it as well.
    while made["made"].is_object()
        && (made["refused"].is_string() || made["failed_before"].is_array())
    {
        made = &made["made"];
    }
    made
}

fn check_making(subject: &OnChainRequest, value: &Value, found: &mut Findings) {
    let made = making(value);
    // A question that could not even be read was not put to anybody.
    if let (Ok(question), true) = (question(&subject.terms), made["provider"].is_string()) {
        let asked = llm::record_of(&question);
        // Not as text: the order of names is no difference.
        if made["question"] != asked {
            let got = shown(&made["question"]);
            found.wrong(format!(
                "the question that its model got is {got}, and should be {asked}"
            ));
        }
    }
    if let Ok(question) = question(&subject.terms) {
        sources::check(&subject.terms.sources, &question.prompt, made, found);
    }
    let named = match &made["model"] {
        Value::Object(model) => model.get("reported"),
        Value::String(_) => Some(&made["model"]),
        _ => None,
    };
    if let Some(named) = named {
        found.same(
            "the model in its evidence",
            shown(&value["model"]),
            shown(named),
        );
    }
    if let Some(digest) = response_digest(made) {
        let stated = shown(&value["response_digest"]);
        found.same("the digest of the raw response", stated, digest);
    }
    for sent in [&made["exchanges"], &made["refused_requests"]] {
        for exchange in sent.as_array().into_iter().flatten() {
            check_response(&exchange["response"], found);
        }
    }
}

/// The raw response and the digest of its bytes. One that held the API key has it struck out and is
/// shorter or longer than its bytes were.
fn check_response(response: &Value, found: &mut Findings) {
    let Some(body) = response["body"].as_str() else {
        return;
    };
    if body.contains("***") {
        found.note("a secret was struck out of a raw response, so its digest can't be compared");
        return;
    }
    let digest = hex::encode(blake2(body.as_bytes()));
    found.same(
        "the digest of a raw response",
        shown(&response["blake2_256"]),
        digest,
    );
    found.same(
        "the length of a raw response",
        shown(&response["bytes"]),
        body.len().to_string(),
    );
}

/// A value as text: strings without quotes, all else as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
