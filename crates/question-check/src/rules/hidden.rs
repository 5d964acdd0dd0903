//! Characters that show nothing, and those that look like others.

use crate::{checker::DefectRule, text::QuestionText, DefectKind, Finding, TextPart};

/// Characters of Greek and Cyrillic, each before the Latin one that it looks like.
const LOOKALIKES: &str = "аaеeоoрpсcуyхxіiјjѕsԁdһhкkтtмmнhвbαaοoνvρpτtυuιiκkεeηnχx";

/// Whether a character shows nothing, alone or beside others.
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
        || (c.is_control() && !c.is_whitespace())
}

/// The Latin character that a lower-case Greek or Cyrillic one looks like.
pub fn latin_lookalike(c: char) -> Option<char> {
    let mut pairs = LOOKALIKES.chars();
    while let (Some(from), Some(to)) = (pairs.next(), pairs.next()) {
        if from == c {
            return Some(to);
        }
    }
    None
}

/// Finds [`DefectKind::HiddenCharacters`].
pub struct HiddenCharacterRule;

impl DefectRule for HiddenCharacterRule {
    fn find(&self, text: &QuestionText<'_>) -> Vec<Finding> {
        let parts = text.parts().into_iter();
        parts
            .flat_map(|(part, text)| {
                let mut found = invisible(part, text);
                found.extend(mixed(part, text));
                found
            })
            .collect()
    }
}

/// Runs of invisible characters, but for those that join emoji or shape a script.
fn invisible(part: TextPart, text: &str) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        let end = at.saturating_add(c.len_utf8());
        let is_hidden = is_invisible(c) && !belongs(c, before);
        if !is_hidden {
            before = c;
            continue;
        }
        let start = match found.pop() {
            Some(last) if last.end == at => last.start,
            Some(last) => {
                found.push(last);
                at
            }
            None => at,
        };
        let suggestion = format!("remove it: the last character is {}", c.escape_unicode());
        let kind = DefectKind::HiddenCharacters;
        found.push(Finding::new(kind, part, text, start..end, suggestion));
        before = c;
    }
    found
}

/// Whether an invisible character has a use after this one: joiners and variants of emoji, joiners of scripts
/// that are neither Latin, Greek nor Cyrillic.
fn belongs(c: char, before: char) -> bool {
    let shapes = matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}');
    let is_symbol = matches!(before, '\u{2190}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}' | '#' | '*' | '0'..='9');
    let is_script = before.is_alphabetic() && before > '\u{58f}';
    shapes && (is_symbol || is_script)
}

/// Characters of another script within a Latin word.
fn mixed(part: TextPart, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut start = 0;
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        let at = text
            .get(start..)
            .and_then(|rest| rest.find(word))
            .map_or(start, |offset| start.saturating_add(offset));
        start = at.saturating_add(word.len());
        if !word.chars().any(|c| c.is_ascii_alphabetic()) {
            continue;
        }
        let alike = |c: char| c.to_lowercase().next().and_then(latin_lookalike);
        let foreign = word.char_indices().find(|(_, c)| alike(*c).is_some());
        if let Some((offset, c)) = foreign {
            let first = at.saturating_add(offset);
            let latin = alike(c).unwrap_or(c);
            let suggestion = format!(
                "write the Latin '{latin}' instead of {}",
                c.escape_unicode()
            );
            let range = first..first.saturating_add(c.len_utf8());
            let kind = DefectKind::HiddenCharacters;
            found.push(Finding::new(kind, part, text, range, suggestion));
        }
    }
    found
}
