#![allow(clippy::unwrap_used)]

use super::*;
use crate::hosted::chat;
use llm_oracle_primitives::ModelRef;

fn options(list: &[&str]) -> AnswerKind {
    let options = list.iter().map(|option| option.as_bytes().to_vec());
    AnswerKind::Choice {
        options: options.collect(),
    }
}

/// The schema in the first request, and in the one after a reply of another form.
fn schemas(kind: AnswerKind, provider: &str) -> [Value; 2] {
    let config =
        format!("provider = '{provider}'\nmodel = 'm'\nbase_url = 'http://127.0.0.1:1/v1'");
    let crate::ProviderConfig::Hosted(config) = toml::from_str(&config).unwrap() else {
        unreachable!("it is on a server");
    };
    let profile = ServerProfile::new(&config).unwrap();
    let question = ModelQuestion {
        prompt: "?".into(),
        system: None,
        answer: kind,
        sampling: Sampling::default(),
        model: ModelRef::Any,
    };
    let mut conversation = chat::begin(&question, 0).unwrap();
    let schema = |conversation: &Conversation| {
        let body = body(&profile, &[], conversation, &question);
        body["response_format"]["json_schema"]["schema"].clone()
    };
    let first = schema(&conversation);
    chat::ask_again(&mut conversation, (&question, 0), "", None).unwrap();
    [first, schema(&conversation)]
}

#[test]
fn a_label_or_a_number_is_held_to_a_schema_once_a_reply_had_another_form() {
    let yes_no =
        json!({ "type": "string", "enum": ["yes", "no", "UNCLEAR", "TOO SOON", "REFUSED"] });
    assert_eq!(
        schemas(AnswerKind::Bool, "llama-cpp"),
        [json!(null), yes_no]
    );
    let colours =
        json!({ "type": "string", "enum": ["red", "blue", "UNCLEAR", "TOO SOON", "REFUSED"] });
    assert_eq!(
        schemas(options(&["red", "blue"]), "vllm"),
        [json!(null), colours]
    );
    // An option has the place of a word for no answer.
    let taken = json!({ "type": "string", "enum": ["clear", "unclear"] });
    assert_eq!(schemas(options(&["clear", "unclear"]), "vllm")[1], taken);
    // What JSON would write otherwise than it is read.
    assert_eq!(schemas(options(&["a \"b\"", "c"]), "vllm")[1], json!(null));
    let number = AnswerKind::Number {
        scale: 1,
        tolerance: 0,
    };
    let [first, second] = schemas(number, "llama-cpp");
    assert_eq!(
        (first, &second["anyOf"][0]["type"]),
        (json!(null), &json!("number"))
    );
    let text = AnswerKind::Text { max_bytes: 9 };
    assert_eq!(schemas(text, "llama-cpp"), [json!(null), json!(null)]);
}

#[test]
fn a_document_is_held_to_its_schema_from_the_start_where_the_server_has_one() {
    let json_kind = || AnswerKind::Json {
        schema: b"{\"type\":\"object\"}".to_vec(),
    };
    let schema = json!({ "type": "object" });
    assert_eq!(schemas(json_kind(), "llama-cpp"), [schema.clone(), schema]);
    assert_eq!(schemas(json_kind(), "openai"), [json!(null), json!(null)]);
    assert_eq!(
        schemas(AnswerKind::Bool, "openai"),
        [json!(null), json!(null)]
    );
}
