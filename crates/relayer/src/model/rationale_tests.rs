#![allow(clippy::unwrap_used)]

use super::*;
use async_trait::async_trait;
use llm_oracle_llm::{ModelError, ProviderReply};
use llm_oracle_primitives::{ModelRef, Reason};
use llm_oracle_sources::passages::Passage;
use std::sync::Mutex;

const WITHIN: Duration = Duration::from_secs(5);

/// Says one thing, or never says anything, and keeps what it is asked.
struct Says {
    answer: Option<Answer>,
    asked: Mutex<Vec<ModelQuestion>>,
}

#[async_trait]
impl Provider for Says {
    fn name(&self) -> &str {
        "says"
    }

    async fn answer(&self, question: &ModelQuestion) -> Result<ProviderReply, ModelError> {
        self.asked.lock().unwrap().push(question.clone());
        let Some(answer) = &self.answer else {
            return std::future::pending().await;
        };
        Ok(ProviderReply {
            answer: answer.clone(),
            confidence: 0,
            model: "says".into(),
            record: json!({ "provider": "scripted" }),
        })
    }
}

fn says(json: Value) -> Says {
    let answer = Some(Answer::Json(json.to_string().into_bytes()));
    let asked = Mutex::default();
    Says { answer, asked }
}

fn asked() -> ModelQuestion {
    ModelQuestion {
        prompt: "=== source 1\nOpened in 1932.\n===\nWhich year?".into(),
        system: Some("Be brief.".into()),
        answer: AnswerKind::Number {
            scale: 1,
            tolerance: 0,
        },
        sampling: Sampling::default(),
        model: ModelRef::Any,
    }
}

fn texts() -> Vec<QuotableText> {
    vec![QuotableText {
        source: 1,
        text: "Opened in 1932.".into(),
        passages: vec![Passage { start: 0, end: 15 }],
    }]
}

async fn of_answer_by(model: &str, provider: &Says, texts: &[QuotableText]) -> Value {
    let answered = ProviderReply {
        answer: Answer::Number(19_320),
        confidence: 0,
        model: model.into(),
        record: json!({}),
    };
    rationale(provider, &asked(), &answered, texts, WITHIN).await
}

async fn of(provider: &Says, texts: &[QuotableText]) -> Value {
    of_answer_by("says", provider, texts).await
}

#[tokio::test]
async fn quotes_are_kept_by_their_place_once_and_inventions_are_told_apart() {
    let quote = |source: u8, text: &str| json!({ "source": source, "text": text });
    let quotes = [
        quote(1, "in 1932"),
        quote(1, "“in 1932”"),
        quote(1, "in 1933"),
    ];
    let provider = says(json!({ "rationale": " It says so. ", "quotes": quotes }));
    let found = of(&provider, &texts()).await;
    assert_eq!(
        found,
        json!({
            "text": "It says so.",
            "quotes": [{ "source": 1, "start": 7, "end": 14, "text": "in 1932" }],
            "not_found": ["in 1933"],
            "made": { "provider": "scripted" },
        })
    );
    let asked_for = provider.asked.lock().unwrap().pop().unwrap();
    let prompt = &asked_for.prompt;
    assert!(prompt.starts_with(&asked().prompt), "{prompt}");
    assert!(prompt.contains("is decided: 1932.0\n"), "{prompt}");
    assert_eq!(asked_for.system, asked().system);
    assert!(matches!(asked_for.answer, AnswerKind::Json { .. }));
    assert_eq!(llm_oracle_llm::check_answer_type(&asked_for.answer), Ok(()));
}

#[tokio::test]
async fn another_model_gives_no_rationale_for_an_answer() {
    let provider = says(json!({ "rationale": "It is so.", "quotes": [] }));
    let found = of_answer_by("other", &provider, &[]).await;
    assert_eq!(
        found["missing"],
        "'says' was asked, and 'other' had answered"
    );
    assert_eq!(found.get("text"), None);
}

#[tokio::test]
async fn without_sources_there_is_nothing_to_quote() {
    let provider = says(json!({ "rationale": "It is so.", "quotes": [] }));
    let found = of(&provider, &[]).await;
    assert_eq!(found["quotes"], json!([]));
    let asked_for = provider.asked.lock().unwrap().pop().unwrap();
    let AnswerKind::Json { schema } = asked_for.answer else {
        unreachable!("it is JSON");
    };
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    assert_eq!(schema["properties"]["quotes"]["maxItems"], 0);
    assert!(asked_for.prompt.contains("there are no sources"));
}

#[tokio::test(start_paused = true)]
async fn a_rationale_that_does_not_come_is_named_and_the_answer_waits_no_longer() {
    let silent = Says {
        answer: None,
        asked: Mutex::default(),
    };
    assert_eq!(
        of(&silent, &[]).await,
        json!({ "missing": "none within 5000 ms" })
    );
    let unclear = Says {
        answer: Some(Answer::Abstain(Reason::Unclear)),
        asked: Mutex::default(),
    };
    let missing = of(&unclear, &[]).await;
    assert_eq!(missing["missing"], "the model gave none of the form");
    let long = says(json!({ "rationale": "x".repeat(1_025), "quotes": [] }));
    assert_eq!(
        of(&long, &[]).await["missing"],
        "the model gave none of the form"
    );
}

#[test]
fn the_longest_question_for_a_rationale_is_longer_than_any() {
    let answer = Answer::Text(vec![b'y'; MAX_ANSWER_BYTES as usize]);
    let longest = longest(&asked()).prompt.len();
    assert!(longest >= question(&asked(), &answer, &texts()).prompt.len());
    assert!(
        longest
            >= question(&asked(), &Answer::Number(i128::MIN), &texts())
                .prompt
                .len()
    );
}
