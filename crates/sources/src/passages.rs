//! Which parts of a text a model is shown when it is longer than the room for it.
//!
//! The rule, [`RULE`]:
//!
//! 1. A text that fits is shown whole.
//! 2. Otherwise it is cut into passages: paragraphs, short ones joined up to [`JOINED_BYTES`], long ones cut at
//!    a line end, a sentence's end or a space before [`PASSAGE_BYTES_MAX`].
//! 3. Each gets a score for the words of the question: Okapi BM25 with k₁ = 1.2 and b = 0.75 over the passages of
//!    this text alone, so that no other source changes it.
//! 4. The first passage comes in, since titles and column names stand there. Then the others by score, equal ones
//!    by their place, for as long as there is room; one that is too long for what is left is passed over.
//! 5. They are shown in the order of the text.
//!
//! The room of all sources is divided by [`shares`] before anything is read of them, so no source can crowd
//! another out.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, ops::Range};
use unicode_segmentation::UnicodeSegmentation as _;

/// The name of the rule. It grows when the same texts give other passages.
pub const RULE: &str = "bm25/2";
/// Paragraphs are joined up to this length, bytes.
pub const JOINED_BYTES: usize = 600;
/// Longest passage, bytes.
pub const PASSAGE_BYTES_MAX: usize = 1_200;
/// What the mark of a gap takes of the room, bytes.
pub const GAP_BYTES: usize = 64;

const K1: f64 = 1.2;
const B: f64 = 0.75;

/// A part of an extracted text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// Where it begins, bytes from the start of the text.
    pub start: usize,
    /// Where it ends, bytes from the start of the text.
    pub end: usize,
}

impl Passage {
    /// Its text.
    pub fn of<'a>(&self, text: &'a str) -> Option<&'a str> {
        text.get(self.start..self.end)
    }

    fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }
}

/// Divides the room for all sources: each gets an equal share, and what one does not need goes to the others.
pub fn shares(lengths: &[usize], room: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    let length = |index: usize| lengths.get(index).copied().unwrap_or_default();
    order.sort_by_key(|index| (length(*index), *index));
    let mut given = vec![0; lengths.len()];
    let (mut left, mut others) = (room, lengths.len());
    for index in order {
        let share = left.checked_div(others).unwrap_or_default();
        let share = share.min(length(index));
        if let Some(given) = given.get_mut(index) {
            *given = share;
        }
        left = left.saturating_sub(share);
        others = others.saturating_sub(1);
    }
    given
}

/// The passages of a text for a question within `room` bytes, in the order of the text.
pub fn choose(text: &str, question: &str, room: usize) -> Vec<Passage> {
    if text.len() <= room {
        let (start, end) = (0, text.len());
        return vec![Passage { start, end }];
    }
    let all = split(text);
    let scores = scores(text, &all, question);
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|a, b| {
        let score = |index: &usize| scores.get(*index).copied().unwrap_or_default();
        let first = |index: &usize| *index == 0;
        let by_score = score(b).total_cmp(&score(a));
        first(b).cmp(&first(a)).then(by_score).then(a.cmp(b))
    });
    let mut left = room;
    let mut chosen: Vec<Passage> = Vec::new();
    for passage in order.iter().filter_map(|index| all.get(*index)) {
        if chosen.is_empty() {
            // Whatever room there is, something is shown.
            let passage = cut(text, *passage, room);
            left = left.saturating_sub(passage.len().saturating_add(GAP_BYTES));
            chosen.push(passage);
            continue;
        }
        let cost = passage.len().saturating_add(GAP_BYTES);
        if cost <= left {
            left = left.saturating_sub(cost);
            chosen.push(*passage);
        }
    }
    chosen.sort_by_key(|passage| passage.start);
    joined(text, chosen)
}

/// As much of a passage as fits with the mark of a gap behind it.
fn cut(text: &str, passage: Passage, room: usize) -> Passage {
    let most = passage.start.saturating_add(room.saturating_sub(GAP_BYTES));
    let end = text.floor_char_boundary(most.min(passage.end));
    Passage { end, ..passage }
}

/// Neighbours as one passage.
fn joined(text: &str, chosen: Vec<Passage>) -> Vec<Passage> {
    let mut all: Vec<Passage> = Vec::with_capacity(chosen.len());
    for passage in chosen {
        let gap = |last: &Passage| text.get(last.end..passage.start);
        match all.last_mut() {
            Some(last) if gap(last).is_some_and(|gap| gap.trim().is_empty()) => {
                last.end = passage.end;
            }
            _ => all.push(passage),
        }
    }
    all
}

/// All passages of a text. Between them stands white space alone.
fn split(text: &str) -> Vec<Passage> {
    let mut all: Vec<Passage> = Vec::new();
    for paragraph in paragraphs(text) {
        let length = |start: usize| paragraph.end.saturating_sub(start);
        match all.last_mut() {
            Some(last) if length(last.start) <= JOINED_BYTES => last.end = paragraph.end,
            _ => pieces(text, paragraph, &mut all),
        }
    }
    all
}

/// Where the paragraphs of a text stand.
fn paragraphs(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut next = 0_usize;
    text.split("\n\n").filter_map(move |paragraph| {
        let start = next;
        next = start.saturating_add(paragraph.len()).saturating_add(2);
        let end = start.saturating_add(paragraph.len());
        (!paragraph.trim().is_empty()).then_some(start..end)
    })
}

/// Cuts a paragraph into passages.
fn pieces(text: &str, paragraph: Range<usize>, all: &mut Vec<Passage>) {
    let mut start = paragraph.start;
    while let Some(rest) = text
        .get(start..paragraph.end)
        .filter(|rest| !rest.is_empty())
    {
        let length = piece(rest);
        let end = start.saturating_add(length);
        if rest
            .get(..length)
            .is_some_and(|piece| !piece.trim().is_empty())
        {
            all.push(Passage { start, end });
        }
        start = end;
    }
}

/// Length of the first piece of a text, bytes; at least one character.
fn piece(text: &str) -> usize {
    if text.len() <= PASSAGE_BYTES_MAX {
        return text.len();
    }
    let within = text.get(..text.floor_char_boundary(PASSAGE_BYTES_MAX));
    let within = within.unwrap_or(text);
    let after = |mark: &str| Some(within.rfind(mark)?.saturating_add(mark.len()));
    // Not too near the start: a long line would fall to crumbs.
    let is_far = |end: &usize| *end >= PASSAGE_BYTES_MAX / 4;
    after("\n")
        .filter(is_far)
        .or_else(|| after(". ").filter(is_far))
        .or_else(|| after(" ").filter(is_far))
        .unwrap_or(within.len())
        .max(1)
}

/// BM25 of each passage.
fn scores(text: &str, all: &[Passage], question: &str) -> Vec<f64> {
    let mut terms: Vec<String> = Vec::new();
    for word in words(question) {
        if !terms.contains(&word) {
            terms.push(word);
        }
    }
    let number: BTreeMap<&str, usize> = terms.iter().map(String::as_str).zip(0..).collect();
    let mut containing = vec![0_u32; terms.len()];
    let mut counted = Vec::with_capacity(all.len());
    let mut words_in_all = 0_u64;
    for passage in all {
        let mut counts: BTreeMap<usize, u32> = BTreeMap::new();
        let mut length = 0_u32;
        for word in words(passage.of(text).unwrap_or_default()) {
            length = length.saturating_add(1);
            if let Some(number) = number.get(word.as_str()) {
                let count = counts.entry(*number).or_default();
                *count = count.saturating_add(1);
            }
        }
        for number in counts.keys() {
            if let Some(count) = containing.get_mut(*number) {
                *count = count.saturating_add(1);
            }
        }
        words_in_all = words_in_all.saturating_add(u64::from(length));
        counted.push((counts, length));
    }
    let mean = (to_f64(words_in_all) / to_f64(all.len() as u64)).max(1.0);
    let weigh = |containing: u32| {
        let (total, containing) = (to_f64(all.len() as u64), f64::from(containing));
        // The same on every machine, which the standard library's logarithm is not.
        libm::log(1.0 + (total - containing + 0.5) / (containing + 0.5))
    };
    let weights: Vec<f64> = containing.into_iter().map(weigh).collect();
    let score = |(counts, length): &(BTreeMap<usize, u32>, u32)| {
        let norm = K1 * (1.0 - B + B * f64::from(*length) / mean);
        counts.iter().fold(0.0, |sum, (number, count)| {
            let (weight, count) = (weights.get(*number).copied(), f64::from(*count));
            sum + weight.unwrap_or_default() * count * (K1 + 1.0) / (count + norm)
        })
    };
    counted.iter().map(score).collect()
}

/// The words of a text in lower case, by Unicode's rules.
fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.unicode_words().map(str::to_lowercase)
}

/// Exact below 2^53, and texts are shorter.
#[allow(clippy::cast_precision_loss)]
fn to_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "passages_tests.rs"]
mod tests;
