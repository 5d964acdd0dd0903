//! Errors of TOML files without the values that they quote: a value may be a secret in the wrong place,
//! and errors end in logs.

use std::ops::Range;

/// The line in which a range of bytes begins, counted from 1.
pub fn line_of(text: &str, span: Option<Range<usize>>) -> usize {
    let before = span.and_then(|span| text.as_bytes().get(..span.start));
    let breaks = before
        .unwrap_or_default()
        .iter()
        .filter(|byte| **byte == b'\n');
    breaks.count().saturating_add(1)
}

/// The text without the values that it quotes: `string "abc"` becomes `a string`.
pub fn without_values(text: &str) -> String {
    const MARK: &str = "string \"";
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, quoted)) = rest.split_once(MARK) {
        shown.push_str(before);
        shown.push_str("a string");
        let mut escaped = false;
        let end = quoted.find(|c: char| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        // Without an end of the quote nothing of the rest is shown.
        rest = end
            .and_then(|end| quoted.get(end..)?.strip_prefix('"'))
            .unwrap_or_default();
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_left_out_whatever_they_hold() {
        for (text, shown) in [
            ("nothing quoted", "nothing quoted"),
            (
                r#"invalid type: found string "s3cret", expected u64 for key "limits""#,
                r#"invalid type: found a string, expected u64 for key "limits""#,
            ),
            (
                r#"string "a\"b\\", then string "c""#,
                "a string, then a string",
            ),
            (r#"string "never ends"#, "a string"),
        ] {
            assert_eq!(without_values(text), shown);
        }
    }
}
