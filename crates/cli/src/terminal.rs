//! Text of strangers on a terminal. Prompts and answers may hold codes that move the cursor or change the
//! direction of writing; shown as they are, they would make the screen say something else.

use std::fmt::Write as _;

/// Whether a character acts on a terminal instead of being shown: C0 and C1 codes, marks of direction,
/// and tags. Line breaks and tabs are not among them.
fn is_unsafe(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Text of one line for a terminal: what acts on it is replaced.
pub fn one_line(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => char::REPLACEMENT_CHARACTER,
        c if is_unsafe(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(shown).collect()
}

/// Text for a terminal: what acts on it is written as `\u{202e}`.
pub fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The same for a JSON document, where such a character can only be within a string: as `\u202e`. The
/// document means the same.
pub fn escaped_json(document: &str) -> String {
    let mut shown = String::with_capacity(document.len());
    for c in document.chars() {
        if is_unsafe(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing into a string does not fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{202e}b\u{9b}31m\u{1b}[2J\r\u{e0041}\u{2066}\tend\nnext";

    #[test]
    fn no_code_of_a_stranger_reaches_a_terminal() {
        let shown = escaped(HOSTILE);
        assert!(!shown.chars().any(is_unsafe), "{shown:?}");
        assert!(shown.contains("a\\u{202e}b\\u{9b}31m\\u{1b}[2J"), "{shown}");
        assert!(shown.ends_with("\tend\nnext"));
        assert!(!one_line(HOSTILE).chars().any(|c| is_unsafe(c) || c == '\n'));
        assert_eq!(escaped("grün ✓ 日本 👩‍🚀"), "grün ✓ 日本 👩‍🚀");
    }

    #[test]
    fn json_keeps_its_meaning_and_loses_the_codes() {
        let document = serde_json::json!({ "prompt": HOSTILE }).to_string();
        assert!(document.contains('\u{202e}'));
        let shown = escaped_json(&document);
        assert!(!shown.chars().any(is_unsafe), "{shown}");
        let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(read["prompt"], HOSTILE);
    }
}
