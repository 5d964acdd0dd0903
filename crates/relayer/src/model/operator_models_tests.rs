#![allow(clippy::unwrap_used)]

use super::*;
use async_trait::async_trait;
use llm_oracle_llm::{ModelError, ProviderReply};
use llm_oracle_primitives::{AnswerKind, Sampling};

const ONE: [u8; 32] = [1; 32];
const TWO: [u8; 32] = [2; 32];

/// Serves two models.
struct Pair;

#[async_trait]
impl Provider for Pair {
    fn name(&self) -> &str {
        "a"
    }

    fn serves(&self, model: &ModelRef) -> bool {
        *model == ModelRef::Any || [name("a"), name("b")].contains(model)
    }

    fn served(&self) -> Vec<String> {
        vec!["a".into(), "b".into()]
    }

    async fn answer(&self, _: &ModelQuestion) -> Result<ProviderReply, ModelError> {
        unreachable!("nothing is asked here")
    }
}

fn settings(list: &[(&str, &str)]) -> BTreeMap<String, String> {
    let list = list.iter();
    list.map(|(address, model)| ((*address).to_owned(), (*model).to_owned()))
        .collect()
}

fn read(list: &[(&str, &str)]) -> Result<OperatorModels, String> {
    let operators = [AccountId::from(ONE), AccountId::from(TWO)];
    OperatorModels::new(&settings(list), &operators, &Pair).map_err(|error| error.to_string())
}

fn question(model: ModelRef) -> ModelQuestion {
    ModelQuestion {
        prompt: "?".into(),
        system: None,
        answer: AnswerKind::Bool,
        sampling: Sampling::default(),
        model,
    }
}

#[test]
fn an_operator_with_a_model_answers_with_that_one_alone() {
    let models = read(&[(&ss58(&AccountId::from(ONE)), "b")]).unwrap();
    let put = |operator, model| models.put_for(operator, question(model)).model;
    assert_eq!(put(&ONE, ModelRef::Any), name("b"));
    assert_eq!(put(&TWO, ModelRef::Any), ModelRef::Any);
    assert_eq!(put(&TWO, name("a")), name("a"));
    let refusal = |operator, model| models.refusal(operator, &model, &Pair);
    assert_eq!(refusal(&ONE, ModelRef::Any), None);
    assert_eq!(refusal(&ONE, name("b")), None);
    assert_eq!(
        refusal(&ONE, name("a")).unwrap(),
        "asks for the model 'a', and 'b' is served"
    );
    assert_eq!(refusal(&TWO, name("a")), None);
    assert_eq!(
        refusal(&TWO, name("c")).unwrap(),
        "asks for the model 'c', and 'a', 'b' is served"
    );
}

#[test]
fn what_the_settings_name_must_be_there() {
    let other = format!("0x{}", "03".repeat(32));
    let why = read(&[(&other, "a")]).unwrap_err();
    assert!(why.contains("is no operator of these settings"), "{why}");
    let one = format!("0x{}", "01".repeat(32));
    let why = read(&[(&one, "c")]).unwrap_err();
    assert!(why.contains("'c'") && why.contains("'a', 'b'"), "{why}");
    let why = read(&[("Alice", "a")]).unwrap_err();
    assert!(why.contains("'Alice' is no account"), "{why}");
}
