//! What an answer costs at most, and what it cost by its record.

use super::{call_limits::CallCost, ModelQuestion};
use llm_oracle_primitives::AnswerKind;
use serde_json::Value;

/// Bytes sent to a server beside the question: instructions, and the second turn.
const FRAME_BYTES: u64 = 2_048;
/// Most requests for one answer: the question, and one correction of a malformed reply.
const REQUESTS_PER_ANSWER_MAX: u32 = 2;

/// Upper bound of a question's cost. A token has at least one byte.
pub(super) fn max_cost(question: &ModelQuestion, thinking_tokens: u32, samples: u32) -> CallCost {
    let bytes = |text: &str| u64::try_from(text.len()).unwrap_or(u64::MAX);
    let form = match &question.answer {
        AnswerKind::Choice { options } => options.iter().map(|option| option.len() as u64).sum(),
        AnswerKind::Json { schema } => schema.len() as u64,
        _ => 0_u64,
    };
    let system = question.system.as_deref().map_or(0, bytes);
    // The options or schema occur twice in the second turn.
    let input = bytes(&question.prompt)
        .saturating_add(system)
        .saturating_add(form.saturating_mul(2))
        .saturating_add(FRAME_BYTES);
    let output = question.sampling.max_tokens.saturating_add(thinking_tokens);
    let requests = REQUESTS_PER_ANSWER_MAX.saturating_mul(samples.max(1));
    let each = |tokens: u64| tokens.saturating_mul(requests.into());
    CallCost {
        requests,
        input_tokens: each(input),
        output_tokens: each(output.into()),
    }
}

/// What an answer cost according to its record; the reserved cost `taken` where the record does not say.
pub fn actual_cost(record: &Value, taken: CallCost) -> CallCost {
    if record.get("not_asked").is_some() {
        return CallCost::default();
    }
    let requests = requests_of(record);
    let Some((input_tokens, output_tokens)) = reported_tokens(record) else {
        return CallCost { requests, ..taken };
    };
    CallCost {
        requests,
        input_tokens,
        output_tokens,
    }
}

/// Requests that a record has: those that were answered, and those that were refused for their form.
pub(super) fn requests_of(record: &Value) -> u32 {
    let refused = count_of(record, "refused_requests").unwrap_or_default();
    runs_of(record).saturating_add(refused)
}

fn runs_of(record: &Value) -> u32 {
    count_of(record, "exchanges").unwrap_or(1)
}

fn count_of(record: &Value, name: &str) -> Option<u32> {
    let list = record.get(name).and_then(Value::as_array)?;
    Some(u32::try_from(list.len()).unwrap_or(u32::MAX))
}

/// Tokens in and out of all runs on record; `None` where one of them does not say.
pub(super) fn reported_tokens(record: &Value) -> Option<(u64, u64)> {
    // The usage on record is the last exchange's, and that is the longer one.
    let last = vec![record.get("usage").unwrap_or(&Value::Null)];
    let (each, times) = match record.get("usages").and_then(Value::as_array) {
        Some(all) => (all.iter().collect(), 1),
        None => (last, runs_of(record).into()),
    };
    let mut sum = (0_u64, 0_u64);
    for usage in each {
        let (input, output) = tokens_of(usage)?;
        sum.0 = sum.0.saturating_add(input);
        sum.1 = sum.1.saturating_add(output);
    }
    Some((sum.0.saturating_mul(times), sum.1.saturating_mul(times)))
}

/// Tokens in and out. What a server only counts in sum is taken for generated, which costs more. Some
/// count thinking in the sum alone.
fn tokens_of(usage: &Value) -> Option<(u64, u64)> {
    let count = |name: &str| usage.get(name).and_then(Value::as_u64);
    let cached = ["cache_creation_input_tokens", "cache_read_input_tokens"]
        .iter()
        .filter_map(|name| count(name))
        .fold(0, u64::saturating_add);
    let of_messages = || Some(count("input_tokens")?.saturating_add(cached));
    let input = count("prompt_tokens").or_else(of_messages);
    let output = count("completion_tokens").or_else(|| count("output_tokens"));
    match (input, output, count("total_tokens")) {
        (Some(input), output, Some(total)) => {
            let rest = total.saturating_sub(input);
            Some((input, rest.max(output.unwrap_or_default())))
        }
        (Some(input), Some(output), None) => Some((input, output)),
        (None, output, Some(total)) => Some((0, total.max(output.unwrap_or_default()))),
        _ => None,
    }
}
