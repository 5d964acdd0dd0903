#![allow(clippy::unwrap_used)]

use super::{super::settings::HostedConfig, *};

fn refused(code: u16, body: &Value, sent: &Value, made: &[Adjustment]) -> Option<Adjustment> {
    let mut config: HostedConfig = serde_json::from_value(json!({ "model": "m" })).unwrap();
    config.provider = "openai";
    let profile = ServerProfile::new(&config).unwrap();
    let error = ModelError::Status {
        code,
        retry_after: None,
        said: String::new(),
        is_paid: false,
    };
    wanted(&error, &ServerWords::of(body), sent, &profile, made)
}

fn sent() -> Value {
    json!({
        "messages": [{ "role": "system" }, { "role": "user" }],
        "temperature": 0.0,
        "seed": 0,
        "max_tokens": 64,
        "stream": false,
    })
}

#[test]
fn what_is_refused_is_found_among_what_is_named() {
    use Adjustment::{InstructionInQuestion, MaxTokensName, NoThinking, Omit, Stream};
    for (body, found) in [
        (json!("Unknown parameter seed. Supported: temperature, stream, max_tokens"), Some(Omit("seed"))),
        (json!({ "message": "temperature and seed differ", "param": "seed" }), Some(Omit("seed"))),
        (json!("'temperature' is deprecated for this model."), Some(Omit("temperature"))),
        (
            json!("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."),
            Some(MaxTokensName("max_completion_tokens")),
        ),
        (json!("max_tokens is too large: 64"), None),
        (json!("Unsupported value: 'messages[0].role' does not support 'system' with this model."), Some(InstructionInQuestion)),
        (json!("System messages are not supported"), Some(InstructionInQuestion)),
        (json!("system error, send the message again"), None),
        (json!("This model only supports streaming, set stream=true"), Some(Stream)),
        (json!("unknown field `stream`"), Some(Omit("stream"))),
        (json!("parameter.enable_thinking must be set to false"), Some(NoThinking)),
        (json!("the template knows no such thing"), None),
        (json!("temperatures and random_seed"), None),
    ] {
        let body = json!({ "error": body });
        assert_eq!(refused(400, &body, &sent(), &[]), found, "{body}");
        assert_eq!(refused(500, &body, &sent(), &[]), None, "{body}");
        if let Some(found) = found {
            assert_eq!(refused(422, &body, &sent(), &[found]).filter(|other| *other == found), None);
        }
    }
}

#[test]
fn a_values_own_fault_is_told_from_the_servers_way() {
    let sampling = |temperature_milli, seed| Sampling {
        max_tokens: 1,
        temperature_milli,
        seed,
    };
    for (adjustment, temperature_milli, seed, is_of_server) in [
        (Adjustment::Omit("temperature"), 1_000, 0, true),
        (Adjustment::Omit("temperature"), 1_001, 0, false),
        (Adjustment::Omit("seed"), 0, COMMON_SEED_MAX, true),
        (Adjustment::Omit("seed"), 0, u64::MAX, false),
        (Adjustment::Omit("stream"), 2_000, u64::MAX, true),
    ] {
        let found = adjustment.is_of_server(&sampling(temperature_milli, seed));
        assert_eq!(found, is_of_server, "{adjustment}");
    }
}
