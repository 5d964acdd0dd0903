//! What was done with a source, for the evidence.

use crate::passages::Passage;
use llm_oracle_primitives::{Reason, Source};
use serde::{Deserialize, Serialize};

/// Longest reason of a failure, characters.
const REASON_CHARS_MAX: usize = 400;

/// One source of a question and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// Its number in the prompt and, less one, in the terms.
    pub number: u8,
    /// What the terms name: `0x` and the digest of an attachment, or the address of a page.
    pub named: String,
    /// Whether the question can't be answered without it. Attachments always are.
    pub must: bool,
    /// When it was fetched, milliseconds since 1970.
    pub fetched_at_ms: i64,
    /// What was fetched.
    pub document: Option<DocumentRecord>,
    /// What was read of it.
    pub text: Option<TextRecord>,
    /// Why the model was shown nothing of it.
    pub failure: Option<SourceFailure>,
}

/// The bytes of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentRecord {
    /// Where they came from, after redirects; nothing for an attachment that this relayer holds.
    pub url: Option<String>,
    /// Their length without a coding, bytes.
    pub bytes: usize,
    /// `0x` and `blake2_256` of them.
    pub digest: String,
    /// Their media type, as the terms or the server name it.
    pub media: String,
}

/// The text of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextRecord {
    /// What made it of the bytes, with its version.
    pub extractor: String,
    /// Its length, bytes of UTF-8.
    pub bytes: usize,
    /// `0x` and `blake2_256` of it.
    pub digest: String,
    /// The rule that chose the passages.
    pub rule: String,
    /// What the model was shown of it.
    pub passages: Vec<Passage>,
}

/// Why a source could not be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct SourceFailure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// The reason, as a fragment with the remedy.
    pub reason: String,
}

/// Kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The address may not be asked: not https, inside, with credentials.
    BadAddress,
    /// It redirects, or its name leads, to an address that is not asked.
    Refused,
    /// Nobody gave a complete response in time, or a server said that it can't now.
    Unreachable,
    /// The server has none, or nobody holds the attachment.
    NotFound,
    /// The server wants a login, or proof of a person.
    Wall,
    /// It is longer than the limit, or than the question says.
    TooLarge,
    /// What came is not what the digest names.
    WrongDigest,
    /// The right bytes are not as long as the question says.
    WrongLength,
    /// It has no bytes.
    Empty,
    /// No reader is for its type, it is broken, or reading it takes too much memory.
    Unreadable,
    /// Reading it takes too long, here and now.
    TooSlow,
}

impl FailureKind {
    /// The failure in words of ours.
    pub fn words(self) -> &'static str {
        match self {
            Self::BadAddress | Self::Refused => "its address may not be asked",
            Self::Unreachable => "no server answers",
            Self::NotFound => "nobody has it",
            Self::Wall => "its server wants a login",
            Self::TooLarge => "it is too long",
            Self::WrongDigest | Self::WrongLength => "other bytes came than the question names",
            Self::Empty => "it has no bytes",
            Self::Unreadable => "it cannot be read",
            Self::TooSlow => "reading it takes too long",
        }
    }
}

impl SourceFailure {
    pub(crate) fn new(kind: FailureKind, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        // A server or a document may be quoted in it.
        if let Some((end, _)) = reason.char_indices().nth(REASON_CHARS_MAX) {
            reason.truncate(end);
        }
        Self { kind, reason }
    }

    /// Whether it can be different in a moment.
    pub fn is_transient(&self) -> bool {
        self.kind == FailureKind::Unreachable
    }

    /// The abstention that follows from it; `None` when the question can be answered without this source.
    ///
    /// What is the same for every relayer, whenever it looks, is the question's own fault: `BadInput`. Anything
    /// else is a source that is missing now and here.
    pub fn abstention(&self, source: &Source) -> Option<Reason> {
        use FailureKind as Kind;
        match (source, self.kind) {
            (Source::Page { must: false, .. }, _) => None,
            (_, Kind::BadAddress | Kind::WrongLength) => Some(Reason::BadInput),
            (Source::Attachment { .. }, Kind::Unreadable | Kind::Empty) => Some(Reason::BadInput),
            _ => Some(Reason::SourceMissing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FailureKind as Kind;

    #[test]
    fn the_reason_is_the_questions_fault_only_where_everybody_sees_it() {
        let page = |must| Source::Page {
            url: b"https://example.com/".to_vec(),
            must,
        };
        let attachment = Source::Attachment {
            digest: [1; 32],
            bytes: 1,
            media: b"text/plain".to_vec(),
            uri: Vec::new(),
        };
        let (bad, missing) = (Some(Reason::BadInput), Some(Reason::SourceMissing));
        for (kind, of_page, of_attachment) in [
            (Kind::BadAddress, bad, bad),
            (Kind::Refused, missing, missing),
            (Kind::Unreachable, missing, missing),
            (Kind::NotFound, missing, missing),
            (Kind::Wall, missing, missing),
            (Kind::TooLarge, missing, missing),
            (Kind::WrongDigest, missing, missing),
            (Kind::WrongLength, bad, bad),
            (Kind::Empty, missing, bad),
            (Kind::Unreadable, missing, bad),
            (Kind::TooSlow, missing, missing),
        ] {
            let failure = SourceFailure::new(kind, "x");
            assert_eq!(failure.abstention(&page(true)), of_page, "{kind:?}");
            assert_eq!(failure.abstention(&attachment), of_attachment, "{kind:?}");
            assert_eq!(failure.abstention(&page(false)), None, "{kind:?}");
            assert_eq!(failure.is_transient(), kind == Kind::Unreachable);
        }
    }
}
