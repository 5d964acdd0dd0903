#![allow(clippy::unwrap_used)]

use super::*;
use crate::{output::Output, relayer_task::built_models};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Arc, Mutex},
};

const FILE: &str = r#"
    contract = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
    store = "store"
    [limits]
    min_reward = 1
    [model]
    provider = "openai"
    model = "some-model"
    api_key_file = "key"
"#;

/// A settings file with what reads it again, and the log filters that were set.
struct Setup {
    folder: tempfile::TempDir,
    filters: Arc<Mutex<Vec<String>>>,
    reload: SettingsReload,
}

fn write_key(folder: &Path, key: &str) {
    let path = folder.join("key");
    fs::write(&path, key).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn setup() -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relayer.toml");
    fs::write(&path, FILE).unwrap();
    write_key(folder.path(), "sk-one");
    let filters = Arc::<Mutex<Vec<String>>>::default();
    let set = filters.clone();
    let log = LogControl::over(move |filter| set.lock().unwrap().push(filter.to_string()));
    let flags = Overrides::default();
    let context = CommandContext::load(Some(&path), flags, Output::new(true), log).unwrap();
    let models = built_models(&context.settings.model).unwrap();
    let reload = SettingsReload::new(&context, models).unwrap();
    Setup {
        folder,
        filters,
        reload,
    }
}

impl Setup {
    fn read(&mut self, text: &str) -> Result<ReloadReport, CliError> {
        fs::write(self.folder.path().join("relayer.toml"), text).unwrap();
        self.reload.read().map(|live| live.report().clone())
    }
}

#[test]
fn a_reload_tells_what_it_takes_over_and_what_takes_a_restart() {
    let mut setup = setup();
    let same = setup.read(FILE).unwrap();
    assert!(same.applied.is_empty() && same.needs_restart.is_empty());
    assert!(same.to_string().contains("no value changed"), "{same}");
    let other = FILE
        .replace("min_reward = 1", "min_reward = 2")
        .replace("store = \"store\"", "store = \"other\"\nlog = \"debug\"");
    let told = setup.read(&other).unwrap();
    assert_eq!(told.applied, ["limits.min_reward", "log"]);
    assert_eq!(told.needs_restart, ["store"]);
    assert_eq!(setup.filters.lock().unwrap().last().unwrap(), "debug");
    // What is in force is not taken over again; what waits for a restart goes on waiting.
    let again = setup.read(&other).unwrap();
    assert!(again.applied.is_empty(), "{again}");
    assert_eq!(again.needs_restart, ["store"]);
    let told = setup.read(FILE).unwrap();
    assert!(told.needs_restart.is_empty(), "{told}");
}

#[test]
fn a_wrong_file_or_key_changes_nothing() {
    let mut setup = setup();
    let good = FILE.replace("min_reward = 1", "min_reward = 2");
    for (text, part) in [
        ("url = ".to_owned(), "line 1"),
        (
            good.replace("[limits]", "[limits]\nmin_rewards = 3"),
            "min_rewards",
        ),
        (
            good.replace("[limits]", "log = \"loud\"\n[limits]"),
            "'loud'",
        ),
        (
            good.replace("[limits]", "code_hash = \"0x12\"\n[limits]"),
            "0x12",
        ),
        (
            good.replace("[limits]", "ops = { listen = \"here\" }\n[limits]"),
            "'here'",
        ),
        (good.replace("5Grw", "6Grw"), "6Grw"),
        (good.replace("\"key\"", "\"no-key\""), "no-key"),
    ] {
        let error = setup.read(&text).unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
    write_key(setup.folder.path(), "sk two");
    let error = setup.read(&good).unwrap_err().to_string();
    assert!(
        error.contains("holds no API key") && !error.contains("two"),
        "{error}"
    );
    let filters = setup.filters.lock().unwrap().len();
    assert_eq!(filters, 1, "the start's");
    write_key(setup.folder.path(), "sk-two");
    let told = setup.read(&good).unwrap();
    assert_eq!(
        told.applied,
        ["limits.min_reward"],
        "nothing before was taken over"
    );
}
