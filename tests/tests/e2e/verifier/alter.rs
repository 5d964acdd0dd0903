//! Alterations of everything that is verified, one at a time, each with the name of what is altered.

use super::saved::Saved;
use llm_oracle_primitives::{digest, Answer, SeatView};
use llm_oracle_tests::Key;
use scale::{Decode, DecodeAll, Encode};
use serde_json::{json, Map, Value};
use std::{collections::BTreeMap, fmt::Debug};

/// Alterations of one field of the chain's data: its first byte and its last.
const EACH: usize = 2;
/// Altered bytes of one document.
const BYTES: usize = 24;

/// Something altered.
pub struct Altered {
    pub field: String,
    pub saved: Saved,
}

/// All fields of the request, the terms and the deployment.
pub fn chain_data(saved: &Saved) -> Vec<Altered> {
    let mut all = Vec::new();
    let mut push = |field: String, change: &dyn Fn(&mut Saved)| {
        let mut saved = saved.clone();
        change(&mut saved);
        all.push(Altered { field, saved });
    };
    for (field, view) in fields(&saved.record.view) {
        push(format!("request.{field}"), &|saved| {
            saved.record.view = view.clone()
        });
    }
    for (field, terms) in fields(&saved.record.terms) {
        push(format!("terms.{field}"), &|saved| {
            saved.record.terms = terms.clone()
        });
    }
    for at in [0, 31] {
        push("domain".into(), &|saved| saved.record.domain[at] ^= 1);
        push("contract".into(), &|saved| {
            let mut bytes: [u8; 32] = *saved.record.contract.as_ref();
            bytes[at] ^= 1;
            saved.record.contract = bytes.into();
        });
    }
    all
}

/// The values that differ in one bit of one field, with the field's name.
fn fields<T: Encode + Decode + Debug + PartialEq>(value: &T) -> Vec<(String, T)> {
    let bytes = value.encode();
    let text = format!("{value:#?}");
    let lines: Vec<&str> = text.lines().collect();
    let mut found: BTreeMap<String, Vec<T>> = BTreeMap::new();
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        let Ok(other) = T::decode_all(&mut &*bytes) else {
            continue;
        };
        let name = name(&lines, &other);
        // Both refuse a request of another version before they check anything.
        if name == "interface_version" {
            continue;
        }
        let others = found.entry(name).or_default();
        if others.len() >= EACH {
            others.pop();
        }
        others.push(other);
    }
    let each = |(name, others): (String, Vec<T>)| {
        let named = move |other| (name.clone(), other);
        others.into_iter().map(named)
    };
    found.into_iter().flat_map(each).collect()
}

/// The name of the first field that differs from these lines, with those that it is in.
fn name<T: Debug>(lines: &[&str], other: &T) -> String {
    let text = format!("{other:#?}");
    let pairs = lines.iter().zip(text.lines());
    let at = pairs.take_while(|(one, other)| *one == other).count();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut inside = usize::MAX;
    let mut names = Vec::new();
    for line in lines[..=at.min(lines.len() - 1)].iter().rev() {
        if indent(line) < inside {
            inside = indent(line);
            if let Some((name, _)) = line.trim_start().split_once(": ") {
                names.push(name);
            }
        }
    }
    names.reverse();
    names.join(".")
}

/// Bytes of a document, which keeps its digest.
pub fn document_bytes(saved: &Saved, seat: &SeatView) -> Vec<Altered> {
    let document = &saved.documents[&seat.evidence];
    let altered = (0..BYTES).map(|n| {
        let at = n * document.len() / BYTES;
        let mut saved = saved.clone();
        let document = saved.documents.get_mut(&seat.evidence).unwrap();
        document[at] ^= 1 << (n % 8);
        let field = format!("byte {at}");
        Altered { field, saved }
    });
    altered.collect()
}

/// Every field of a document altered and, where it may be missing, removed. The operator has committed to the
/// altered one and has signed it, so that the document alone is false.
pub fn document_fields(saved: &Saved, position: usize, keys: &[Key]) -> Vec<Altered> {
    let seat = &saved.record.view.seats[position];
    let document = &saved.documents[&seat.evidence];
    let value: Value = serde_json::from_slice(document).unwrap();
    let again = serde_json::to_vec(&value).unwrap();
    assert_eq!(again, *document, "what is written here is canonical too");
    let key = keys
        .iter()
        .find(|key| key.account == seat.operator)
        .unwrap();
    let make = |(field, altered): (String, Value)| Altered {
        field,
        saved: committed(saved, position, key, &altered),
    };
    altered(&value).into_iter().map(make).collect()
}

/// The seat with another document.
fn committed(saved: &Saved, position: usize, key: &Key, document: &Value) -> Saved {
    let mut saved = saved.clone();
    let context = saved.record.context(key.account);
    let seat = &mut saved.record.view.seats[position];
    let original: Value = serde_json::from_slice(&saved.documents[&seat.evidence]).unwrap();
    let answer = hex::decode(&original["answer"].as_str().unwrap()[2..]).unwrap();
    let answer = Answer::decode_all(&mut &*answer).unwrap();
    let (salt, document) = (seat.salt.unwrap(), serde_json::to_vec(document).unwrap());
    let (confidence, evidence) = (seat.confidence, digest::evidence(&salt, &document));
    seat.commitment = digest::commitment(&context, &answer, confidence, &evidence, &salt);
    let message = digest::answer_message(&context, &answer, confidence, &evidence);
    seat.signature = Some(key.pair.sign(&message).0);
    seat.evidence = evidence;
    saved.documents = [(evidence, document)].into();
    saved
}

/// The documents that differ in one value or lack one member, with the path of it.
fn altered(value: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let others = members.iter().filter(|(other, _)| *other != name);
                let without: Map<_, _> = others
                    .map(|(name, it)| (name.clone(), it.clone()))
                    .collect();
                all.push((format!("{name} missing"), without.into()));
                for (path, other) in altered(member) {
                    let mut members = members.clone();
                    members.insert(name.clone(), other);
                    let path = format!("{name}.{path}");
                    all.push((path.trim_end_matches('.').to_owned(), members.into()));
                }
            }
        }
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                for (path, other) in altered(item) {
                    let mut items = items.clone();
                    items[position] = other;
                    all.push((path, items.into()));
                }
            }
        }
        _ => all.push((String::new(), another(value))),
    }
    all
}

fn another(value: &Value) -> Value {
    match value {
        Value::Null => json!(0),
        Value::Bool(is) => json!(!is),
        Value::Number(number) => match number.as_i64() {
            Some(number) => json!(number + 1),
            None => json!(number.as_f64().unwrap() + 1.5),
        },
        // The last letter: of hexadecimal it is still hexadecimal.
        Value::String(text) => {
            let mut text = text.clone();
            let last = text.pop();
            text.push(if last == Some('0') { '1' } else { '0' });
            json!(text)
        }
        other => other.clone(),
    }
}
