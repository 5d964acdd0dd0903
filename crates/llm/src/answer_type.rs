//! Answer types: the labels of closed ones, and the strict parser of a model's reply.

use super::{
    open,
    reply::{escape, layers, ParsedReply},
    ModelError,
};
use llm_oracle_primitives::{canonical, Answer, AnswerKind, Reason};

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

/// Name of an answer type in errors.
pub(super) fn type_name(kind: &AnswerKind) -> &'static str {
    match kind {
        AnswerKind::Bool => "bool",
        AnswerKind::Choice { .. } => "choice",
        AnswerKind::Number { .. } => "number",
        AnswerKind::Text { .. } => "text",
        AnswerKind::Json { .. } => "json",
    }
}

/// The answer that the whole reply states. For closed answers, white space, quotes, emphasis and a final
/// period around it are ignored, other words are not; for open answers see [`open`].
///
/// # Errors
/// When the question itself is unusable, see [`labels`] and [`open::check`].
pub(super) fn read(kind: &AnswerKind, reply: &str) -> Result<ParsedReply, ModelError> {
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
    Ok(answer.map_or(ParsedReply::Malformed(None), ParsedReply::Answer))
}

/// What `find` or an escape word makes of a short reply, with its wrapping taken off bit by bit.
fn whole(reply: &str, find: impl Fn(&str) -> Option<Answer>) -> Option<Answer> {
    layers(reply).find_map(|text| find(text).or_else(|| escape(text).map(Answer::Abstain)))
}

/// Whether an option takes the place of an escape word.
pub(super) fn escapes_are_free(kind: &AnswerKind) -> Result<bool, ModelError> {
    let Some(labels) = labels(kind)? else {
        return Ok(true);
    };
    Ok(labels.iter().all(|label| escape(label).is_none()))
}

/// The label that an answer stands for, and all forms that a reply to a closed question may have; none for
/// an open one or an abstention.
///
/// # Errors
/// As [`labels`].
pub(super) fn label_and_forms(
    kind: &AnswerKind,
    answer: &Answer,
) -> Result<Option<(String, Vec<String>)>, ModelError> {
    let Some(mut forms) = labels(kind)? else {
        return Ok(None);
    };
    let given = (0..forms.len()).find(|index| answer_at(kind, *index) == *answer);
    let Some(label) = given.and_then(|index| forms.get(index).cloned()) else {
        return Ok(None);
    };
    if escapes_are_free(kind)? {
        forms.extend(["UNCLEAR", "TOO SOON", "REFUSED"].map(str::to_owned));
    }
    Ok(Some((label, forms)))
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

#[cfg(test)]
#[path = "answer_type_tests.rs"]
pub(super) mod hostile;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn answer(kind: &AnswerKind, reply: &str) -> Option<Answer> {
        match read(kind, reply).unwrap() {
            ParsedReply::Answer(answer) => Some(answer),
            ParsedReply::Malformed(_) => None,
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
