//! Checks that the model that was asked is the one that answered, and that it got the whole question.

use super::{chat::ChatMessage, settings::ServerProfile};
use serde_json::Value;

/// Prompts of fewer words fit every server's window.
const WORDS_MIN: u64 = 500;
/// Of a hundred words, servers must count at least as many tokens: some join frequent words to one.
const TOKENS_PER_HUNDRED_WORDS: u64 = 90;

/// Whether a reported name is that of the model that was asked, or one the settings accept.
pub(super) fn is_accepted(profile: &ServerProfile, reported: &str) -> bool {
    profile.accepts_any_model
        || is_same_model(&profile.model, reported)
        || profile
            .accepted_models
            .iter()
            .any(|name| is_same_model(name, reported))
}

/// Names are the same with and without the maker's prefix, a path, and what tells the version or the
/// file: `gpt-4o` answers as `openai/gpt-4o-2024-08-06`, and `llama3` as `llama3:latest`.
fn is_same_model(asked: &str, reported: &str) -> bool {
    let (asked, reported) = (plain_name(asked), plain_name(reported));
    asked == reported || without_version(&asked) == without_version(&reported)
}

fn plain_name(name: &str) -> String {
    let name = name.to_lowercase();
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let last = without_cloud(last);
    last.trim_end_matches(".gguf").replace(['_', ' '], "-")
}

/// A cloud's name of a model without region and maker before it and the instance behind it, such as
/// `us.anthropic.claude-3-5-sonnet-20241022-v2:0`.
fn without_cloud(name: &str) -> &str {
    let instance = name.rsplit_once(':').and_then(|(before, instance)| {
        let (plain, version) = before.rsplit_once("-v")?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        (is_number(version) && is_number(instance)).then_some(plain)
    });
    // Only names with an instance have the rest: elsewhere a period is part of a name.
    let Some(mut name) = instance else {
        return name;
    };
    while let Some((maker, rest)) = name.split_once('.') {
        if !maker.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            break;
        }
        name = rest;
    }
    name
}

/// A name without the date, number or word of a version at its end. What may be another model's name,
/// such as `mini` or the `1` of `gpt-4.1`, stays.
fn without_version(name: &str) -> &str {
    let mut name = name;
    while let Some((before, part)) = name.rsplit_once(['-', ':', '@', '.']) {
        let mark = name.get(before.len()..).unwrap_or_default();
        if before.is_empty() || !is_version(part, mark.starts_with([':', '@'])) {
            break;
        }
        name = before;
    }
    name
}

fn is_version(part: &str, is_tag: bool) -> bool {
    const WORDS: [&str; 9] = [
        "latest", "preview", "exp", "beta", "free", "fp8", "fp16", "bf16", "0",
    ];
    let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
    // Dates come in parts, such as 2024-08-06, and instances of a model as a tag.
    let is_date = is_number && (part.len() >= 2 || is_tag);
    part.is_empty() || is_date || WORDS.contains(&part) || is_quantisation(part)
}

/// Such as `q4` and `k`, `m` of `Q4_K_M`, `awq`, `4bit`.
fn is_quantisation(part: &str) -> bool {
    let numbered = part.strip_prefix('q').or_else(|| part.strip_prefix("iq"));
    let is_numbered = numbered.is_some_and(|n| n.bytes().all(|byte| byte.is_ascii_digit()));
    is_numbered
        || matches!(
            part,
            "k" | "m" | "s" | "l" | "awq" | "gptq" | "4bit" | "8bit" | "mlx"
        )
}

/// A prompt that the server seems to have cut, with the words sent and the tokens it counted. Every
/// tokenizer makes at least one token of a word, or nearly.
pub(super) fn cut_prompt(messages: &[ChatMessage], usage: &Value) -> Option<(u64, u64)> {
    let counted = input_tokens(usage).filter(|count| *count > 0)?;
    let words = messages
        .iter()
        .map(|message| message.content.split_whitespace().count())
        .fold(0, usize::saturating_add);
    let words = u64::try_from(words).unwrap_or(u64::MAX);
    let least = words.saturating_mul(TOKENS_PER_HUNDRED_WORDS).div_ceil(100);
    (words >= WORDS_MIN && counted < least).then_some((words, counted))
}

/// Tokens of the prompt, with those that the server had in a cache.
fn input_tokens(usage: &Value) -> Option<u64> {
    if let Some(count) = usage["prompt_tokens"].as_u64() {
        return Some(count);
    }
    let cached = ["cache_creation_input_tokens", "cache_read_input_tokens"];
    let cached = cached
        .iter()
        .filter_map(|name| usage[*name].as_u64())
        .fold(0, u64::saturating_add);
    Some(usage["input_tokens"].as_u64()?.saturating_add(cached))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_model_is_known_by_its_name_in_the_forms_that_servers_use() {
        for (asked, reported) in [
            ("gpt-4o", "gpt-4o-2024-08-06"),
            ("openai/gpt-4o", "gpt-4o-2024-08-06"),
            ("gemini-2.5-flash", "models/gemini-2.5-flash"),
            ("llama3.2", "llama3.2:latest"),
            ("claude-opus-4-0", "claude-opus-4-20250514"),
            ("deepseek/deepseek-r1:free", "deepseek/deepseek-r1"),
            ("qwen3-8b", "/models/Qwen3-8B-Q4_K_M.gguf"),
            ("mistral-large-latest", "mistral-large-2411"),
            ("M", "m"),
            (
                "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
                "claude-3-5-sonnet-20241022",
            ),
            (
                "mistral.mixtral-8x7b-instruct-v0:1",
                "mixtral-8x7b-instruct",
            ),
        ] {
            assert!(is_same_model(asked, reported), "{asked} {reported}");
        }
        for (asked, reported) in [
            ("qwen3-32b", "gemma-3-1b-it-qat:2"),
            ("gpt-4o", "gpt-4o-mini"),
            ("gpt-4o-mini", "gpt-4o"),
            ("o1", "o1-pro"),
            ("gpt-4", "gpt-4.1"),
            ("gpt-4", "gpt-4-turbo"),
            ("gpt-4", "gpt-5"),
            ("m", "mixtral"),
            ("deepseek-v2", "deepseek-v3"),
            ("meta.llama3-70b-instruct-v1:0", "llama3-8b-instruct"),
        ] {
            assert!(!is_same_model(asked, reported), "{asked} {reported}");
        }
    }

    #[test]
    fn a_prompt_with_fewer_tokens_than_words_was_cut() {
        let sent = |words: usize| {
            let content = "wet? ".repeat(words);
            [ChatMessage {
                role: "user",
                content,
            }]
        };
        for (words, usage, is_cut) in [
            (3_000, json!({ "prompt_tokens": 2_050 }), true),
            (3_000, json!({ "prompt_tokens": 2_800 }), false),
            (100, json!({ "prompt_tokens": 20 }), false),
            (3_000, json!({ "prompt_tokens": 0 }), false),
            (3_000, json!(null), false),
            (
                3_000,
                json!({ "input_tokens": 50, "cache_read_input_tokens": 2_990 }),
                false,
            ),
            (3_000, json!({ "input_tokens": 1_000 }), true),
        ] {
            assert_eq!(
                cut_prompt(&sent(words), &usage).is_some(),
                is_cut,
                "{words} {usage}"
            );
        }
    }
}
