use super::*;
use llm_oracle_primitives::{digest::blake2, AnswerKind, Sampling};
use llm_oracle_sources::attachments::HeldAttachments;
use std::sync::Mutex;

/// Answers yes to whatever it is asked, and keeps that.
#[derive(Default)]
struct Keeps(Mutex<Vec<String>>);

#[async_trait]
impl Provider for Keeps {
    fn name(&self) -> &str {
        "keeps"
    }

    fn price(&self, question: &ModelQuestion) -> u128 {
        question.prompt.len() as u128
    }

    async fn answer(&self, question: &ModelQuestion) -> Result<ProviderReply, ModelError> {
        self.0.lock().unwrap().push(question.prompt.clone());
        Ok(ProviderReply {
            answer: Answer::Bool(true),
            confidence: 80,
            model: "keeps".into(),
            record: json!({ "provider": "scripted", "question": record_of(question) }),
        })
    }
}

fn question() -> ModelQuestion {
    ModelQuestion {
        prompt: "Did it rain?".into(),
        system: None,
        answer: AnswerKind::Bool,
        sampling: Sampling::default(),
        model: ModelRef::Any,
    }
}

fn attachment(bytes: &[u8], media: &str) -> Source {
    Source::Attachment {
        digest: blake2(bytes),
        bytes: bytes.len() as u32,
        media: media.into(),
        uri: Vec::new(),
    }
}

/// A provider with a folder of attachments, and what its model was asked.
fn reading(folder: &std::path::Path) -> (SourceReadingProvider, Arc<Keeps>) {
    let config = SourcesConfig {
        folder: Some(folder.to_owned()),
        timeout_ms: 1_000,
        ..SourcesConfig::default()
    };
    let model = Arc::new(Keeps::default());
    let rationale = RationaleConfig::default();
    let provider = SourceReadingProvider::new(model.clone(), &config, rationale).unwrap();
    (provider, model)
}

#[tokio::test]
async fn what_cannot_be_had_is_an_abstention_and_no_model_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (provider, model) = reading(folder.path());
    let missing = attachment(b"nobody has this", "text/plain");
    let reply = provider
        .answer_about(&question(), &[missing], 0)
        .await
        .unwrap();
    assert_eq!(reply.answer, Answer::Abstain(Reason::SourceMissing));
    assert_eq!(reply.record["question"], record_of(&question()));
    assert!(reply.record["not_asked"]
        .as_str()
        .unwrap()
        .starts_with("source 1: "));
    assert!(model.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_question_without_sources_is_asked_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (provider, model) = reading(folder.path());
    let reply = provider.answer_about(&question(), &[], 0).await.unwrap();
    assert_eq!(reply.answer, Answer::Bool(true));
    assert_eq!(reply.record.get("sources"), None);
    assert_eq!(model.0.lock().unwrap()[..], ["Did it rain?"]);
}

#[test]
fn the_record_keeps_the_question_as_it_was_asked_beside_what_was_shown() {
    let mut record = json!({ "question": { "prompt": "shown" } });
    let loaded = LoadedSources {
        records: Vec::new(),
        abstention: None,
        is_transient: false,
        prompt: "shown".into(),
        texts: Vec::new(),
    };
    with_sources(&mut record, &question(), loaded);
    assert_eq!(record["question"]["prompt"], "Did it rain?");
    assert_eq!(record["prompt_with_sources"], "shown");
}

#[test]
fn sources_are_part_of_the_price() {
    let folder = tempfile::tempdir().unwrap();
    HeldAttachments::new(folder.path())
        .hold(b"It rained.")
        .unwrap();
    let (provider, _) = reading(folder.path());
    let about = [attachment(b"It rained.", "text/plain")];
    assert_eq!(provider.price_about(&question(), &[]), 12);
    let most = SourcesConfig::default().passage_bytes_max as u128;
    assert!(provider.price_about(&question(), &about) > 12 + most);
}

/// Answers yes, and gives a rationale where JSON is wanted.
#[derive(Default)]
struct Explains(Mutex<Vec<ModelQuestion>>);

#[async_trait]
impl Provider for Explains {
    fn name(&self) -> &str {
        "explains"
    }

    fn price(&self, _: &ModelQuestion) -> u128 {
        5
    }

    async fn answer(&self, question: &ModelQuestion) -> Result<ProviderReply, ModelError> {
        self.0.lock().unwrap().push(question.clone());
        let answer = match question.answer {
            AnswerKind::Json { .. } => Answer::Json(br#"{"quotes":[],"rationale":"No."}"#.to_vec()),
            _ => Answer::Bool(true),
        };
        Ok(ProviderReply {
            answer,
            confidence: 80,
            model: "explains".into(),
            record: json!({ "provider": "scripted" }),
        })
    }
}

#[tokio::test]
async fn the_decision_is_the_same_with_and_without_a_rationale() {
    let mut made = Vec::new();
    for enabled in [false, true] {
        let rationale = RationaleConfig {
            enabled,
            ..RationaleConfig::default()
        };
        let model = Arc::new(Explains::default());
        let sources = SourcesConfig::default();
        let provider = SourceReadingProvider::new(model.clone(), &sources, rationale).unwrap();
        let reply = provider.answer_about(&question(), &[], 0).await.unwrap();
        let asked = model.0.lock().unwrap().clone();
        assert_eq!(asked.len(), if enabled { 2 } else { 1 });
        assert_eq!(reply.record.get("rationale").is_some(), enabled);
        let price = provider.price_about(&question(), &[]);
        assert_eq!(price, if enabled { 10 } else { 5 });
        made.push((reply.answer, reply.confidence, asked[0].prompt.clone()));
    }
    assert_eq!(made[0], made[1]);
}
