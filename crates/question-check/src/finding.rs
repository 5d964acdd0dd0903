//! What is wrong with a question, and where.

use serde::Serialize;
use std::ops::Range;

/// Kinds of defects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DefectKind {
    /// A word that people understand differently, or a name for something that the question does not say.
    UndefinedTerm,
    /// A bound without a side for the value on it, or an approximate one.
    Boundary,
    /// No date, or one that depends on when the question is read.
    MissingDate,
    /// A time or a deadline without a time zone.
    MissingTimeZone,
    /// Several sources, and no word on which one counts when they differ.
    SourceOrder,
    /// Nothing is said for the case that the event is cancelled or the source is silent.
    MissingFallback,
    /// Two options are right at once.
    OptionsOverlap,
    /// An outcome has no option.
    OptionsGap,
    /// Text that tries to command the model.
    Injection,
    /// The prompt says which answer to give.
    DictatedAnswer,
    /// Characters that show nothing, or look like others.
    HiddenCharacters,
}

impl DefectKind {
    /// All kinds, in the order of reports.
    pub const ALL: [Self; 11] = [
        Self::UndefinedTerm,
        Self::Boundary,
        Self::MissingDate,
        Self::MissingTimeZone,
        Self::SourceOrder,
        Self::MissingFallback,
        Self::OptionsOverlap,
        Self::OptionsGap,
        Self::Injection,
        Self::DictatedAnswer,
        Self::HiddenCharacters,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::UndefinedTerm => "undefined_term",
            Self::Boundary => "boundary",
            Self::MissingDate => "missing_date",
            Self::MissingTimeZone => "missing_time_zone",
            Self::SourceOrder => "source_order",
            Self::MissingFallback => "missing_fallback",
            Self::OptionsOverlap => "options_overlap",
            Self::OptionsGap => "options_gap",
            Self::Injection => "injection",
            Self::DictatedAnswer => "dictated_answer",
            Self::HiddenCharacters => "hidden_characters",
        }
    }

    /// Why it matters.
    pub fn why(self) -> &'static str {
        match self {
            Self::UndefinedTerm => "operators decide by their own idea of it, so they disagree",
            Self::Boundary => "for a value on the bound or near it, operators disagree",
            Self::MissingDate => "the answer depends on the day on which an operator reads it",
            Self::MissingTimeZone => "the moment differs by up to 26 hours between time zones",
            Self::SourceOrder => "sources differ, and nothing says which one counts",
            Self::MissingFallback => {
                "if the event is cancelled or the source is silent, nothing says what is right"
            }
            Self::OptionsOverlap => "two options are right at once, so operators disagree",
            Self::OptionsGap => "an outcome has no option, so operators guess or abstain",
            Self::Injection => "a model may obey it instead of answering",
            Self::DictatedAnswer => "a model may repeat it instead of judging",
            Self::HiddenCharacters => "a model reads something else than a person sees",
        }
    }
}

/// The part of a question that a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TextPart {
    /// The prompt.
    Prompt,
    /// The instruction before it.
    System,
    /// The option with this number, from 0.
    Option(usize),
}

/// One defect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its kind.
    pub kind: DefectKind,
    /// Where it is.
    pub part: TextPart,
    /// First byte of the words in that part.
    pub start: usize,
    /// Byte after the last one.
    pub end: usize,
    /// The words that it is about.
    pub words: String,
    /// A wording that would mend it.
    pub suggestion: String,
}

impl Finding {
    /// A finding about a range of bytes of a part's text; the whole text if the range is not in it.
    pub fn new(
        kind: DefectKind,
        part: TextPart,
        text: &str,
        range: Range<usize>,
        suggestion: impl Into<String>,
    ) -> Self {
        let range = match text.get(range.clone()) {
            Some(_) => range,
            None => 0..text.len(),
        };
        Self {
            kind,
            part,
            start: range.start,
            end: range.end,
            words: text.get(range).unwrap_or_default().to_owned(),
            suggestion: suggestion.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_kind_is_that_of_its_json() {
        for kind in DefectKind::ALL {
            let json = serde_json::to_value(kind).unwrap_or_default();
            assert_eq!(json, kind.name());
        }
    }
}
