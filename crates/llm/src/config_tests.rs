#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn each_provider_reads_from_toml_and_unknown_keys_are_refused() {
    let local: ProviderConfig = toml::from_str("provider = 'local'\npath = 'm.gguf'").unwrap();
    let expected = ProviderConfig::Local {
        path: "m.gguf".into(),
        threads: 2,
        name: None,
    };
    assert_eq!(local, expected);
    let openai =
        "provider = 'openai'\nbase_url = 'https://host/v1'\nmodel = 'm'\napi_key_env = 'K'";
    assert!(toml::from_str::<ProviderConfig>(openai).is_ok());
    let anthropic = openai.replace("openai", "anthropic");
    let anthropic: ProviderConfig = toml::from_str(&anthropic).unwrap();
    assert_eq!(anthropic.name(), "anthropic");
    let scripted = "provider = 'scripted'\nanswer = 'yes'\ndelay_ms = 5\n[answers]\n'p q?' = 'no'";
    assert!(toml::from_str::<ProviderConfig>(scripted).is_ok());
    let limited = "provider = 'scripted'\nanswer = 'yes'\nmoney_a_day = '20000000000000000000'\ncalls_at_once = 2\nmax_tokens_per_minute = 9";
    let model: ModelConfig = toml::from_str(limited).unwrap();
    assert_eq!(model.limits.max_spend_per_day, 20_000_000_000_000_000_000);
    let limits = model.limits;
    assert_eq!(
        (limits.max_concurrent_calls, limits.max_tokens_per_minute),
        (2, 9)
    );
    for (bad, word) in [
        (
            "provider = 'local'\npath = 'm'\nmax_spent_per_day = 2",
            "max_spent_per_day",
        ),
        (
            "provider = 'local'\npath = 'm'\nmoney_a_day = 'x'",
            "planck",
        ),
    ] {
        let error = toml::from_str::<ModelConfig>(bad).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    for (bad, word) in [
        ("provider = 'local'\npath = 'm'\nthread = 2", "thread"),
        ("provider = 'other'", "openrouter"),
        ("path = 'm'", "provider"),
        ("provider = 'openai'\nbase_url = 'https://h'", "model"),
        (
            "provider = 'mistral'\nmodel = 'm'\nthinking = 2",
            "thinking",
        ),
    ] {
        let error = toml::from_str::<ProviderConfig>(bad)
            .unwrap_err()
            .to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn every_setting_of_a_server_is_read() {
    let text = r#"
        provider = "anthropic"
        base_url = "https://models.example/v1"
        model = "some-model"
        name = "some-name"
        api_key_command = ["program", "argument"]
        api_key_renew_after_s = 3000
        key_header = "authorization"
        key_prefix = "Bearer "
        headers = { "X-Project" = "oracle" }
        headers_env = { "X-Gateway-Key" = "GATEWAY_KEY" }
        query = { "api-version" = "2024-10-21" }
        body = { reasoning_effort = "low", thinking = { type = "enabled", budget_tokens = 4096 } }
        omit = ["temperature"]
        max_tokens_parameter = "max_tokens"
        seed_parameter = "seed"
        instruction = "user"
        thinking_tokens = 4096
        accepted_models = ["*"]
        check_prompt_tokens = false
        timeout_ms = 9
        planck_per_million_input_tokens = 2
        planck_per_million_output_tokens = "10"
    "#;
    let model: ModelConfig = toml::from_str(text).unwrap();
    let ProviderConfig::Hosted(server) = model.provider else {
        unreachable!("it is on a server");
    };
    assert_eq!((server.provider, server.timeout_ms), ("anthropic", 9));
    assert_eq!(server.api_key_renew_after_s, 3_000);
    assert!(!format!("{server:?}").contains("argument"));
    assert_eq!(server.body["thinking"]["budget_tokens"], 4_096);
    assert_eq!(model.limits.planck_per_million_output_tokens, 10);
    let plain = "provider = 'mistral'\nmodel = 'm'";
    let plain: ProviderConfig = toml::from_str(plain).unwrap();
    assert_eq!(build(&plain).unwrap().name(), "m");
    for (line, word) in [
        ("omit = ['model']", "`omit` names 'model'"),
        ("body = { messages = [] }", "`body` has 'messages'"),
        ("timeout_ms = 0", "`timeout_ms` is 0"),
        ("headers = { 'a b' = 'c' }", "'a b' is no header"),
        ("headers = { a = \"\\n\" }", "`headers`"),
        ("provider = 'azure'", "`base_url` is missing"),
    ] {
        let provider = if line.starts_with("provider") {
            ""
        } else {
            "provider = 'openai'\n"
        };
        let text = format!("{provider}model = 'm'\n{line}");
        let config: ProviderConfig = toml::from_str(&text).unwrap();
        let Err(error) = build(&config) else {
            unreachable!("{line} is refused");
        };
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn old_names_of_limits_are_read_for_one_release() {
    let read = |line: &str| {
        let text = format!("provider = 'scripted'\nanswer = 'yes'\n{line}");
        toml::from_str::<ModelConfig>(&text).map(|model| model.limits)
    };
    for (old, new) in [
        ("calls_at_once = 7", "max_concurrent_calls = 7"),
        ("requests_a_minute = 7", "max_requests_per_minute = 7"),
        ("tokens_a_day = 7", "max_tokens_per_day = 7"),
        ("money_a_day = '7'", "max_spend_per_day = '7'"),
    ] {
        let limits = read(old).unwrap();
        assert_ne!(limits, CallLimits::default(), "{old}");
        assert_eq!(limits, read(new).unwrap(), "{old}");
        // Two values for one setting: neither of them wins.
        let error = read(&format!("{old}\n{new}")).unwrap_err().to_string();
        assert!(error.contains("duplicate field"), "{error}");
    }
}
