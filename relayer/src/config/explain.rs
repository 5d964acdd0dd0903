//! What is wrong with a settings file, without quoting it: somebody may have put a secret in the wrong
//! place, and errors end in logs.

use super::ConfigError;
use std::{ops::Range, path::Path};

/// What is wrong with a setting: the reason, the key and where it stands.
pub(super) fn explain(error: &figment2::Error) -> String {
    // A chain of errors shows one a line; one sentence is easier to read and to search for.
    without_values(&error.to_string()).replace('\n', "; ")
}

/// Refuses text that is no TOML, before anything shows the line that is none.
pub(super) fn check_syntax(path: &Path, text: &str) -> Result<(), ConfigError> {
    let parsed = toml::from_str::<toml::Table>(text);
    parsed.map(drop).map_err(|error| {
        let (path, line) = (path.display(), line_of(text, error.span()));
        let reason = without_values(error.message()).replace('\n', "; ");
        ConfigError::Wrong(format!("{path} line {line} is no TOML: {reason}"))
    })
}

/// The line in which a range of bytes begins, counted from 1.
pub(crate) fn line_of(text: &str, span: Option<Range<usize>>) -> usize {
    let before = span.and_then(|span| text.as_bytes().get(..span.start));
    let breaks = before
        .unwrap_or_default()
        .iter()
        .filter(|byte| **byte == b'\n');
    breaks.count().saturating_add(1)
}

/// The text without the values that it quotes: `string "abc"` becomes `a string`.
pub(crate) fn without_values(text: &str) -> String {
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
        // Without an end nothing of the rest is fit to be shown.
        rest = end
            .and_then(|end| quoted.get(end..)?.strip_prefix('"'))
            .unwrap_or_default();
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
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

    #[test]
    fn a_broken_line_is_named_by_its_number_and_not_shown() {
        let text = "url = 'ws://x'\n[[operators]]\nsuri = \"s3cret phrase\n";
        let error = check_syntax(Path::new("a.toml"), text)
            .unwrap_err()
            .to_string();
        assert!(error.contains("a.toml line 3"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
        assert!(check_syntax(Path::new("a.toml"), "url = 'x'").is_ok());
    }
}
