//! What `model test` shows: a table and its lines, and the same as JSON.

use crate::{
    answers::{answer_json, answer_text},
    money::Planck,
    output::table,
    terminal::one_line,
};
use llm_oracle_llm::trial::{Trial, TrialResult};
use serde_json::{json, Value};
use std::collections::BTreeSet;

/// Longest answer in the table, characters.
const ANSWER_CHARS_MAX: usize = 32;

/// One model of the settings, and what came of its questions.
pub(super) struct TestedModel {
    /// `provider` in the settings.
    pub(super) provider: &'static str,
    /// The name by which requests ask for it.
    pub(super) name: Option<String>,
    pub(super) trials: Vec<Trial>,
    /// Why it could not be made.
    pub(super) error: Option<String>,
}

impl TestedModel {
    /// Whether it can be asked questions of every kind.
    pub(super) fn works(&self) -> bool {
        self.error.is_none() && self.trials.iter().all(Trial::works)
    }

    fn shown(&self) -> String {
        match &self.name {
            Some(name) => format!("{} {}", self.provider, one_line(name)),
            None => self.provider.to_owned(),
        }
    }

    /// The models that answered, as reported.
    fn reported(&self) -> BTreeSet<&str> {
        let trials = self.trials.iter();
        trials.filter_map(|trial| trial.model.as_deref()).collect()
    }

    fn adjustments(&self) -> BTreeSet<&str> {
        let trials = self.trials.iter();
        let all = trials.flat_map(|trial| &trial.adjustments);
        all.map(String::as_str).collect()
    }

    /// What was wrong, each reason once.
    fn errors(&self) -> BTreeSet<&str> {
        let trials = self.trials.iter();
        let of_trials = trials.filter_map(|trial| trial.error.as_deref());
        self.error.as_deref().into_iter().chain(of_trials).collect()
    }
}

/// The table, and below it what belongs to a model as a whole.
pub(super) fn text(tested: &[TestedModel]) -> String {
    let header = [
        "model",
        "kind",
        "result",
        "answer",
        "confidence",
        "tokens",
        "ms",
        "cost",
        "schema",
    ];
    let rows = tested
        .iter()
        .flat_map(|model| model.trials.iter().map(|trial| row(model, trial)));
    let mut lines = vec![table(&header, rows)];
    for model in tested {
        let shown = model.shown();
        for name in model.reported() {
            lines.push(format!("{shown}: reports itself as {}", one_line(name)));
        }
        for adjustment in model.adjustments() {
            lines.push(format!(
                "{shown}: is asked {}, since its server refuses requests as set",
                one_line(adjustment)
            ));
        }
        for error in model.errors() {
            lines.push(format!("{shown}: {}", one_line(error)));
        }
    }
    lines.join("\n")
}

fn row(model: &TestedModel, trial: &Trial) -> Vec<String> {
    let unknown = || "-".to_owned();
    let kind = &trial.asked.question.answer;
    let answer = trial
        .answer
        .as_ref()
        .map(|answer| answer_text(answer, kind));
    let result = match trial.result {
        TrialResult::Right => "right",
        TrialResult::Wrong => "WRONG",
        TrialResult::Abstained => "ABSTAINED",
        TrialResult::Failed => "FAILED",
        TrialResult::NotAsked => "not asked",
    };
    let confidence = trial.confidence.map(|(percent, origin)| {
        let origin = origin.name().replace('_', " ");
        format!("{percent} % ({origin})")
    });
    let tokens = trial
        .tokens
        .map(|(input, output)| format!("{input} + {output}"));
    let schema = trial.keeps_schema.map(|keeps| {
        let keeps = if keeps { "kept" } else { "NOT KEPT" };
        match trial.gives_schema {
            Some(true) => format!("{keeps}, given to the model"),
            _ => keeps.to_owned(),
        }
    });
    vec![
        model.shown(),
        trial.asked.kind.to_owned(),
        result.to_owned(),
        answer.map_or_else(unknown, |text| {
            text.chars().take(ANSWER_CHARS_MAX).collect()
        }),
        confidence.unwrap_or_else(unknown),
        tokens.unwrap_or_else(unknown),
        trial.elapsed_ms.to_string(),
        trial
            .cost
            .map_or_else(unknown, |cost| Planck(cost).to_string()),
        schema.unwrap_or_else(unknown),
    ]
}

/// The result in JSON, see docs/command-line.md.
pub(super) fn json(tested: &[TestedModel]) -> Value {
    let works = tested.iter().all(TestedModel::works);
    let models: Vec<Value> = tested.iter().map(model_json).collect();
    json!({ "works": works, "models": models })
}

fn model_json(model: &TestedModel) -> Value {
    let questions: Vec<Value> = model.trials.iter().map(trial_json).collect();
    json!({
        "provider": model.provider,
        "model": model.name,
        "works": model.works(),
        "error": model.error,
        "questions": questions,
    })
}

fn trial_json(trial: &Trial) -> Value {
    let kind = &trial.asked.question.answer;
    let confidence = trial
        .confidence
        .map(|(percent, origin)| json!({ "percent": percent, "from": origin.name() }));
    let tokens = trial
        .tokens
        .map(|(input, output)| json!({ "input": input, "output": output }));
    let schema = trial
        .keeps_schema
        .map(|kept| json!({ "kept": kept, "given": trial.gives_schema.unwrap_or_default() }));
    json!({
        "kind": trial.asked.kind,
        "works": trial.works(),
        "result": trial.result.name(),
        "answer": trial.answer.as_ref().map(|answer| answer_json(answer, kind)),
        "expected": answer_json(&trial.asked.expected, kind),
        "confidence": confidence,
        "requests": trial.requests,
        "tokens": tokens,
        "elapsed_ms": trial.elapsed_ms,
        "cost": trial.cost.map(|cost| cost.to_string()),
        "schema": schema,
        "adjustments": trial.adjustments,
        "reported_model": trial.model,
        "error": trial.error,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use llm_oracle_llm::{trial, CallLimits, ModelError, ModelQuestion, Provider, ProviderReply};
    use std::time::Duration;

    /// Right about everything but numbers, and its server has its ways.
    struct OneModelServer;

    #[async_trait]
    impl Provider for OneModelServer {
        fn name(&self) -> &str {
            "m"
        }

        async fn answer(&self, question: &ModelQuestion) -> Result<ProviderReply, ModelError> {
            let known = trial::questions();
            let known = known
                .iter()
                .find(|one| one.question.prompt == question.prompt);
            let known = known.unwrap();
            if known.kind == "number" {
                return Err(ModelError::Status {
                    code: 422,
                    retry_after: None,
                    said: "no\u{1b}[31m numbers".to_owned(),
                    is_paid: false,
                });
            }
            Ok(ProviderReply {
                answer: known.expected.clone(),
                confidence: 88,
                model: "m-2026".to_owned(),
                record: json!({
                    "exchanges": [{ "request": { "response_format": {} } }],
                    "usages": [{ "prompt_tokens": 40, "completion_tokens": 2 }],
                    "samples": [{ "confidence": 88 }],
                    "adjustments": ["without `seed`"],
                }),
            })
        }
    }

    async fn tested() -> TestedModel {
        let limits = CallLimits {
            planck_per_request: 500_000_000_000,
            ..CallLimits::default()
        };
        let mut trials = trial::run(&OneModelServer, &limits, Duration::from_secs(9)).await;
        for trial in &mut trials {
            trial.elapsed_ms = 7;
        }
        TestedModel {
            provider: "openai",
            name: Some("m".to_owned()),
            trials,
            error: None,
        }
    }

    #[tokio::test]
    async fn the_table_shows_each_kind_and_what_is_the_models_as_a_whole() {
        let shown = text(&[tested().await]);
        let cells = |line: &str| {
            let cells = line
                .split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty());
            cells.map(str::to_owned).collect::<Vec<_>>()
        };
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(
            cells(lines[1]),
            [
                "openai m",
                "bool",
                "right",
                "yes",
                "88 % (likelihoods)",
                "40 + 2",
                "7",
                "0.5 UNIT",
                "-"
            ]
        );
        assert_eq!(
            cells(lines[3]),
            ["openai m", "number", "FAILED", "-", "-", "-", "7", "-", "-"]
        );
        assert!(lines[5].contains("kept, given to the model"), "{shown}");
        assert_eq!(lines[6], "openai m: reports itself as m-2026");
        assert!(lines[7].contains("is asked without `seed`"), "{shown}");
        assert!(
            lines[8].contains("it says: no") && !shown.contains('\u{1b}'),
            "{shown}"
        );
        assert_eq!(lines.len(), 9, "{shown}");
    }

    #[tokio::test]
    async fn the_json_has_the_documented_members() {
        let json = json(&[tested().await]);
        assert_eq!(json["works"], false);
        let model = &json["models"][0];
        assert_eq!(model["provider"], "openai");
        let bool = &model["questions"][0];
        assert_eq!(
            *bool,
            json!({
                "kind": "bool",
                "works": true,
                "result": "right",
                "answer": true,
                "expected": true,
                "confidence": { "percent": 88, "from": "likelihoods" },
                "requests": 1,
                "tokens": { "input": 40, "output": 2 },
                "elapsed_ms": 7,
                "cost": "500000000000",
                "schema": null,
                "adjustments": ["without `seed`"],
                "reported_model": "m-2026",
                "error": null,
            })
        );
        let number = &model["questions"][2];
        assert_eq!(number["result"], "failed");
        assert!(number["error"].as_str().unwrap().contains("422"));
        let schema = &model["questions"][4]["schema"];
        assert_eq!(*schema, json!({ "kept": true, "given": true }));
        // Every member is in the documentation.
        let page = include_str!("../../../../../docs/command-line.md");
        let named = [&json, model, bool].into_iter();
        for name in named.flat_map(|value| value.as_object().unwrap().keys()) {
            assert!(
                page.contains(&format!("`{name}`")),
                "docs/command-line.md lacks `{name}`"
            );
        }
    }
}
