#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use super::{
    sample::{case, local_record, reply, signed, Case, CONFIDENCE},
    *,
};
use llm_oracle_primitives::{digest, Answer, Margin, Outcome, SeatAnswer, SeatState};
use serde_json::{json, Value};

fn verdict(case: &Case, index: usize, document: &[u8]) -> SeatFinding {
    check_seat(
        &case.subject,
        &case.subject.view.seats[index],
        Some(document),
    )
    .0
}

/// Every leaf of a document as a JSON pointer.
fn leaves(value: &Value, path: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                leaves(inner, &format!("{path}/{name}"), into);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                leaves(inner, &format!("{path}/{index}"), into);
            }
        }
        _ => into.push(path.to_owned()),
    }
}

/// Another value of the same type.
fn altered(value: &Value) -> Value {
    match value {
        Value::Null => json!("something"),
        Value::Bool(yes) => json!(!yes),
        Value::Number(number) => match number.as_u64() {
            Some(whole) => json!(whole + 1),
            None => json!(number.as_f64().unwrap() + 1.0),
        },
        Value::String(text) if text.starts_with("0x") => {
            let flipped = if text.ends_with('0') { '1' } else { '0' };
            json!(format!("{}{flipped}", &text[..text.len() - 1]))
        }
        Value::String(text) => json!(format!("{text}x")),
        _ => unreachable!("leaves only"),
    }
}

fn with_leaf_altered(document: &[u8], path: &str) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(document).unwrap();
    let place = value.pointer_mut(path).unwrap();
    *place = altered(place);
    serde_json_canonicalizer::to_vec(&value).unwrap()
}

#[test]
fn an_untouched_request_holds() {
    let case = case();
    assert_eq!(check_request(&case.subject), Findings::default());
    for (index, document) in case.documents.iter().enumerate() {
        let seat = &case.subject.view.seats[index];
        let (verdict, found) = check_seat(&case.subject, seat, Some(document));
        assert_eq!(
            (verdict, found.wrong),
            (SeatFinding::Consistent, vec![]),
            "{index}"
        );
    }
    let silent = check_seat(&case.subject, &case.subject.view.seats[3], None);
    assert_eq!(silent.0, SeatFinding::Unrevealed);
    let lost = check_seat(&case.subject, &case.subject.view.seats[0], None);
    assert_eq!(lost.0, SeatFinding::NotChecked, "no evidence is no proof");
}

#[test]
fn altering_any_byte_of_any_evidence_is_found() {
    let case = case();
    for (index, document) in case.documents.iter().enumerate() {
        for position in 0..document.len() {
            let mut bytes = document.clone();
            bytes[position] ^= 1;
            assert_eq!(
                verdict(&case, index, &bytes),
                SeatFinding::Wrong,
                "byte {position}"
            );
        }
        let shorter = &document[..document.len() - 1];
        assert_eq!(verdict(&case, index, shorter), SeatFinding::Wrong);
        let longer = [document, &b" "[..]].concat();
        assert_eq!(verdict(&case, index, &longer), SeatFinding::Wrong);
    }
}

#[test]
fn altering_any_field_of_any_evidence_is_found() {
    let case = case();
    for (index, document) in case.documents.iter().enumerate() {
        let mut paths = Vec::new();
        leaves(&serde_json::from_slice(document).unwrap(), "", &mut paths);
        assert!(paths.len() > 25, "{paths:?}");
        for path in paths {
            let document = with_leaf_altered(document, &path);
            assert_eq!(
                verdict(&case, index, &document),
                SeatFinding::Wrong,
                "{path}"
            );
        }
    }
}

/// An operator that writes something else into its own evidence, with digest, commitment and signature
/// to match, is found out by what the chain knows, and by asking the model again. What is left are words
/// that nobody could check.
#[test]
fn an_operator_that_lies_in_its_own_evidence_is_found() {
    let case = case();
    let honest = reply(local_record(), Answer::Bool(true));
    for (index, unchecked) in [
        (
            0,
            &["/random", "/software", "/times/", "/made/provider"][..],
        ),
        (
            1,
            &[
                "/random",
                "/software",
                "/times/",
                "/made/provider",
                "/made/template",
                "/made/usage/",
                "/made/system_fingerprint",
                "/made/model/asked",
                "/made/exchanges/0/request/",
            ],
        ),
    ] {
        let document = &case.documents[index];
        let mut paths = Vec::new();
        leaves(&serde_json::from_slice(document).unwrap(), "", &mut paths);
        for path in paths {
            let document = with_leaf_altered(document, &path);
            let salt = case.subject.view.seats[index].salt.unwrap();
            let evidence = digest::evidence(&salt, &document);
            let answer = Answer::Bool(true);
            let (key, slot) = (&case.keys[index], index as u32);
            let seat = signed(&case.subject, slot, key, &answer, evidence, salt);
            let (mut verdict, mut found) = check_seat(&case.subject, &seat, Some(&document));
            if verdict == SeatFinding::Consistent && index == 0 {
                let value = serde_json::from_slice(&document).unwrap();
                verdict = compare(&case.subject, &value, &honest, &mut found);
            }
            let free = unchecked.iter().any(|prefix| path.starts_with(prefix));
            // Another file or engine can't be asked here, which is said and not held against anyone.
            let elsewhere = path.starts_with("/made/engine/") || path == "/made/file/sha256";
            match (free, elsewhere || path == "/made/template" && index == 0) {
                (true, _) => assert_ne!(verdict, SeatFinding::Wrong, "{path}: {found:?}"),
                (_, true) => assert!(!found.notes.is_empty(), "{path}: {found:?}"),
                _ => assert_eq!(verdict, SeatFinding::Wrong, "{path}: {found:?}"),
            }
        }
    }
}

#[test]
fn asking_again_reproduces_or_says_what_differs() {
    let case = case();
    let value: Value = serde_json::from_slice(&case.documents[0]).unwrap();
    let again = |record: Value, answer| {
        let mut found = Findings::default();
        let verdict = compare(&case.subject, &value, &reply(record, answer), &mut found);
        (verdict, found)
    };
    let same = again(local_record(), Answer::Bool(true));
    assert_eq!(same, (SeatFinding::Reproduced, Findings::default()));
    let mut nearly = local_record();
    nearly["margin"] = json!(1.250_01);
    assert_eq!(again(nearly, Answer::Bool(true)).0, SeatFinding::Reproduced);
    assert_eq!(
        again(local_record(), Answer::Bool(false)).0,
        SeatFinding::Wrong
    );
    let mut elsewhere = local_record();
    elsewhere["engine"]["threads"] = json!(4);
    assert_eq!(
        again(elsewhere.clone(), Answer::Bool(true)).0,
        SeatFinding::Reproduced
    );
    let (verdict, found) = again(elsewhere, Answer::Bool(false));
    assert_eq!(verdict, SeatFinding::Consistent);
    assert!(found.notes[0].contains("another engine"), "{found:?}");
}

#[test]
fn whatever_is_altered_of_a_seat_on_chain_is_found() {
    let case = case();
    let alterations: [(&str, fn(&mut SeatView)); 9] = [
        ("commitment", |seat| seat.commitment[0] ^= 1),
        ("evidence", |seat| seat.evidence[0] ^= 1),
        ("salt", |seat| seat.salt = Some([7; 32])),
        ("signature", |seat| seat.signature = Some([7; 64])),
        ("answer", |seat| {
            seat.answer = Some(SeatAnswer::Whole(Answer::Bool(false)))
        }),
        ("operator", |seat| seat.operator = AccountId::from([7; 32])),
        ("confidence", |seat| seat.confidence = Some(CONFIDENCE + 1)),
        ("no confidence", |seat| seat.confidence = None),
        ("half", |seat| seat.salt = None),
    ];
    for (what, alter) in alterations {
        let mut seat = case.subject.view.seats[0].clone();
        alter(&mut seat);
        let document = Some(case.documents[0].as_slice());
        assert_eq!(
            check_seat(&case.subject, &seat, document).0,
            SeatFinding::Wrong,
            "{what}"
        );
    }
}

#[test]
fn without_evidence_a_seat_is_not_checked_and_what_the_chain_has_is() {
    let case = case();
    let seat = &case.subject.view.seats[0];
    let (verdict, found) = check_seat(&case.subject, seat, None);
    assert_eq!(verdict, SeatFinding::NotChecked);
    assert!(found.wrong.is_empty(), "{found:?}");
    assert!(found.notes[0].contains("--evidence"), "{found:?}");
    let alterations: [fn(&mut SeatView); 3] = [
        |seat| seat.commitment[0] ^= 1,
        |seat| seat.salt = Some([7; 32]),
        |seat| seat.signature = Some([7; 64]),
    ];
    for alter in alterations {
        let mut seat = seat.clone();
        alter(&mut seat);
        let (verdict, _) = check_seat(&case.subject, &seat, None);
        assert_eq!(verdict, SeatFinding::Wrong);
    }
}

#[test]
fn whatever_is_altered_of_tally_and_payments_is_found() {
    let alterations: [(&str, fn(&mut RequestView)); 21] = [
        ("terms digest", |view| view.terms_digest[0] ^= 1),
        ("requester", |view| {
            view.requester = AccountId::from([8; 32])
        }),
        ("threshold", |view| view.threshold = 2),
        ("reward", |view| view.summary.reward += 1),
        ("least confidence", |view| view.min_confidence = 11),
        ("family", |view| view.max_seats_per_family = 3),
        ("sureness", |view| {
            view.seats[0].confidence = Some(CONFIDENCE - 1)
        }),
        ("outcome", |view| view.outcome = Some(Outcome::Expired)),
        ("margin", |view| {
            let margin = Margin::default();
            view.outcome = Some(Outcome::NoConsensus { margin });
        }),
        ("answered", |view| {
            let margin = view.outcome.as_ref().unwrap().margin().unwrap();
            let answer = Answer::Bool(true);
            view.outcome = Some(Outcome::Answered { answer, margin });
        }),
        ("paid", |view| view.seats[0].paid += 1),
        ("forfeited", |view| view.seats[3].forfeited = 0),
        ("state", |view| view.seats[2].state = SeatState::Dissented),
        ("refund", |view| view.refund -= 1),
        ("fee", |view| view.fee += 1),
        ("opening", |view| view.summary.opens_at += 1),
        ("commit deadline", |view| view.summary.commit_deadline -= 1),
        ("reveal deadline", |view| view.summary.reveal_deadline += 1),
        ("block of the ask", |view| view.asked_at = 2),
        ("opening of the reveals", |view| {
            view.reveals_opened_at = Some(view.summary.commit_deadline + 1);
        }),
        ("block of the end", |view| view.ended_at = Some(21)),
    ];
    for (what, alter) in alterations {
        let mut case = case();
        alter(&mut case.subject.view);
        let found = check_request(&case.subject);
        assert!(!found.wrong.is_empty(), "{what}");
    }
    let mut twice = case();
    twice.subject.view.seats[1].operator = twice.subject.view.seats[0].operator;
    assert!(!check_request(&twice.subject).wrong.is_empty());
    let mut crowded = case();
    crowded.subject.terms.max_seats_per_family = 2;
    assert!(check_request(&crowded.subject).wrong.len() > 1);
}
