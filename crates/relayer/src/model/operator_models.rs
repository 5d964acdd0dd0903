//! Which model answers for which operator, so that one process serves several models and families.

use crate::error::RelayerError;
use llm_oracle_llm::{ModelQuestion, Provider};
use llm_oracle_primitives::{AccountId, ModelRef};
use llm_oracle_support::address::{parse_account, ss58};
use std::collections::{BTreeMap, HashMap};

/// The operators of one process that answer with one model each. The others answer with whichever is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct OperatorModels(HashMap<[u8; 32], String>);

impl OperatorModels {
    /// Reads the settings: names of models by the operators' addresses.
    ///
    /// # Errors
    /// An address that is malformed or of no operator of this process, a model that is not served.
    pub(crate) fn new(
        settings: &BTreeMap<String, String>,
        operators: &[AccountId],
        provider: &dyn Provider,
    ) -> Result<Self, RelayerError> {
        let mut models = HashMap::new();
        for (address, model) in settings {
            let account = parse_account(address)?;
            let wrong = |why: String| RelayerError::OperatorModel(why);
            if !operators.contains(&account) {
                let known: Vec<String> = operators.iter().map(ss58).collect();
                return Err(wrong(format!(
                    "{address} is no operator of these settings; there are {}",
                    known.join(", ")
                )));
            }
            if !provider.serves(&name(model)) {
                return Err(wrong(format!(
                    "the model '{model}' of {address} is not served; there are '{}'",
                    provider.served().join("', '")
                )));
            }
            models.insert(*account.as_ref(), model.clone());
        }
        Ok(Self(models))
    }

    /// The question as it is put for an operator.
    pub(crate) fn put_for(
        &self,
        operator: &[u8; 32],
        mut question: ModelQuestion,
    ) -> ModelQuestion {
        if let Some(model) = self.0.get(operator) {
            question.model = name(model);
        }
        question
    }

    /// Why an operator has no answer from the model that a request asks for, if it has none.
    pub(crate) fn refusal(
        &self,
        operator: &[u8; 32],
        asked: &ModelRef,
        provider: &dyn Provider,
    ) -> Option<String> {
        let (is_served, served) = match self.0.get(operator) {
            Some(own) => {
                let is_asked = *asked == ModelRef::Any || *asked == name(own);
                // A model can go when settings are read again.
                (is_asked && provider.serves(&name(own)), own.clone())
            }
            None => (provider.serves(asked), provider.served().join("', '")),
        };
        let wanted = match asked {
            ModelRef::Name(name) => format!("'{}'", String::from_utf8_lossy(name)),
            ModelRef::Any => "any".to_owned(),
        };
        (!is_served).then(|| format!("asks for the model {wanted}, and '{served}' is served"))
    }
}

fn name(model: &str) -> ModelRef {
    ModelRef::Name(model.as_bytes().to_vec())
}

#[cfg(test)]
#[path = "operator_models_tests.rs"]
mod tests;
