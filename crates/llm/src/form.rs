//! The forms an answer can take: labels of the closed ones, and the strict reader of a model's reply.

use super::{open, ModelError};
use llm_oracle_primitives::{canonical, Answer, AnswerKind, Reason};

/// Longest reply that is read as a closed answer, bytes: options have at most 64, decimals about 80.
const REPLY_BYTES_MAX: usize = 512;

/// Words that stand for an abstention unless an option has the same text.
const ESCAPES: [(&str, Reason); 3] = [
    ("unclear", Reason::Unclear),
    ("too soon", Reason::TooSoon),
    ("refused", Reason::Refused),
];

/// What a reply comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// An answer in the form asked for, or an abstention.
    Answer(Answer),
    /// Neither; for open forms with what is wrong, as the model may be told.
    Other(Option<String>),
}

/// The labels of a closed answer set, in the order of the answers; none for an open one.
///
/// # Errors
/// When an option is not UTF-8.
pub(super) fn labels(kind: &AnswerKind) -> Result<Option<Vec<String>>, ModelError> {
    match kind {
        AnswerKind::Bool => Ok(Some(vec!["yes".to_owned(), "no".to_owned()])),
        AnswerKind::Choice { options } => {
            let texts = options.iter().enumerate().map(|(index, option)| {
                String::from_utf8(option.clone()).map_err(|_| {
                    ModelError::BadQuestion(format!("option {index} is not UTF-8 text"))
                })
            });
            texts.collect::<Result<_, _>>().map(Some)
        }
        AnswerKind::Number { .. } | AnswerKind::Text { .. } | AnswerKind::Json { .. } => Ok(None),
    }
}

/// The answer that stands for the label at `index`, as [`labels`] orders them.
pub(super) fn answer_at(kind: &AnswerKind, index: usize) -> Answer {
    match kind {
        AnswerKind::Bool => Answer::Bool(index == 0),
        // At most 32 options exist; an index beyond them would be a bug here, never a wrong vote.
        _ => u8::try_from(index).map_or(Answer::Abstain(Reason::Unclear), Answer::Choice),
    }
}

/// Name of a kind for errors.
pub(super) fn kind_name(kind: &AnswerKind) -> &'static str {
    match kind {
        AnswerKind::Bool => "bool",
        AnswerKind::Choice { .. } => "choice",
        AnswerKind::Number { .. } => "number",
        AnswerKind::Text { .. } => "text",
        AnswerKind::Json { .. } => "json",
    }
}

/// Whether a reply that was cut short could read as another whole one.
pub(super) fn can_be_cut(kind: &AnswerKind) -> bool {
    !matches!(kind, AnswerKind::Bool | AnswerKind::Choice { .. })
}

/// The answer that the whole reply states. For closed forms white space, quotes, emphasis and a final
/// period around it are forgiven, words are not; for open ones see [`open`].
///
/// # Errors
/// When the question itself is unusable, see [`labels`] and [`open::check`].
pub(super) fn read(kind: &AnswerKind, reply: &str) -> Result<Said, ModelError> {
    let answer = match kind {
        AnswerKind::Text { max_bytes } => return Ok(open::text(reply, *max_bytes)),
        AnswerKind::Json { schema } => return open::json(reply, schema),
        AnswerKind::Number { scale, .. } => whole(reply, |text| {
            let number = canonical::parse_decimal(text.trim(), *scale).ok();
            number.map(Answer::Number)
        }),
        AnswerKind::Bool | AnswerKind::Choice { .. } => {
            let labels = labels(kind)?.unwrap_or_default();
            whole(reply, |text| {
                find_label(&labels, kind, text).map(|index| answer_at(kind, index))
            })
        }
    };
    Ok(answer.map_or(Said::Other(None), Said::Answer))
}

/// What `find` or an escape word makes of a short reply, with its wrapping taken off bit by bit.
fn whole(reply: &str, find: impl Fn(&str) -> Option<Answer>) -> Option<Answer> {
    layers(reply).find_map(|text| find(text).or_else(|| escape(text).map(Answer::Abstain)))
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
fn layers(reply: &str) -> impl Iterator<Item = &str> {
    let short = (reply.len() <= REPLY_BYTES_MAX).then_some(reply);
    std::iter::successors(short, |text| {
        let inner = unwrap_once(text);
        (inner.len() < text.len()).then_some(inner)
    })
}

/// Whether an option takes the place of an escape word.
pub(super) fn escapes_are_free(kind: &AnswerKind) -> Result<bool, ModelError> {
    let Some(labels) = labels(kind)? else {
        return Ok(true);
    };
    Ok(labels.iter().all(|label| escape(label).is_none()))
}

fn find_label(labels: &[String], kind: &AnswerKind, text: &str) -> Option<usize> {
    let folded = |text: &str| canonical::text(text).to_lowercase();
    let wanted = canonical::text(text);
    if let Some(index) = labels
        .iter()
        .position(|label| canonical::text(label) == wanted)
    {
        return Some(index);
    }
    let wanted = wanted.to_lowercase();
    if matches!(kind, AnswerKind::Bool) {
        return match wanted.as_str() {
            "yes" | "true" => Some(0),
            "no" | "false" => Some(1),
            _ => None,
        };
    }
    // Options may differ in case alone: then only the exact text above tells them apart.
    let mut hits = labels
        .iter()
        .enumerate()
        .filter(|(_, label)| folded(label) == wanted);
    let first = hits.next()?;
    hits.next().is_none().then_some(first.0)
}

fn escape(text: &str) -> Option<Reason> {
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

#[cfg(test)]
#[path = "form_tests.rs"]
pub(super) mod hostile;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn answer(kind: &AnswerKind, reply: &str) -> Option<Answer> {
        match read(kind, reply).unwrap() {
            Said::Answer(answer) => Some(answer),
            Said::Other(_) => None,
        }
    }

    fn choice(options: &[&str]) -> AnswerKind {
        AnswerKind::Choice {
            options: options.iter().map(|o| o.as_bytes().to_vec()).collect(),
        }
    }

    #[test]
    fn a_whole_reply_is_an_answer_with_its_wrapping_forgiven() {
        for (reply, expected) in [
            ("yes", Answer::Bool(true)),
            (" No.\n", Answer::Bool(false)),
            ("**TRUE**", Answer::Bool(true)),
            ("\"false\".", Answer::Bool(false)),
            ("```\nYes.\n```", Answer::Bool(true)),
            ("“no”", Answer::Bool(false)),
            ("UNCLEAR", Answer::Abstain(Reason::Unclear)),
            ("Too  soon.", Answer::Abstain(Reason::TooSoon)),
            ("refused", Answer::Abstain(Reason::Refused)),
        ] {
            assert_eq!(answer(&AnswerKind::Bool, reply), Some(expected), "{reply}");
        }
    }

    #[test]
    fn anything_else_is_no_answer() {
        for reply in [
            "",
            " ",
            ":",
            ".",
            "Thought process:",
            "yes, because",
            "yes no",
            "y",
            "1",
            "Let's think",
            "ye\u{200b}s",
            "уes",
            "eWVz",
            "not no",
            "yes\nno",
            "Answer: yes",
            "{\"answer\":\"yes\"}",
        ] {
            assert_eq!(answer(&AnswerKind::Bool, reply), None, "{reply:?}");
        }
        assert_eq!(answer(&AnswerKind::Bool, &"*".repeat(100_000)), None);
    }

    #[test]
    fn options_are_found_by_their_text() {
        let kind = choice(&["U.S.", "*", "Unclear", "a  b", "YES", "yes"]);
        for (reply, index) in [
            ("u.s.", 0),
            ("*", 1),
            ("unclear", 2),
            ("A b", 3),
            ("'yes'", 5),
            ("YES.", 4),
        ] {
            assert_eq!(answer(&kind, reply), Some(Answer::Choice(index)), "{reply}");
        }
        assert_eq!(
            answer(&kind, "Yes"),
            None,
            "two options differ in case alone"
        );
        assert!(!escapes_are_free(&kind).unwrap());
        assert!(escapes_are_free(&AnswerKind::Bool).unwrap());
    }

    #[test]
    fn numbers_are_strict_decimals() {
        let kind = AnswerKind::Number {
            scale: 2,
            tolerance: 0,
        };
        assert_eq!(answer(&kind, " 12.345. "), Some(Answer::Number(1235)));
        assert_eq!(answer(&kind, "**-3**"), Some(Answer::Number(-300)));
        for reply in ["1,000", "1e3", "about 5", "5 %", "$5", "NaN", "٣", "--1"] {
            assert_eq!(answer(&kind, reply), None, "{reply}");
        }
    }

    #[test]
    fn an_option_that_is_no_text_is_named() {
        let kind = AnswerKind::Choice {
            options: vec![b"a".to_vec(), vec![0xff]],
        };
        let error = read(&kind, "a").unwrap_err();
        assert_eq!(
            error.to_string(),
            "question cannot be asked: option 1 is not UTF-8 text"
        );
    }
}
