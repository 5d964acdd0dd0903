//! The servers that are known: where they are, which API they have, and what is special about them.
//!
//! Everything here is data. Each value has a setting of the same name that replaces it, so a server that is
//! not in the table needs no code.

use super::dialect::Dialect;
use serde::Deserialize;

/// Where the instruction stands that precedes the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InstructionRole {
    /// In a message of its own with the role `system`, or in the API's own field.
    System,
    /// In a message of its own with the role `developer`.
    Developer,
    /// At the head of the question: for models whose template knows no other role.
    User,
}

/// What is known about a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Preset {
    /// Name in the settings: `provider = "NAME"`.
    pub(super) name: &'static str,
    pub(super) dialect: Dialect,
    /// Address up to and including the version; none where each customer has another.
    pub(super) base_url: Option<&'static str>,
    /// Name of the parameter that limits the tokens.
    pub(super) max_tokens_parameter: &'static str,
    /// Name of the parameter with the seed.
    pub(super) seed_parameter: &'static str,
    /// Parameters that are not sent.
    pub(super) omit: &'static [&'static str],
    pub(super) instruction: InstructionRole,
    /// Header with the key, and what stands before the key in it.
    pub(super) key_header: &'static str,
    pub(super) key_prefix: &'static str,
    /// Tokens for thinking, on top of those that the request allows.
    pub(super) thinking_tokens: u32,
    /// The server answers under another name than the one it is asked for.
    pub(super) reports_other_names: bool,
    /// The server gives the likelihoods of tokens.
    pub(super) logprobs: bool,
    /// The server takes a JSON schema for the reply, whatever it is.
    pub(super) structured: bool,
}

const CHAT: Preset = Preset {
    name: "openai",
    dialect: Dialect::OpenAi,
    base_url: Some("https://api.openai.com/v1"),
    max_tokens_parameter: "max_tokens",
    seed_parameter: "seed",
    omit: &[],
    instruction: InstructionRole::System,
    key_header: "authorization",
    key_prefix: "Bearer ",
    thinking_tokens: 0,
    reports_other_names: false,
    logprobs: true,
    structured: false,
};

const fn chat(name: &'static str, base_url: &'static str) -> Preset {
    Preset {
        name,
        base_url: Some(base_url),
        logprobs: false,
        ..CHAT
    }
}

/// A server that gives the likelihoods of tokens.
const fn with_logprobs(preset: Preset) -> Preset {
    Preset {
        logprobs: true,
        ..preset
    }
}

/// A server of one's own whose engine can be held to a schema.
const fn structured(preset: Preset) -> Preset {
    Preset {
        structured: true,
        ..preset
    }
}

/// Room for thinking where every model of the server thinks.
const THINKING_TOKENS: u32 = 8_192;

/// Azure's dated API is told by this part of its path.
const AZURE_PATH: &str = "/openai/deployments/";
/// The version of it that is asked for, unless `query` names another.
pub(super) const AZURE_VERSION: (&str, &str) = ("api-version", "2024-10-21");

const AZURE: Preset = Preset {
    name: "azure",
    base_url: None,
    key_header: "api-key",
    key_prefix: "",
    // It is asked for a deployment, and answers with the model that is deployed.
    reports_other_names: true,
    ..CHAT
};

pub(super) const PRESETS: [Preset; 18] = [
    CHAT,
    Preset {
        name: "openai-reasoning",
        max_tokens_parameter: "max_completion_tokens",
        omit: &["temperature"],
        instruction: InstructionRole::Developer,
        thinking_tokens: THINKING_TOKENS,
        logprobs: false,
        ..CHAT
    },
    Preset {
        name: "responses",
        dialect: Dialect::Responses,
        logprobs: false,
        max_tokens_parameter: "max_output_tokens",
        ..CHAT
    },
    Preset {
        name: "anthropic",
        dialect: Dialect::Anthropic,
        logprobs: false,
        base_url: Some("https://api.anthropic.com/v1"),
        key_header: "x-api-key",
        key_prefix: "",
        ..CHAT
    },
    AZURE,
    Preset {
        omit: &["seed"],
        ..chat(
            "gemini",
            "https://generativelanguage.googleapis.com/v1beta/openai",
        )
    },
    Preset {
        seed_parameter: "random_seed",
        ..chat("mistral", "https://api.mistral.ai/v1")
    },
    with_logprobs(chat("deepseek", "https://api.deepseek.com/v1")),
    with_logprobs(chat("xai", "https://api.x.ai/v1")),
    chat("groq", "https://api.groq.com/openai/v1"),
    chat("together", "https://api.together.xyz/v1"),
    chat("openrouter", "https://openrouter.ai/api/v1"),
    structured(with_logprobs(chat("vllm", "http://127.0.0.1:8000/v1"))),
    structured(with_logprobs(chat("sglang", "http://127.0.0.1:30000/v1"))),
    structured(with_logprobs(chat("llama-cpp", "http://127.0.0.1:8080/v1"))),
    structured(chat("ollama", "http://127.0.0.1:11434/v1")),
    structured(chat("lm-studio", "http://127.0.0.1:1234/v1")),
    chat("litellm", "http://127.0.0.1:4000/v1"),
];

/// The preset with this name.
pub(super) fn named(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// What an address says about its server.
pub(super) fn at_address(base_url: &str, preset: &'static Preset) -> &'static Preset {
    if preset.dialect == Dialect::OpenAi && is_azure_dated(base_url) {
        &AZURE
    } else {
        preset
    }
}

/// Whether the address is one of Azure's dated API, which wants a version in the query.
pub(super) fn is_azure_dated(base_url: &str) -> bool {
    base_url.contains(AZURE_PATH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_preset_is_found_by_its_name_and_sends_no_key_in_the_clear() {
        for preset in &PRESETS {
            assert_eq!(named(preset.name), Some(preset), "{}", preset.name);
            let Some(base) = preset.base_url else {
                continue;
            };
            let is_safe = base.starts_with("https://") || base.starts_with("http://127.0.0.1:");
            assert!(is_safe && !base.ends_with('/'), "{base}");
        }
        assert_eq!(named("other"), None);
    }
}
