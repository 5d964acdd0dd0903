//! Quotes: words of sources that a model gives for its answer, looked up in what it was shown.
//!
//! White space does not count, because models break lines as they like, and because a space stands in marks that a
//! chat template would read. Everything else must be there as it is.

use crate::passages::Passage;
use serde::{Deserialize, Serialize};

/// Longest quote, bytes of the source's text.
pub const QUOTE_BYTES_MAX: usize = 400;
/// Fewest characters of a quote beside white space: fewer stand everywhere, and show nothing.
pub const QUOTE_CHARS_MIN: usize = 3;

/// Marks that models set around a quote or at its ends, which are not part of it.
const AROUND: [char; 9] = ['"', '\'', '“', '”', '‘', '’', '«', '»', '…'];

/// A part of a source's text that a model quotes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceQuote {
    /// The source's number in the prompt and, less one, in the terms.
    pub source: u8,
    /// Where it begins, bytes from the start of the source's text.
    pub start: usize,
    /// Where it ends, bytes from the start of the source's text.
    pub end: usize,
    /// The words as they stand in the source.
    pub text: String,
}

/// A source's text and what the model was shown of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotableText {
    /// The source's number in the prompt.
    pub source: u8,
    /// All of its text.
    pub text: String,
    /// The parts that were shown.
    pub passages: Vec<Passage>,
}

/// Finds words in the texts that were shown: first in the source that is named, then in the others. `None` when
/// they stand nowhere, are too short to show anything, or too long.
pub fn find(said: &str, named: u8, texts: &[QuotableText]) -> Option<SourceQuote> {
    let said = said.trim_matches(|c: char| c.is_whitespace() || AROUND.contains(&c));
    let said = said.trim_end_matches("...").trim_start_matches("...");
    let wanted: String = said.chars().filter(|c| !c.is_whitespace()).collect();
    if wanted.chars().count() < QUOTE_CHARS_MIN || wanted.len() > QUOTE_BYTES_MAX {
        return None;
    }
    let (first, others): (Vec<_>, Vec<_>) = texts.iter().partition(|text| text.source == named);
    let mut all = first.into_iter().chain(others);
    all.find_map(|text| find_in(&wanted, text))
}

fn find_in(wanted: &str, text: &QuotableText) -> Option<SourceQuote> {
    text.passages.iter().find_map(|passage| {
        let shown = passage.of(&text.text)?;
        let (from, to) = place(wanted, shown)?;
        let (start, end) = (
            passage.start.checked_add(from)?,
            passage.start.checked_add(to)?,
        );
        let words = text.text.get(start..end)?;
        (words.len() <= QUOTE_BYTES_MAX).then(|| SourceQuote {
            source: text.source,
            start,
            end,
            text: words.to_owned(),
        })
    })
}

/// Where a text without white space stands in another one, bytes: its first and the one behind its last.
fn place(wanted: &str, shown: &str) -> Option<(usize, usize)> {
    let mut packed = String::with_capacity(shown.len());
    // For each byte of `packed`, the place of its character.
    let mut places = Vec::with_capacity(shown.len());
    for (at, character) in shown.char_indices().filter(|(_, c)| !c.is_whitespace()) {
        packed.push(character);
        places.resize(packed.len(), at);
    }
    let first = packed.find(wanted)?;
    let last = wanted.chars().next_back()?;
    let last_byte = first
        .checked_add(wanted.len())?
        .checked_sub(last.len_utf8())?;
    let (start, last_at) = (*places.get(first)?, *places.get(last_byte)?);
    Some((start, last_at.checked_add(last.len_utf8())?))
}

#[cfg(test)]
#[path = "quotes_tests.rs"]
mod tests;
