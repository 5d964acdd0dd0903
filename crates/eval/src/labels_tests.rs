//! Tests of the reader of labelled questions.

#![allow(clippy::unwrap_used)]
use super::*;

const GOOD: &str = r#"{"id": "a", "set": "s", "kind": "bool", "prompt": "Is it?", "answer": "no"}"#;

#[test]
fn each_kind_is_read() {
    let text = [
        GOOD,
        r#"{"id": "b", "set": "s", "kind": "choice", "options": ["x", "y"], "prompt": "p", "answer": "y"}"#,
        "",
        r#"{"id": "c", "set": "s", "kind": "number", "tolerance": "0.5", "prompt": "p", "answer": "1.5"}"#,
        r#"{"id": "d", "set": "s", "kind": "number", "prompt": "p", "answer": 12}"#,
        r#"{"id": "e", "set": "s", "kind": "text", "prompt": "p", "answer": "a  b"}"#,
    ]
    .join("\n");
    let questions = read("q.jsonl", &text).unwrap();
    let truths: Vec<_> = questions.iter().map(|one| one.truth.clone()).collect();
    assert_eq!(
        truths,
        [
            Answer::Bool(false),
            Answer::Choice(1),
            Answer::Number(15),
            Answer::Number(12),
            Answer::Text(b"a b".to_vec()),
        ]
    );
    assert_eq!(
        questions[2].kind,
        AnswerKind::Number {
            scale: 1,
            tolerance: 5
        }
    );
}

#[test]
fn a_reversed_question_has_the_same_truth_and_another_digest() {
    let text = r#"{"id": "b", "set": "s", "kind": "choice", "options": ["x", "y", "z"], "prompt": "p", "answer": "z"}"#;
    let question = read("q", text).unwrap().remove(0);
    let reversed = question.reversed().unwrap();
    assert_eq!(question.truth, Answer::Choice(2));
    assert_eq!(reversed.truth, Answer::Choice(0));
    assert_ne!(question.digest(), reversed.digest());
    assert_eq!(reversed.reversed().unwrap(), question);
    assert_eq!(read("q", GOOD).unwrap()[0].reversed(), None);
}

#[test]
fn a_fault_is_shown_with_line_column_and_remedy() {
    for (line, place, what) in [
        ("{", "q.jsonl:2:1: EOF", "one JSON object"),
        (
            r#"{"id": "b", "set": "s", "kind": "bool", "prompt": "p"}"#,
            "q.jsonl:2:1: `answer` is missing",
            "write the right answer",
        ),
        (
            r#"{"id": "b", "set": "answer", "kind": "bool", "prompt": "say \"answer\": no", "answer": "perhaps"}"#,
            "q.jsonl:2:78: answer 'perhaps'",
            "write yes or no",
        ),
        (
            r#"{"id": "b", "set": "s", "kind": "choice", "options": ["x", "y"], "prompt": "p", "answer": "z"}"#,
            "q.jsonl:2:81: answer 'z'",
            "write one of: x, y",
        ),
        (
            r#"{"id": "b", "set": "s", "kind": "choice", "options": ["x"], "prompt": "p", "answer": "x"}"#,
            "q.jsonl:2:43: ",
            "options",
        ),
        (
            r#"{"id": "b", "set": "s", "kind": "vote", "prompt": "p", "answer": "x"}"#,
            "q.jsonl:2:25: kind 'vote'",
            "bool, choice, number or text",
        ),
        (
            r#"{"id": "b", "set": "s", "kind": "bool", "prompt": "p", "answer": "abstain:unclear"}"#,
            "q.jsonl:2:56: answer 'abstain",
            "write yes or no",
        ),
        (
            r#"{"id": "b", "sets": "s"}"#,
            "q.jsonl:2:18: unknown field `sets`",
            "id, set, kind",
        ),
        (GOOD, "q.jsonl:2:2: id 'a' stands in line 1", "of its own"),
    ] {
        let error = read("q.jsonl", &format!("{GOOD}\n{line}")).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(place), "{text}\nexpected {place}");
        assert!(text.contains(what), "{text}\nexpected {what}");
    }
    let error = read("q.jsonl", "\n").unwrap_err().to_string();
    assert!(error.contains("no question"), "{error}");
}
