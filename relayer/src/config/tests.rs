#![allow(clippy::unwrap_used)]

use super::*;
use std::{fs, os::unix::fs::PermissionsExt};

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
    let flags = Overrides { url: Some("ws://flag".into()), ..Overrides::default() };
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
    assert_eq!(origin("contract"), ("12", "environment variable LLM_ORACLE_CONTRACT"));
    assert_eq!(origin("key"), ("***", path.to_str().unwrap()));
    assert_eq!(origin("code_hash"), ("-", "default"));
}

#[test]
fn a_key_from_a_stronger_place_wins_whatever_its_form() {
    let (_folder, path) = file("suri = '//File'");
    let flags = Overrides { key_file: Some("k".into()), ..Overrides::default() };
    let settings = load_with(Some(path), &flags, &|_| None).unwrap();
    assert!(matches!(settings.key, Some(KeySource::File(_))), "{:?}", settings.key);
}

#[test]
fn a_model_file_from_a_stronger_place_replaces_the_files_model() {
    let (_folder, path) = file("[model]\nprovider = 'scripted'\nanswer = 'yes'");
    let none = Overrides::default();
    let settings = load_with(Some(path.clone()), &none, &|_| None).unwrap();
    assert!(matches!(settings.model, ProviderConfig::Scripted { .. }));
    let flags = Overrides { model_file: Some("/m.gguf".into()), ..none };
    let settings = load_with(Some(path), &flags, &|_| None).unwrap();
    assert_eq!(describe_model(&settings.model), "local /m.gguf");
}

#[test]
fn an_unknown_key_is_refused_with_its_name_and_file() {
    for (text, key) in [
        ("ulr = 'ws://x'", "ulr"),
        ("[relayer]\nstor = 'x'", "stor"),
        ("[[relayer.operators]]\nsury = '//A'", "sury"),
        ("[model]\nprovider = 'local'\npath = 'x'\nthread = 1", "thread"),
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
    let why = load_with(Some(missing), &Overrides::default(), &|_| None).unwrap_err().to_string();
    assert!(why.contains("/nowhere/at-all.toml"), "{why}");
}

#[test]
fn paths_in_a_file_are_beside_it() {
    let (folder, path) = file(
        "key_file = 'me.key'\n[model]\nprovider = 'local'\npath = 'm.gguf'\n[relayer]\nstore = 'store'",
    );
    let settings = load_with(Some(path), &Overrides::default(), &|_| None).unwrap();
    assert_eq!(settings.relayer.store, folder.path().join("store"));
    assert_eq!(
        describe_model(&settings.model),
        format!("local {}", folder.path().join("m.gguf").display())
    );
    assert_eq!(
        settings.key.unwrap().describe(),
        folder.path().join("me.key").display().to_string()
    );
}

#[test]
fn an_operator_has_exactly_one_key() {
    for text in ["[[relayer.operators]]", "[[relayer.operators]]\nsuri = '//A'\nkey_file = 'k'"] {
        assert!(matches!(load_file(text), Err(ConfigError::Wrong(_))), "{text}");
    }
}

#[test]
fn a_key_file_must_be_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("me.key");
    fs::write(&path, "//Alice\n").unwrap();
    let load = |mode| {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        KeySource::File(path.clone()).load()
    };
    let alice = KeySource::Uri(SecretUriText::new("//Alice")).load().unwrap();
    assert_eq!(load(0o600).unwrap().public_key().0, alice.public_key().0);
    for mode in [0o640, 0o604, 0o644] {
        let why = load(mode).unwrap_err().to_string();
        assert!(why.contains(&format!("{mode:04o}")) && why.contains("chmod 600"), "{why}");
    }
}

#[test]
fn no_error_shows_a_secret() {
    let why = KeySource::Uri(SecretUriText::new("canary canary canary")).load().unwrap_err();
    assert!(!why.to_string().contains("canary"), "{why}");
    let why = load_file("suri = 'canary'\nmistake = 1").unwrap_err();
    assert!(!format!("{why} {why:?}").contains("canary"), "{why:?}");
}
