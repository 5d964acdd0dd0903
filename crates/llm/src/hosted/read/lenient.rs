//! JSON as servers write it: beside the standard they write half of a pair of surrogates, where a token
//! ended within a character, and `NaN`.

use serde_json::{Error, Value};

/// What stands for half a character.
const REPLACEMENT: &str = "\\ufffd";
/// Numbers that JSON does not have.
const NOT_NUMBERS: [&str; 3] = ["NaN", "-Infinity", "Infinity"];

/// Reads a document, and one that is almost JSON with what is wrong replaced.
///
/// # Errors
/// When it is no such document, as the standard sees it.
pub(super) fn parse(body: &str) -> Result<Value, Error> {
    let body = body.trim_start_matches('\u{feff}');
    serde_json::from_str(body)
        .or_else(|error| serde_json::from_str(&mended(body)).map_err(|_| error))
}

/// The document that a body begins with, and what stands behind it.
pub(super) fn leading(body: &str) -> Option<(Value, &str)> {
    let body = body.trim_start_matches('\u{feff}');
    let mut documents = serde_json::Deserializer::from_str(body).into_iter::<Value>();
    let first = documents.next()?.ok()?;
    let rest = body.get(documents.byte_offset()..)?;
    Some((first, rest))
}

fn mended(body: &str) -> String {
    let mut out = String::with_capacity(body.len());
    let mut rest = body;
    let mut is_in_text = false;
    while let Some(next) = rest.chars().next() {
        let taken = match next {
            '"' => {
                is_in_text = !is_in_text;
                1
            }
            '\\' if is_in_text => escape(rest, &mut out),
            _ if !is_in_text => not_number(rest),
            _ => next.len_utf8(),
        };
        match next {
            '\\' if is_in_text => {}
            _ if !is_in_text && next != '"' && taken > next.len_utf8() => out.push_str("null"),
            _ => out.push(next),
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    out
}

/// Bytes of a word that JSON does not have, or those of one character.
fn not_number(rest: &str) -> usize {
    let found = NOT_NUMBERS.iter().find(|word| rest.starts_with(**word));
    let one = rest.chars().next().map_or(1, char::len_utf8);
    found.map_or(one, |word| word.len())
}

/// Copies an escape, with half a pair replaced. Returns its bytes.
fn escape(rest: &str, out: &mut String) -> usize {
    let unit = |at: usize| {
        let text = rest.get(at..at.saturating_add(6))?;
        let digits = text.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let (copied, text) = match (unit(0), unit(6)) {
        (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (12, rest.get(..12)),
        (Some(0xd800..=0xdfff), _) => (6, Some(REPLACEMENT)),
        (Some(_), _) => (6, rest.get(..6)),
        (None, _) => {
            let second = rest.chars().nth(1).map_or(0, char::len_utf8);
            let end = second.saturating_add(1);
            (end, rest.get(..end))
        }
    };
    out.push_str(text.unwrap_or_default());
    copied
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_almost_json_is_read() {
        for (body, expected) in [
            ("\u{feff}{\"a\":1}", json!({ "a": 1 })),
            (r#"{"a":"x\ud83d"}"#, json!({ "a": "x\u{fffd}" })),
            (
                r#"{"a":"\ude00 \ud83d\ude00\n\"NaN"}"#,
                json!({ "a": "\u{fffd} 😀\n\"NaN" }),
            ),
            (
                r#"{"p":NaN,"q":[-Infinity,Infinity],"é":"ü"}"#,
                json!({ "p": null, "q": [null, null], "é": "ü" }),
            ),
        ] {
            assert_eq!(parse(body).unwrap(), expected, "{body}");
        }
        for body in ["", "{", "\"\\", "{\"a\":\"\\ud8", "nan", "{]"] {
            assert!(parse(body).is_err(), "{body}");
        }
    }
}
