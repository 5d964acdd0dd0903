//! JSON: the document's own names, numbers and order, one member a line.

use super::Unreadable;
use serde::de::IgnoredAny;

/// Checks it as JSON and writes it anew with line ends. Numbers stay as they are written; strings lose
/// escapes that they don't need.
pub(super) fn read(bytes: &[u8]) -> Result<String, Unreadable> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let no_json = |error: &dyn std::fmt::Display| Unreadable(format!("it is no JSON: {error}"));
    let text = std::str::from_utf8(bytes).map_err(|error| no_json(&error))?;
    // Nesting is bounded by the parser.
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| no_json(&error))?;
    Ok(relined(text))
}

/// The text with a line for each member; it is JSON.
fn relined(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    let (mut rest, mut depth) = (text, 0_usize);
    while let Some(c) = rest.chars().next() {
        let length = if c == '"' {
            string_end(rest)
        } else {
            c.len_utf8()
        };
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        rest = after;
        match c {
            '"' => lines.push_str(&unescaped(token)),
            '{' | '[' => {
                lines.push(c);
                let empty = rest.trim_start().starts_with(['}', ']']);
                depth = depth.saturating_add(1);
                if !empty {
                    break_line(&mut lines, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !lines.ends_with(['{', '[']) {
                    break_line(&mut lines, depth);
                }
                lines.push(c);
            }
            ',' => {
                lines.push(c);
                break_line(&mut lines, depth);
            }
            ':' => lines.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => lines.push(c),
        }
    }
    lines
}

fn break_line(lines: &mut String, depth: usize) {
    lines.push('\n');
    for _ in 0..depth {
        lines.push(' ');
    }
}

/// Length of the string at the start of a text, its quotes included, bytes.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at.saturating_add(1),
            _ => {}
        }
    }
    text.len()
}

/// A string as people read it; one that stands for no text stays as it is.
fn unescaped(token: &str) -> String {
    let text = serde_json::from_str::<String>(token).ok();
    let token_again = text.and_then(|text| serde_json::to_string(&text).ok());
    token_again.unwrap_or_else(|| token.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_names_and_order_stay_and_escapes_go() {
        for (json, text) in [
            (
                r#"{"b":1.10,"a":[1e999,{}],"b":[]}"#,
                "{\n \"b\": 1.10,\n \"a\": [\n  1e999,\n  {}\n ],\n \"b\": []\n}",
            ),
            (r#""\u0444\n\"""#, "\"ф\\n\\\"\""),
            ("\u{feff}true", "true"),
        ] {
            assert_eq!(read(json.as_bytes()).unwrap(), text, "{json}");
        }
    }

    #[test]
    fn what_is_no_json_says_where() {
        for (json, word) in [
            (&b"{\"a\":"[..], "line 1"),
            (b"[1,]", "line 1"),
            (b"\xff", "utf-8"),
            (b"1 2", "trailing"),
        ] {
            let error = read(json).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        let deep = "[".repeat(100_000);
        assert!(read(deep.as_bytes()).is_err());
    }
}
