//! `model test`: asks each model of the settings one question of each kind, whose answers are known.

use super::report::{self, TestedModel};
use crate::{
    config::Overrides,
    context::CommandContext,
    exit::{self, CommandResult},
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_llm::{build, trial, ModelConfig};
use std::{path::PathBuf, time::Duration};

/// Arguments of `model test`.
#[derive(Args, Debug)]
pub struct ModelTestArgs {
    /// Model file (GGUF) instead of that in the settings [env: LLM_ORACLE_MODEL]
    #[arg(long, value_name = "PATH")]
    pub model_file: Option<PathBuf>,
    /// Longest time for one question, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub timeout: u64,
}

impl RunSubcommand for ModelTestArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        Overrides {
            model_file: self.model_file.clone(),
            ..flags
        }
    }

    /// Asks all models. What does not work is a result, with the exit code of [`exit::MODEL`].
    ///
    /// # Errors
    /// When stdout cannot be written.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let timeout = Duration::from_secs(self.timeout);
        let mut tested = Vec::new();
        for model in &context.settings.model.0 {
            tested.push(test(model, timeout).await);
        }
        context
            .out
            .result(&report::text(&tested), &report::json(&tested))?;
        let works = tested.iter().all(TestedModel::works);
        Ok(if works { exit::OK } else { exit::MODEL })
    }
}

/// Makes the provider of a model and asks it.
async fn test(model: &ModelConfig, timeout: Duration) -> TestedModel {
    let provider = model.provider.name();
    match build(&model.provider) {
        Ok(built) => TestedModel {
            provider,
            name: Some(built.name().to_owned()),
            trials: trial::run(&*built, &model.limits, timeout).await,
            error: None,
        },
        Err(error) => TestedModel {
            provider,
            name: None,
            trials: Vec::new(),
            error: Some(error.to_string()),
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn model(value: serde_json::Value) -> ModelConfig {
        serde_json::from_value(value).unwrap()
    }

    #[tokio::test]
    async fn a_model_that_cannot_be_made_or_reached_does_not_work() {
        let unmade = model(serde_json::json!({
            "provider": "local", "path": "/nonexistent/m.gguf",
        }));
        let unmade = test(&unmade, Duration::from_secs(1)).await;
        assert!(!unmade.works() && unmade.error.is_some());
        // The port of a listener that is gone: nobody answers there.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let gone = model(serde_json::json!({
            "provider": "openai", "model": "m", "base_url": format!("http://{address}/v1"),
        }));
        let gone = test(&gone, Duration::from_secs(9)).await;
        assert_eq!((gone.provider, gone.name.as_deref()), ("openai", Some("m")));
        assert!(!gone.works() && gone.trials.len() == 5);
        let all = [unmade, gone];
        let json = report::json(&all);
        assert_eq!(json["works"], false);
        assert_eq!(json["models"][1]["questions"][1]["result"], "not_asked");
        assert!(report::text(&all).contains("not reached"));
    }
}
