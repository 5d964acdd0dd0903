#![allow(clippy::unwrap_used)]

use super::{
    key::{SecretUriText, SignerSource},
    *,
};
use llm_oracle_llm::ProviderConfig;
use llm_oracle_relayer::Limits;
use llm_oracle_store::UrlSource;
use std::fs;

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oracle.toml");
    fs::write(&path, text).unwrap();
    (folder, path)
}

fn load_file(text: &str) -> Result<Settings, ConfigError> {
    let (_folder, path) = file(text);
    load_with(Some(path), &Overrides::default(), &|_| None)
}

#[test]
fn flags_win_over_the_environment_and_it_wins_over_the_file() {
    let (_folder, path) = file("url = 'ws://file'\ncontract = 'in-file'\nsuri = '//File'");
    let flags = Overrides {
        url: Some("ws://flag".into()),
        ..Overrides::default()
    };
    let variable = |name: &str| match name {
        "LLM_ORACLE_URL" => Some("ws://variable".to_owned()),
        "LLM_ORACLE_CONTRACT" => Some("12".to_owned()),
        _ => None,
    };
    let settings = load_with(Some(path.clone()), &flags, &variable).unwrap();
    assert_eq!(settings.url, "ws://flag");
    // Text that looks like a number stays text.
    assert_eq!(settings.contract.as_deref(), Some("12"));
    let origins = settings.origins();
    let origin = |key: &str| {
        let (_, value, origin) = origins.iter().find(|(name, ..)| *name == key).unwrap();
        (value.as_str(), origin.as_str())
    };
    assert_eq!(origin("url"), ("ws://flag", "flag --url"));
    assert_eq!(
        origin("contract"),
        ("12", "environment variable LLM_ORACLE_CONTRACT")
    );
    assert_eq!(origin("key"), ("***", path.to_str().unwrap()));
    assert_eq!(origin("code_hash"), ("-", "default"));
}

#[test]
fn a_key_from_a_stronger_place_wins_whatever_its_form() {
    let (_folder, path) = file("suri = '//File'");
    let flags = Overrides {
        key_file: Some("k".into()),
        ..Overrides::default()
    };
    let settings = load_with(Some(path), &flags, &|_| None).unwrap();
    assert!(
        matches!(settings.key, Some(SignerSource::File(_))),
        "{:?}",
        settings.key
    );
}

/// The model and the place that decided about it.
fn model_and_origin(
    text: &str,
    flag: Option<&str>,
    variable: Option<&str>,
) -> Result<(String, String), ConfigError> {
    let (_folder, path) = file(text);
    let flags = Overrides {
        model_file: flag.map(PathBuf::from),
        ..Overrides::default()
    };
    let variable = |name: &str| match name {
        "LLM_ORACLE_MODEL" => variable.map(str::to_owned),
        _ => None,
    };
    let settings = load_with(Some(path), &flags, &variable)?;
    let origins = settings.origins();
    let (_, model, origin) = origins.iter().find(|(name, ..)| *name == "model").unwrap();
    Ok((model.clone(), origin.clone()))
}

#[test]
fn a_model_file_from_a_stronger_place_is_the_local_models_file() {
    let local = "[model]\nprovider = 'local'\npath = '/f.gguf'\nthreads = 7";
    let variable = "environment variable LLM_ORACLE_MODEL";
    for (text, flag, environment, model, origin) in [
        ("", None, Some("/v.gguf"), "local /v.gguf", variable),
        (local, None, Some("/v.gguf"), "local /v.gguf", variable),
        (
            local,
            Some("/m.gguf"),
            Some("/v.gguf"),
            "local /m.gguf",
            "flag --model-file",
        ),
    ] {
        let found = model_and_origin(text, flag, environment).unwrap();
        assert_eq!(
            (found.0.as_str(), found.1.as_str()),
            (model, origin),
            "{text}"
        );
    }
    // Relative to where the command runs, not to the settings; the rest of [model] stays.
    let (_folder, path) = file(local);
    let variable = |name: &str| (name == "LLM_ORACLE_MODEL").then(|| "v.gguf".to_owned());
    let settings = load_with(Some(path), &Overrides::default(), &variable).unwrap();
    let ProviderConfig::Local { path, threads, .. } = &settings.model.0[0].provider else {
        panic!("{:?}", settings.model);
    };
    assert_eq!((path.clone(), *threads), (PathBuf::from("v.gguf"), 7));
}

#[test]
fn a_model_file_never_takes_the_place_of_another_provider() {
    let text = "[model]\nprovider = 'openai'\nbase_url = 'https://host/v1'\nmodel = 'm'";
    let (model, origin) = model_and_origin(text, None, Some("/v.gguf")).unwrap();
    assert_eq!(model, "openai m");
    assert!(origin.ends_with("oracle.toml"), "{origin}");
    let refused = model_and_origin(text, Some("/m.gguf"), None).unwrap_err();
    assert!(
        matches!(refused, ConfigError::ModelFlag("openai")),
        "{refused}"
    );
}

#[test]
fn an_unknown_key_is_refused_with_its_name_and_file() {
    for (text, key) in [
        ("ulr = 'ws://x'", "ulr"),
        ("[limits]\nmin_rewards = 1", "min_rewards"),
        ("[[operators]]\nsury = '//A'", "sury"),
        (
            "[model]\nprovider = 'local'\npath = 'x'\nthread = 1",
            "thread",
        ),
    ] {
        let why = load_file(text).unwrap_err().to_string();
        assert!(why.contains(key) && why.contains("oracle.toml"), "{why}");
    }
}

#[test]
fn a_wrong_type_or_a_missing_file_is_refused_with_its_place() {
    let why = load_file("url = 7").unwrap_err().to_string();
    assert!(why.contains("url") && why.contains("oracle.toml"), "{why}");
    let missing = PathBuf::from("/nowhere/at-all.toml");
    let why = load_with(Some(missing), &Overrides::default(), &|_| None)
        .unwrap_err()
        .to_string();
    assert!(why.contains("/nowhere/at-all.toml"), "{why}");
}

#[test]
fn paths_in_a_file_are_beside_it() {
    let (folder, path) = file(
        "key_file = 'me.key'\nstore = 'store'\n[[operators]]\nsuri_file = 'a.key'\n[model]\nprovider = 'local'\npath = 'm.gguf'",
    );
    let settings = load_with(Some(path), &Overrides::default(), &|_| None).unwrap();
    assert_eq!(settings.store, folder.path().join("store"));
    assert_eq!(
        describe_model(&settings.model),
        format!("local {}", folder.path().join("m.gguf").display())
    );
    assert_eq!(
        settings.operators[0].suri_file,
        Some(folder.path().join("a.key"))
    );
    assert_eq!(
        settings.key.unwrap().describe(),
        folder.path().join("me.key").display().to_string()
    );
}

#[test]
fn files_of_the_other_providers_are_beside_it_too() {
    for (text, name) in [
        (
            "[model]\nprovider = 'openai'\nbase_url = 'https://h/v1'\nmodel = 'm'\napi_key_file = 'api.key'",
            "api.key",
        ),
        (
            "[model]\nprovider = 'scripted'\nanswer = 'yes'\ncalls_file = 'calls'",
            "calls",
        ),
    ] {
        let (folder, path) = file(text);
        let settings = load_with(Some(path), &Overrides::default(), &|_| None).unwrap();
        let found = match settings.model.0[0].provider.clone() {
            ProviderConfig::Hosted(server) => server.api_key_file,
            ProviderConfig::Scripted { calls_file, .. } => calls_file,
            ProviderConfig::Local { .. } => None,
        };
        assert_eq!(found, Some(folder.path().join(name)));
    }
}

#[test]
fn several_models_are_asked_in_the_order_of_the_file() {
    let two = "[[models]]\nprovider = 'openai'\nbase_url = 'https://h/v1'\nmodel = 'm'\nmax_spend_per_day = '9'\n[[models]]\nprovider = 'local'\npath = '/f.gguf'";
    let (model, origin) = model_and_origin(two, None, None).unwrap();
    assert_eq!(model, "openai m, then local /f.gguf");
    assert!(origin.ends_with("oracle.toml"), "{origin}");
    let (model, origin) = model_and_origin(two, Some("/g.gguf"), None).unwrap();
    assert_eq!(model, "openai m, then local /g.gguf");
    assert_eq!(origin, "flag --model-file");
    let settings = load_file(two).unwrap();
    assert_eq!(settings.model.0[0].limits.max_spend_per_day, 9);
    for (text, word) in [
        (
            format!("{two}\n[model]\nprovider = 'local'\npath = 'm'"),
            "keep one",
        ),
        ("models = []".to_owned(), "at least one provider"),
        (two.replace("max_spend_per_day", "max_spent"), "max_spent"),
        ("[policy]\nrisk = 1".to_owned(), "risk"),
    ] {
        let why = load_file(&text).unwrap_err().to_string();
        assert!(why.contains(word), "{why}");
    }
}

#[test]
fn a_relayer_runs_on_the_same_settings() {
    let text =
        "contract = '5C'\nstore = '/s'\noperators = [{ suri = '//A' }]\n[limits]\nmax_attempts = 2";
    let config = load_file(text).unwrap().relayer().unwrap();
    assert_eq!(
        (config.contract.as_str(), config.limits.max_attempts),
        ("5C", 2)
    );
    assert_eq!(config.operators.len(), 1);
    assert!(matches!(
        load_file("store = '/s'").unwrap().relayer(),
        Err(ConfigError::NoContract)
    ));
}

#[test]
fn no_error_shows_a_secret() {
    let why = SignerSource::Uri(SecretUriText::new("canary canary canary"))
        .load()
        .unwrap_err();
    assert!(!why.to_string().contains("canary"), "{why}");
    let why = load_file("suri = 'canary'\nmistake = 1").unwrap_err();
    assert!(!format!("{why} {why:?}").contains("canary"), "{why:?}");
}

#[test]
fn what_is_shown_names_every_limit_and_hides_what_is_in_urls() {
    let settings = load_file(
        "url = 'ws://me:canary@a'\nurls = ['ws://me:canary@b/canary']\n[policy]\nmax_output_tokens = 5",
    )
    .unwrap();
    let origins = settings.origins();
    let shown = |key: &str| {
        let found = origins.iter().find(|(name, ..)| *name == key);
        found.map(|(_, value, origin)| (value.clone(), origin.ends_with("oracle.toml")))
    };
    assert_eq!(shown("url"), Some(("ws://a".to_owned(), true)));
    assert_eq!(shown("urls"), Some(("ws://b".to_owned(), true)));
    assert_eq!(
        shown("policy.max_output_tokens"),
        Some(("5".to_owned(), true))
    );
    assert_eq!(shown("policy.min_profit"), Some(("0".to_owned(), false)));
    for (key, _) in Limits::default().shown() {
        assert!(shown(key).is_some(), "{key}");
    }
}

#[test]
fn a_shared_database_is_shown_without_its_password_and_lives_by_its_address() {
    let text = "store_url = 'postgresql://me:canary@localhost/oracle'\nstore_lease_ttl_ms = 5000";
    let (_folder, path) = file(text);
    let settings = load_with(Some(path), &Overrides::default(), &|_| None).unwrap();
    let shared = settings.shared.as_ref().unwrap();
    assert_eq!((shared.lease_ms, &shared.ca_file), (5_000, &None));
    let shown: Vec<String> = settings.origins().into_iter().map(|row| row.1).collect();
    assert!(shown.contains(&"postgresql://me:***@localhost/oracle".to_owned()));
    assert!(!shown.join(" ").contains("canary"));
    // The name of version 0.3 is accepted for one release, and its origin is found.
    let settings = load_file(&text.replace("lease_ttl_ms", "lease_ms")).unwrap();
    let origins = settings.origins();
    let lease = origins.iter().find(|row| row.0 == "store_lease_ttl_ms");
    assert!(lease.is_some_and(|row| row.1 == "5000" && row.2.ends_with("oracle.toml")));
    // In a file beside the settings; a variable wins over it.
    let (folder, path) = file("store_url_file = 'url'\nstore_ca_file = 'ca.pem'");
    let settings = load_with(Some(path.clone()), &Overrides::default(), &|_| None).unwrap();
    let shared = settings.shared.unwrap();
    assert_eq!(shared.url, UrlSource::File(folder.path().join("url")));
    assert_eq!(shared.ca_file, Some(folder.path().join("ca.pem")));
    let variable = |name: &str| {
        (name == "LLM_ORACLE_STORE_URL").then(|| "postgresql://me@localhost/other".to_owned())
    };
    let settings = load_with(Some(path), &Overrides::default(), &variable).unwrap();
    let place = settings.shared.unwrap().place();
    assert_eq!(place, "postgresql://me:***@localhost/other");
    for (text, part) in [
        ("store_lease_ttl_ms = 5000", "store_url"),
        ("store_ca_file = 'ca.pem'", "store_url"),
        (
            "store_url = 'postgresql://me@localhost/o'\nstore_lease_ttl_ms = 999",
            "1000 to 600000",
        ),
    ] {
        let (_folder, path) = file(text);
        let refused = load_with(Some(path), &Overrides::default(), &|_| None).unwrap_err();
        assert!(refused.to_string().contains(part), "{refused}");
    }
}

#[test]
fn a_node_on_another_machine_is_reached_by_an_encrypted_way() {
    let relayer = |nodes: &str| {
        let settings = load_file(&format!("contract = 'c'\n{nodes}")).unwrap();
        settings.relayer().map(|_| ())
    };
    for far in [
        "url = 'ws://node.example:9944'",
        "url = 'WS://10.0.0.7'",
        "url = 'ws://localhost.example'",
        "url = 'ws://127.0.0.1@node.example'",
        "url = 'ws://[2001:db8::1]:9944/rpc'",
        "url = 'ws://127.0.0.1:9944'\nurls = ['wss://a.example', 'ws://user:canary@b.example']",
    ] {
        let error = relayer(far).unwrap_err().to_string();
        assert!(error.contains("allow_plaintext_nodes"), "{far}: {error}");
        assert!(!error.contains("canary"), "{error}");
        assert!(relayer(&format!("{far}\nallow_plaintext_nodes = true")).is_ok());
    }
    for near in [
        "url = 'ws://127.0.0.1:9944'",
        "url = 'ws://localhost:9944'",
        "url = 'ws://user@[::1]:9944'",
        "url = 'wss://node.example'",
    ] {
        assert!(relayer(near).is_ok(), "{near}");
    }
}
