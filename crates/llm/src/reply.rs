//! What is read the same way in every model's reply: abstentions, and the wrapping around a short one.

use llm_oracle_primitives::{canonical, Answer, Reason};

/// Longest reply that is read as a closed answer, bytes: options have at most 64, decimals about 80.
const REPLY_BYTES_MAX: usize = 512;

/// Words that stand for an abstention unless an option has the same text.
const ESCAPES: [(&str, Reason); 3] = [
    ("unclear", Reason::Unclear),
    ("too soon", Reason::TooSoon),
    ("refused", Reason::Refused),
];

/// What a model's reply was parsed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ParsedReply {
    /// An answer of the type asked for, or an abstention.
    Answer(Answer),
    /// Neither. For open answers with the reason, which is shown to the model.
    Malformed(Option<String>),
}

/// The abstention that the whole of a reply states, in any case.
pub(super) fn abstention(reply: &str) -> Option<Reason> {
    layers(reply).find_map(escape)
}

/// The abstention that the whole of a reply states in capitals, as models are told to write it: in
/// lower case it may be the very text that was asked for.
pub(super) fn abstention_in_capitals(reply: &str) -> Option<Reason> {
    abstention(reply).filter(|_| !reply.contains(char::is_lowercase))
}

/// A short reply, and what is left of it after each layer of wrapping; nothing for a long one.
pub(super) fn layers(reply: &str) -> impl Iterator<Item = &str> {
    let short = (reply.len() <= REPLY_BYTES_MAX).then_some(reply);
    std::iter::successors(short, |text| {
        let inner = unwrap_once(text);
        (inner.len() < text.len()).then_some(inner)
    })
}

/// The abstention that a text stands for, if it is one of the escape words.
pub(super) fn escape(text: &str) -> Option<Reason> {
    let text = canonical::text(text).to_lowercase();
    ESCAPES
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, reason)| *reason)
}

/// Takes off one layer: surrounding white space, a pair of quotes or emphasis marks, or a final period.
fn unwrap_once(text: &str) -> &str {
    let trimmed = text.trim();
    if trimmed.len() < text.len() {
        return trimmed;
    }
    const PAIRS: [(char, char); 7] = [
        ('"', '"'),
        ('\'', '\''),
        ('`', '`'),
        ('*', '*'),
        ('_', '_'),
        ('“', '”'),
        ('‘', '’'),
    ];
    let inside = PAIRS.iter().find_map(|(open, close)| {
        text.strip_prefix(*open)
            .and_then(|rest| rest.strip_suffix(*close))
    });
    inside.or_else(|| text.strip_suffix('.')).unwrap_or(text)
}
