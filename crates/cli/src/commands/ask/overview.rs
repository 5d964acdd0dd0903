//! What is about to be paid for, in words, and what speaks against it.

use crate::answers::printable;
use llm_oracle_primitives::{canonical::format_decimal, AnswerKind, Assignment, ModelRef, Terms};

/// The kind of committee.
pub fn committee(assignment: &Assignment) -> String {
    match assignment {
        Assignment::Named { .. } => "named".to_owned(),
        Assignment::Set(set) => format!("set {set}"),
        Assignment::Open { .. } => "open".to_owned(),
    }
}

/// The type of the answer with its options, and who answers, on one line.
pub fn overview(terms: &Terms) -> String {
    let model = match &terms.model {
        ModelRef::Any => "any model".to_owned(),
        ModelRef::Name(name) => format!("the model '{}'", printable(name)),
    };
    format!(
        "{}; {} seats, of which {} must agree; {} committee; {model}",
        kind_text(&terms.answer),
        terms.seats,
        terms.threshold,
        committee(&terms.assignment)
    )
}

fn kind_text(kind: &AnswerKind) -> String {
    match kind {
        AnswerKind::Bool => "yes or no".to_owned(),
        AnswerKind::Choice { options } => {
            let option = |option: &Vec<u8>| format!("'{}'", printable(option));
            let all: Vec<_> = options.iter().map(option).collect();
            format!("one of {} options: {}", all.len(), all.join(", "))
        }
        AnswerKind::Number { scale, tolerance } => {
            let tolerance = i128::try_from(*tolerance).unwrap_or(i128::MAX);
            let tolerance = format_decimal(tolerance, *scale);
            format!("a number with {scale} decimals, {tolerance} apart at most")
        }
        AnswerKind::Text { max_bytes } => format!("a text of at most {max_bytes} bytes"),
        AnswerKind::Json { schema } => {
            format!("JSON of the schema {}", printable(schema))
        }
    }
}

/// Why so few operators can't answer: `able` of them may take a seat.
pub fn too_few(terms: &Terms, able: u32) -> Option<String> {
    let (seats, threshold) = (u32::from(terms.seats), u32::from(terms.threshold));
    let who = match terms.assignment {
        Assignment::Named { .. } => "of the named operators",
        Assignment::Set(_) => "operators of the set",
        _ => "operators",
    };
    if able < threshold {
        return Some(format!(
            "{able} {who} can take a seat, and {threshold} must agree: the request can only expire"
        ));
    }
    (able < seats).then(|| {
        format!("{able} {who} can take a seat, and there are {seats}: the commit phase lasts to its end")
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use llm_oracle_fixtures::request::terms;

    fn choice() -> Terms {
        Terms {
            answer: AnswerKind::Choice {
                options: vec![b"Yes, surely".to_vec(), b"N\x1b[2Jo".to_vec()],
            },
            seats: 3,
            threshold: 2,
            ..terms(b"Is it?")
        }
    }

    #[test]
    fn the_options_and_the_committee_are_told_before_money_is_sent() {
        let text = overview(&choice());
        for part in [
            "2 options: 'Yes, surely', ",
            "3 seats",
            "2 must agree",
            "open committee",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains('\x1b'), "{text:?}");
    }

    #[test]
    fn too_few_operators_are_told_with_their_number() {
        let terms = choice();
        assert!(too_few(&terms, 1).unwrap().contains("1 operators"));
        assert!(too_few(&terms, 1).unwrap().contains("only expire"));
        assert!(too_few(&terms, 2).unwrap().contains("there are 3"));
        assert_eq!(too_few(&terms, 3), None);
    }
}
