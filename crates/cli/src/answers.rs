//! Answers as JSON and as text, and open answers by their digests.

use crate::terminal::one_line;
use llm_oracle_primitives::{
    canonical::format_decimal, digest, Answer, AnswerKind, Hash, Margin, Outcome, Reason,
    RequestView, SeatAnswer, Terms,
};
use llm_oracle_support::address::hex0x;
use serde_json::{json, Value};
use std::collections::BTreeMap;

/// Untrusted text with its control characters replaced, so that a terminal cannot be controlled by it.
pub fn printable(bytes: &[u8]) -> String {
    one_line(&String::from_utf8_lossy(bytes))
}

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Unclear => "unclear",
        Reason::TooSoon => "too_soon",
        Reason::Refused => "refused",
        Reason::SourceMissing => "source_missing",
        Reason::SourcesDisagree => "sources_disagree",
        Reason::BadInput => "bad_input",
    }
}

/// An answer as text.
pub fn answer_text(answer: &Answer, kind: &AnswerKind) -> String {
    match (answer, kind) {
        (Answer::Abstain(why), _) => format!("abstain ({})", reason(*why)),
        (Answer::Bool(yes), _) => if *yes { "yes" } else { "no" }.to_owned(),
        (Answer::Choice(index), AnswerKind::Choice { options }) => options
            .get(usize::from(*index))
            .map_or_else(|| format!("option {index}"), |option| printable(option)),
        (Answer::Choice(index), _) => format!("option {index}"),
        (Answer::Number(mantissa), AnswerKind::Number { scale, .. }) => {
            format_decimal(*mantissa, *scale)
        }
        (Answer::Number(mantissa), _) => mantissa.to_string(),
        (Answer::Text(bytes) | Answer::Json(bytes), _) => printable(bytes),
    }
}

/// An answer in JSON: `true`, the text of an option, a decimal as text, an open answer as its text, or
/// `{"abstain": reason}`.
pub fn answer_json(answer: &Answer, kind: &AnswerKind) -> Value {
    match answer {
        Answer::Abstain(why) => json!({ "abstain": reason(*why) }),
        Answer::Bool(yes) => json!(yes),
        Answer::Choice(_) | Answer::Number(_) => json!(answer_text(answer, kind)),
        Answer::Text(bytes) | Answer::Json(bytes) => json!(String::from_utf8_lossy(bytes)),
    }
}

/// The spread of a number in the unit of the request.
fn spread(margin: &Margin, kind: &AnswerKind) -> String {
    match (kind, i128::try_from(margin.spread)) {
        (AnswerKind::Number { scale, .. }, Ok(mantissa)) => format_decimal(mantissa, *scale),
        _ => margin.spread.to_string(),
    }
}

/// Why seats abstained, with how many did so for each reason.
fn abstained(margin: &Margin) -> impl Iterator<Item = (&'static str, u8)> {
    let counts = Reason::ALL.into_iter().zip(margin.abstained);
    let counts = counts.map(|(why, count)| (reason(why), count));
    counts.filter(|(_, count)| *count > 0)
}

fn abstained_json(margin: &Margin) -> Value {
    let counts = abstained(margin).map(|(why, count)| (why.to_owned(), json!(count)));
    Value::Object(counts.collect())
}

/// The type of a request's answer. Without its terms answers are shown as far as they speak for themselves:
/// a choice by its number, a number by its mantissa.
pub fn kind_of(terms: Option<&Terms>) -> &AnswerKind {
    terms.map_or(&AnswerKind::Bool, |terms| &terms.answer)
}

/// A margin in JSON.
pub fn margin_json(margin: &Margin, kind: &AnswerKind) -> Value {
    json!({
        "seats": margin.seats,
        "revealed": margin.revealed,
        "agreeing": margin.agreeing,
        "abstaining": margin.abstaining(),
        "abstained": abstained_json(margin),
        "confidence": margin.confidence,
        "families": margin.families,
        "spread": spread(margin, kind),
    })
}

/// A margin as text.
pub fn margin_text(margin: &Margin, kind: &AnswerKind) -> String {
    let mut text = format!(
        "{} of {} seats agree, {} revealed, {} abstaining",
        margin.agreeing,
        margin.seats,
        margin.revealed,
        margin.abstaining()
    );
    let reasons: Vec<String> = abstained(margin)
        .map(|(why, count)| format!("{count} {why}"))
        .collect();
    if !reasons.is_empty() {
        text.push_str(&format!(" ({})", reasons.join(", ")));
    }
    if margin.confidence > 0 {
        text.push_str(&format!(", confidence {} %", margin.confidence));
    }
    if margin.families > 1 {
        text.push_str(&format!(", {} model families", margin.families));
    }
    if let AnswerKind::Number { .. } = kind {
        text.push_str(&format!(", spread {}", spread(margin, kind)));
    }
    text
}

/// The type of an answer in JSON.
pub fn kind_json(kind: &AnswerKind) -> Value {
    match kind {
        AnswerKind::Bool => json!({ "bool": {} }),
        AnswerKind::Choice { options } => {
            let options = options.iter().map(|option| String::from_utf8_lossy(option));
            json!({ "choice": { "options": options.collect::<Vec<_>>() } })
        }
        AnswerKind::Number { scale, tolerance } => {
            json!({ "number": { "decimals": scale, "tolerance": tolerance.to_string() } })
        }
        AnswerKind::Text { max_bytes } => json!({ "text": { "max_bytes": max_bytes } }),
        AnswerKind::Json { schema } => json!({ "json": { "schema": schema_json(schema) } }),
    }
}

/// A schema as JSON; if it is not JSON, as text.
fn schema_json(schema: &[u8]) -> Value {
    serde_json::from_slice(schema).unwrap_or_else(|_| json!(String::from_utf8_lossy(schema)))
}

/// Open answers by their digests. The contract stores only the agreed answer whole; seats have digests,
/// and every open answer is published once, in an event.
#[derive(Clone, Debug, Default)]
pub struct OpenAnswers(BTreeMap<Hash, Answer>);

impl OpenAnswers {
    /// The open answers that a request itself has: the agreed one.
    pub fn from_view(view: &RequestView) -> Self {
        let mut answers = Self::default();
        answers.add_from_view(view);
        answers
    }

    /// Adds the open answers of a request.
    pub fn add_from_view(&mut self, view: &RequestView) {
        if let Some(Outcome::Answered { answer, .. }) = &view.outcome {
            self.insert(answer.clone());
        }
    }

    /// Adds an answer under its digest, which is computed here and so needs no trust.
    pub fn insert(&mut self, answer: Answer) {
        self.0.insert(digest::answer_digest(&answer), answer);
    }

    /// The whole answer of a seat, if it is known.
    pub fn get<'a>(&'a self, answer: &'a SeatAnswer) -> Option<&'a Answer> {
        match answer {
            SeatAnswer::Whole(answer) => Some(answer),
            SeatAnswer::Digest(digest) => self.0.get(digest),
        }
    }

    /// The answer of a seat as text; its digest if the answer is not known.
    pub fn text(&self, answer: &SeatAnswer, kind: &AnswerKind) -> String {
        self.get(answer).map_or_else(
            || format!("digest {}", hex0x(&seat_digest(answer))),
            |answer| answer_text(answer, kind),
        )
    }
}

/// Digest of a seat's answer.
pub fn seat_digest(answer: &SeatAnswer) -> Hash {
    match answer {
        SeatAnswer::Whole(answer) => digest::answer_digest(answer),
        SeatAnswer::Digest(digest) => *digest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_read_in_the_terms_of_the_question() {
        let choice = AnswerKind::Choice {
            options: vec![b"red".to_vec(), b"green".to_vec()],
        };
        let number = AnswerKind::Number {
            scale: 2,
            tolerance: 50,
        };
        for (answer, kind, text, json) in [
            (Answer::Bool(false), &AnswerKind::Bool, "no", json!(false)),
            (Answer::Choice(1), &choice, "green", json!("green")),
            (Answer::Choice(2), &choice, "option 2", json!("option 2")),
            (Answer::Number(-5), &number, "-0.05", json!("-0.05")),
            (
                Answer::Abstain(Reason::TooSoon),
                &number,
                "abstain (too_soon)",
                json!({ "abstain": "too_soon" }),
            ),
        ] {
            assert_eq!(answer_text(&answer, kind), text);
            assert_eq!(answer_json(&answer, kind), json);
        }
        let margin = Margin {
            spread: 125,
            ..Margin::default()
        };
        assert_eq!(margin_json(&margin, &number)["spread"], "1.25");
    }

    #[test]
    fn a_margin_tells_reasons_confidence_and_families() {
        let margin = Margin {
            seats: 5,
            revealed: 4,
            agreeing: 2,
            abstained: [0, 0, 0, 1, 0, 1],
            confidence: 71,
            families: 2,
            spread: 0,
        };
        assert_eq!(
            margin_text(&margin, &AnswerKind::Bool),
            "2 of 5 seats agree, 4 revealed, 2 abstaining (1 source_missing, 1 bad_input), confidence 71 %, 2 model families"
        );
        let json = margin_json(&margin, &AnswerKind::Bool);
        assert_eq!(
            json["abstained"],
            json!({ "source_missing": 1, "bad_input": 1 })
        );
        assert_eq!(
            (&json["confidence"], &json["families"]),
            (&json!(71), &json!(2))
        );
    }

    #[test]
    fn a_schema_is_shown_as_the_json_that_it_is() {
        let kind = |schema: &[u8]| AnswerKind::Json {
            schema: schema.to_vec(),
        };
        let shown = kind_json(&kind(br#"{"type":"object"}"#));
        assert_eq!(shown["json"]["schema"]["type"], "object");
        assert_eq!(kind_json(&kind(b"{"))["json"]["schema"], "{");
    }

    #[test]
    fn words_are_found_by_their_digest_alone() {
        let (said, kind) = (
            Answer::Text(b"so".to_vec()),
            AnswerKind::Text { max_bytes: 9 },
        );
        let seat = SeatAnswer::Digest(digest::answer_digest(&said));
        let mut answers = OpenAnswers::default();
        let digest = hex0x(&seat_digest(&seat));
        assert_eq!(answers.text(&seat, &kind), format!("digest {digest}"));
        answers.insert(Answer::Text(b"no".to_vec()));
        assert_eq!(answers.get(&seat), None);
        answers.insert(said.clone());
        assert_eq!(answers.get(&seat), Some(&said));
        assert_eq!(answers.text(&seat, &kind), "so");
        let abstention = SeatAnswer::Whole(Answer::Abstain(Reason::Unclear));
        assert_eq!(answers.text(&abstention, &kind), "abstain (unclear)");
    }
}
