//! Answers as texts that don't depend on the order of options.

use llm_oracle_primitives::{canonical, Answer, AnswerKind, Reason};

/// Names of abstentions, in the order of [`Reason::ALL`].
const REASONS: [&str; 6] = [
    "unclear",
    "too_soon",
    "refused",
    "source_missing",
    "sources_disagree",
    "bad_input",
];
/// What stands before the reason of an abstention.
const ABSTAIN: &str = "abstain:";

/// The answer as a text: `yes`, the option, a decimal, the text itself, or `abstain:unclear`.
pub fn write(answer: &Answer, kind: &AnswerKind) -> String {
    match (answer, kind) {
        (Answer::Abstain(reason), _) => {
            let at = Reason::ALL.iter().position(|one| one == reason);
            let name = at.and_then(|at| REASONS.get(at)).unwrap_or(&REASONS[0]);
            format!("{ABSTAIN}{name}")
        }
        (Answer::Bool(true), _) => "yes".to_owned(),
        (Answer::Bool(false), _) => "no".to_owned(),
        (Answer::Choice(at), AnswerKind::Choice { options }) => {
            let option = options.get(usize::from(*at));
            option.map_or_else(String::new, |option| String::from_utf8_lossy(option).into())
        }
        (Answer::Choice(at), _) => at.to_string(),
        (Answer::Number(mantissa), AnswerKind::Number { scale, .. }) => {
            canonical::format_decimal(*mantissa, *scale)
        }
        (Answer::Number(mantissa), _) => mantissa.to_string(),
        (Answer::Text(bytes) | Answer::Json(bytes), _) => String::from_utf8_lossy(bytes).into(),
    }
}

/// The answer that a text stands for, or `None`.
pub fn read(text: &str, kind: &AnswerKind) -> Option<Answer> {
    if let Some(name) = text.strip_prefix(ABSTAIN) {
        let at = REASONS.iter().position(|one| *one == name)?;
        return Reason::ALL.get(at).copied().map(Answer::Abstain);
    }
    match kind {
        AnswerKind::Bool => match text {
            "yes" => Some(Answer::Bool(true)),
            "no" => Some(Answer::Bool(false)),
            _ => None,
        },
        AnswerKind::Choice { options } => {
            let at = options
                .iter()
                .position(|option| option == text.as_bytes())?;
            u8::try_from(at).ok().map(Answer::Choice)
        }
        AnswerKind::Number { scale, .. } => canonical::parse_decimal(text, *scale)
            .ok()
            .map(Answer::Number),
        AnswerKind::Text { max_bytes } => {
            let text = canonical::text(text);
            let fits = !text.is_empty() && text.len() <= *max_bytes as usize;
            fits.then(|| Answer::Text(text.into_bytes()))
        }
        AnswerKind::Json { .. } => Some(Answer::Json(text.as_bytes().to_vec())),
    }
}

/// Whether it is an abstention.
pub fn abstains(answer: &Answer) -> bool {
    matches!(answer, Answer::Abstain(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let choice = AnswerKind::Choice {
            options: vec![b"x".to_vec(), b"y z".to_vec()],
        };
        let number = AnswerKind::Number {
            scale: 2,
            tolerance: 0,
        };
        for (answer, kind, text) in [
            (Answer::Bool(true), &AnswerKind::Bool, "yes"),
            (Answer::Choice(1), &choice, "y z"),
            (Answer::Number(-150), &number, "-1.50"),
            (
                Answer::Abstain(Reason::TooSoon),
                &choice,
                "abstain:too_soon",
            ),
            (
                Answer::Abstain(Reason::BadInput),
                &number,
                "abstain:bad_input",
            ),
        ] {
            assert_eq!(write(&answer, kind), text);
            assert_eq!(read(text, kind), Some(answer));
        }
        for text in ["true", "", "abstain:later"] {
            assert_eq!(read(text, &AnswerKind::Bool), None);
        }
    }
}
