//! What `check` prints.

use super::estimate;
use crate::{output::table, terminal::one_line};
use llm_oracle_eval::{agreement::ExpectedAgreement, AskedQuestion};
use llm_oracle_question_check::{DraftQuestion, Finding, QuestionChecker, TextPart};
use serde::Serialize;

/// Characters of the words that a table shows.
const WORDS_SHOWN: usize = 48;

/// All questions with their findings.
#[derive(Debug, Serialize)]
pub struct CheckReport {
    /// Each question.
    pub questions: Vec<CheckedQuestion>,
    /// How many findings there are in all.
    pub findings: usize,
}

/// One question with its findings.
#[derive(Debug, Serialize)]
pub struct CheckedQuestion {
    /// Its name.
    pub id: String,
    /// What was found.
    pub findings: Vec<ExplainedFinding>,
    /// What models are likely to answer, if they were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<ExpectedAgreement>,
}

/// A finding, and why it matters.
#[derive(Debug, Serialize)]
pub struct ExplainedFinding {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// Why it matters.
    pub why: &'static str,
}

impl CheckReport {
    /// Checks all questions.
    pub fn new(checker: &QuestionChecker, questions: &[AskedQuestion]) -> Self {
        let checked: Vec<_> = questions
            .iter()
            .map(|question| CheckedQuestion::new(checker, question))
            .collect();
        Self {
            findings: checked.iter().map(|one| one.findings.len()).sum(),
            questions: checked,
        }
    }

    /// Adds what is expected of each question, in their order.
    pub fn add(&mut self, expected: Vec<ExpectedAgreement>) {
        for (question, expected) in self.questions.iter_mut().zip(expected) {
            question.expected = Some(expected);
        }
    }

    /// The report for people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for question in &self.questions {
            if question.findings.is_empty() && question.expected.is_none() {
                continue;
            }
            if self.questions.len() > 1 {
                text.push_str(&format!("{}\n", question.id));
            }
            text.push_str(&question.text());
            text.push('\n');
        }
        let with = self.questions.iter().filter(|one| !one.findings.is_empty());
        text.push_str(&match self.questions.len() {
            1 => format!("{} findings", self.findings),
            all => format!(
                "{} findings in {} of {all} questions",
                self.findings,
                with.count()
            ),
        });
        text
    }
}

impl CheckedQuestion {
    fn new(checker: &QuestionChecker, question: &AskedQuestion) -> Self {
        let draft = DraftQuestion {
            prompt: question.prompt.clone(),
            system: question.system.clone(),
            answer: question.kind.clone(),
            sources: question.sources,
        };
        let explained = |finding: Finding| ExplainedFinding {
            why: finding.kind.why(),
            finding,
        };
        Self {
            id: question.id.clone(),
            findings: checker.check(&draft).into_iter().map(explained).collect(),
            expected: None,
        }
    }

    fn text(&self) -> String {
        let mut text = match self.findings.is_empty() {
            true => String::new(),
            false => self.table(),
        };
        if let Some(expected) = &self.expected {
            text.push_str(&format!("{}\n", estimate::text(expected)));
        }
        text
    }

    fn table(&self) -> String {
        let header = ["kind", "bytes", "words"];
        let rows = self.findings.iter().map(|one| {
            let Finding {
                kind, start, end, ..
            } = one.finding;
            vec![
                kind.name().to_owned(),
                format!("{}{start}-{end}", place(one.finding.part)),
                shortened(&one.finding.words),
            ]
        });
        let table = table(&header, rows);
        let mut lines = table.lines();
        let mut text = format!("{}\n", lines.next().unwrap_or_default());
        for (line, one) in lines.zip(&self.findings) {
            let (why, suggestion) = (one.why, &one.finding.suggestion);
            text.push_str(&format!(
                "{line}\n  why: {why}\n  instead: {}\n",
                one_line(suggestion)
            ));
        }
        text
    }
}

/// The part of a question, before byte offsets; nothing for the prompt.
fn place(part: TextPart) -> String {
    match part {
        TextPart::Prompt => String::new(),
        TextPart::System => "system ".to_owned(),
        TextPart::Option(at) => format!("option {} ", at.saturating_add(1)),
    }
}

/// Words on one line, with what shows nothing written out.
fn shortened(words: &str) -> String {
    let written = |c: char| match llm_oracle_question_check::is_invisible(c) {
        true => c.escape_unicode().to_string(),
        false => one_line(&c.to_string()),
    };
    let shown: String = words
        .trim()
        .chars()
        .take(WORDS_SHOWN)
        .map(written)
        .collect();
    match words.trim().chars().nth(WORDS_SHOWN) {
        Some(_) => format!("{shown}…"),
        None => shown,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use llm_oracle_primitives::AnswerKind;
    use serde_json::json;

    fn report(prompts: &[&str]) -> CheckReport {
        let questions: Vec<_> = prompts
            .iter()
            .map(|prompt| AskedQuestion::new(*prompt, AnswerKind::Bool, *prompt))
            .collect();
        CheckReport::new(&QuestionChecker::new().unwrap(), &questions)
    }

    #[test]
    fn a_finding_is_told_with_its_place_reason_and_remedy() {
        let report = report(&["Is the flow in the attached log around 300?"]);
        let text = report.text();
        for part in [
            "boundary",
            "32-42",
            "around 300",
            "why: ",
            "instead: ",
            "1 findings",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let json = serde_json::to_value(&report).unwrap();
        let finding = &json["questions"][0]["findings"][0];
        assert_eq!(json["findings"], 1);
        assert_eq!(
            (
                &finding["kind"],
                &finding["part"],
                &finding["start"],
                &finding["end"]
            ),
            (&json!("boundary"), &json!("prompt"), &json!(32), &json!(42))
        );
        assert!(finding["why"].is_string() && finding["suggestion"].is_string());
    }

    #[test]
    fn hidden_characters_are_written_out_and_long_words_are_cut_on_the_screen_alone() {
        let long = format!("Will {} win?", "a".repeat(80));
        let report = report(&["Is it\u{200b} so?", "Is 97 a prime number?", &long]);
        let text = report.text();
        assert!(text.contains("\\u{200b}"), "{text}");
        assert!(
            text.contains('…') && text.contains("in 2 of 3 questions"),
            "{text}"
        );
        assert!(report.questions[2].findings[0].finding.words.len() > 80);
    }
}
