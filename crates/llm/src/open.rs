//! Open answers: texts and JSON documents.
//!
//! A reply becomes a canonical answer within its size limit, or no answer. Nothing is truncated.

use super::{
    reply::{abstention, abstention_in_capitals, ParsedReply},
    schema::Schema,
    ModelError,
};
use crate::canonical_json::canonical_json;
use llm_oracle_primitives::{canonical, limits, Answer, AnswerKind};

/// Longest reply that is read, bytes: a document of the greatest length with generous white space and
/// escapes.
const REPLY_BYTES_MAX: usize = 64 * 1024;

/// Checks that the question has an answer that could be right.
///
/// # Errors
/// Why not, with the remedy.
pub(super) fn check(kind: &AnswerKind) -> Result<(), String> {
    match kind {
        AnswerKind::Json { schema } => schema_of(schema).map(|_| ()),
        _ => Ok(()),
    }
}

fn schema_of(bytes: &[u8]) -> Result<Schema, String> {
    Schema::read(bytes).map_err(|why| format!("the JSON schema can't be used: {why}"))
}

/// Reads a text.
pub(super) fn text(reply: &str, max_bytes: u32) -> ParsedReply {
    if let Some(reason) = abstention_in_capitals(reply) {
        return ParsedReply::Answer(Answer::Abstain(reason));
    }
    let fault = |fault: String| ParsedReply::Malformed(Some(fault));
    if reply.len() > REPLY_BYTES_MAX {
        return fault(too_long(reply.len(), max_bytes));
    }
    let text = canonical::text(reply);
    if text.is_empty() {
        return fault("it is empty".to_owned());
    }
    // They show nothing, so two equal texts would differ, and terminals obey them.
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        let code = u32::from(control);
        return fault(format!("it holds the control character U+{code:04X}"));
    }
    if text.len() > max_bytes as usize {
        return fault(too_long(text.len(), max_bytes));
    }
    ParsedReply::Answer(Answer::Text(text.into_bytes()))
}

/// Reads a JSON document, bare or in one fence.
///
/// # Errors
/// `BadQuestion` when the schema can't be used, see [`check`].
pub(super) fn json(reply: &str, schema: &[u8]) -> Result<ParsedReply, ModelError> {
    let schema = schema_of(schema).map_err(ModelError::BadQuestion)?;
    Ok(match document(reply, &schema) {
        Ok(document) => ParsedReply::Answer(Answer::Json(document.into_bytes())),
        // No such word is JSON; in quotes it is, and then the schema says whether it is an answer.
        Err(fault) => abstention(reply).map_or(ParsedReply::Malformed(Some(fault)), |reason| {
            ParsedReply::Answer(Answer::Abstain(reason))
        }),
    })
}

fn document(reply: &str, schema: &Schema) -> Result<String, String> {
    let most = limits::MAX_ANSWER_BYTES;
    if reply.len() > REPLY_BYTES_MAX {
        return Err(too_long(reply.len(), most));
    }
    let canonical =
        canonical_json(without_fence(reply)).map_err(|error| format!("it is {error}"))?;
    if canonical.len() > most as usize {
        return Err(too_long(canonical.len(), most));
    }
    // What is committed to is checked, not what was said.
    let value = serde_json::from_str(&canonical).map_err(|error| error.to_string())?;
    schema.check(&value)?;
    Ok(canonical)
}

fn too_long(bytes: usize, most: u32) -> String {
    format!("it has {bytes} bytes, and at most {most} are allowed")
}

/// What one fence around the whole reply holds, or the reply.
fn without_fence(reply: &str) -> &str {
    let inside = reply
        .trim()
        .strip_prefix("```")
        .and_then(|rest| rest.strip_suffix("```"));
    let Some(inside) = inside else { return reply };
    match inside.split_at_checked(4) {
        Some((name, rest)) if name.eq_ignore_ascii_case("json") => rest,
        _ => inside,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use llm_oracle_primitives::Reason;

    const SCHEMA: &[u8] =
        br#"{"type":"object","properties":{"a":{"type":"number"}},"required":["a"]}"#;

    fn said(reply: &str, schema: &[u8]) -> Result<Answer, String> {
        match json(reply, schema).unwrap() {
            ParsedReply::Answer(answer) => Ok(answer),
            ParsedReply::Malformed(fault) => Err(fault.unwrap_or_default()),
        }
    }

    #[test]
    fn a_text_is_canonical_and_within_its_limit_or_no_answer() {
        for (reply, max_bytes, answer) in [
            (" The\n blue  hall. ", 14, "The blue hall."),
            ("cafe\u{301}", 5, "caf\u{e9}"),
            ("\"Paris\"", 7, "\"Paris\""),
            ("refused", 9, "refused"),
            ("The case is UNCLEAR", 30, "The case is UNCLEAR"),
        ] {
            let expected = ParsedReply::Answer(Answer::Text(answer.into()));
            assert_eq!(text(reply, max_bytes), expected, "{reply}");
        }
        for (reply, max_bytes, word) in [
            ("", 9, "empty"),
            (" \n\u{3000}", 9, "empty"),
            ("abcdef", 5, "6 bytes"),
            ("caf\u{e9}", 4, "5 bytes"),
            ("a\0", 9, "U+0000"),
            ("\u{1b}[31mred", 99, "U+001B"),
            ("a\u{9b}b", 99, "U+009B"),
        ] {
            let ParsedReply::Malformed(Some(fault)) = text(reply, max_bytes) else {
                unreachable!("{reply:?} is no answer");
            };
            assert!(fault.contains(word), "{fault}");
        }
        assert!(matches!(
            text(&" a".repeat(REPLY_BYTES_MAX), 2048),
            ParsedReply::Malformed(Some(_))
        ));
    }

    #[test]
    fn a_text_abstains_in_capitals_alone() {
        for (reply, reason) in [
            ("UNCLEAR", Reason::Unclear),
            ("\"TOO SOON.\"\n", Reason::TooSoon),
            ("**REFUSED**", Reason::Refused),
        ] {
            let expected = ParsedReply::Answer(Answer::Abstain(reason));
            assert_eq!(text(reply, 1), expected, "{reply}");
        }
    }

    #[test]
    fn a_document_is_canonical_and_satisfies_the_schema() {
        let expected = Ok(Answer::Json(br#"{"a":1,"b":[]}"#.to_vec()));
        for reply in [
            r#"{"a":1,"b":[]}"#,
            " {\"b\": [ ], \"a\": 1.0}\n",
            "```json\n{\"b\": [], \"a\": 1e0}\n```",
            "\n```JSON {\"a\": 1, \"b\": []}```\n",
            "```\n{\"a\": 1, \"\\u0062\": []}\n```",
        ] {
            assert_eq!(said(reply, SCHEMA), expected, "{reply}");
        }
        for (reply, word) in [
            ("", "JSON"),
            ("Here it is: {\"a\":1}", "JSON"),
            ("```json\n```json\n{\"a\":1}\n```\n```", "JSON"),
            ("{\"a\":1} {\"a\":2}", "JSON"),
            ("{\"a\":1,\"a\":1}", "duplicate"),
            ("{\"a\":9007199254740993}", "9007199254740993"),
            ("{\"a\":\"1\"}", "'/a'"),
            ("[]", "object"),
            ("\"UNCLEAR, sorry\"", "object"),
        ] {
            let fault = said(reply, SCHEMA).unwrap_err();
            assert!(fault.contains(word), "{reply}: {fault}");
        }
    }

    #[test]
    fn a_document_is_never_cut_to_its_limit() {
        let most = limits::MAX_ANSWER_BYTES as usize;
        let quoted = |length: usize| format!("\"{}\"", "x".repeat(length.saturating_sub(2)));
        assert_eq!(
            said(&quoted(most), b"true"),
            Ok(Answer::Json(quoted(most).into()))
        );
        let fault = said(&quoted(most.saturating_add(1)), b"true").unwrap_err();
        assert_eq!(fault, "it has 2049 bytes, and at most 2048 are allowed");
        // Only the canonical form counts.
        let spaced = format!("{}{}", " ".repeat(most), quoted(most));
        assert!(said(&spaced, b"true").is_ok());
        assert!(said(&" ".repeat(REPLY_BYTES_MAX.saturating_add(1)), b"true").is_err());
    }

    #[test]
    fn a_word_that_is_no_document_abstains() {
        for (reply, reason) in [
            ("UNCLEAR", Reason::Unclear),
            ("too soon.", Reason::TooSoon),
            ("```\nREFUSED\n```", Reason::Refused),
            ("\"UNCLEAR\"", Reason::Unclear),
        ] {
            assert_eq!(said(reply, SCHEMA), Ok(Answer::Abstain(reason)), "{reply}");
        }
        let answer = Ok(Answer::Json(b"\"UNCLEAR\"".to_vec()));
        assert_eq!(said("\"UNCLEAR\"", br#"{"type":"string"}"#), answer);
    }

    #[test]
    fn a_question_without_a_right_answer_is_told_apart() {
        let kind = |schema: &[u8]| AnswerKind::Json {
            schema: schema.to_vec(),
        };
        assert_eq!(check(&kind(SCHEMA)), Ok(()));
        assert_eq!(check(&AnswerKind::Text { max_bytes: 1 }), Ok(()));
        let why = check(&kind(br#"{"$ref":"https://example.com/a"}"#)).unwrap_err();
        assert!(why.starts_with("the JSON schema can't be used: "), "{why}");
        assert!(matches!(json("1", b"{"), Err(ModelError::BadQuestion(_))));
    }
}
