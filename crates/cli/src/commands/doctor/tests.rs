#![allow(clippy::unwrap_used)]

use super::*;
use crate::{log::LogControl, output::Output};

fn context(text: &str) -> (tempfile::TempDir, CommandContext) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relayer.toml");
    std::fs::write(&path, text).unwrap();
    let (flags, out) = (Overrides::default(), Output::new(true));
    let context = CommandContext::load(Some(&path), flags, out, LogControl::over(|_| ())).unwrap();
    (folder, context)
}

#[test]
fn contracts_that_nobody_built_here_are_no_fault_unless_the_settings_name_them() {
    let CheckResult::Skipped(why) = artifacts_in(Path::new("/no/such/folder"), false) else {
        unreachable!("a relayer needs no contracts");
    };
    assert!(
        why.contains("/no/such/folder") && why.contains("deploy"),
        "{why}"
    );
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        artifacts_in(folder.path(), true),
        CheckResult::Failed(_)
    ));
    std::fs::write(folder.path().join(ORACLE_WASM), "code").unwrap();
    assert!(matches!(
        artifacts_in(folder.path(), true),
        CheckResult::Passed(_)
    ));
}

#[test]
fn what_only_the_service_can_read_is_not_called_wrong_from_a_shell() {
    let operator = |path: &str| KeySource {
        suri_file: Some(path.into()),
        ..KeySource::default()
    };
    let held = operator("$CREDENTIALS_DIRECTORY/operator.key");
    assert!(credential_of(&held).is_some());
    assert!(credential_of(&operator("/etc/llm-oracle/operator.key")).is_none());
    let server = "[model]\nprovider = \"openai\"\nmodel = \"m\"\napi_key_file = ";
    let (_folder, held) = context(&format!("{server}\"$CREDENTIALS_DIRECTORY/api.key\""));
    assert!(api_key_credential(&held).is_some());
    let (_folder, other) = context(&format!("{server}\"api.key\""));
    assert!(api_key_credential(&other).is_none());
}

#[tokio::test]
async fn a_machine_that_only_runs_a_relayer_can_be_healthy() {
    // Nothing listens there: only what needs the node fails.
    let text = "url = \"ws://127.0.0.1:1\"\ncontract = \"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY\"\n[[operators]]\nsuri_file = \"$CREDENTIALS_DIRECTORY/operator.key\"\n[model]\nprovider = \"openai\"\nmodel = \"m\"\napi_key_file = \"$CREDENTIALS_DIRECTORY/api.key\"";
    let (_folder, mut context) = context(text);
    context.settings.artifacts = "/no/such/folder".into();
    let mut checks = all_checks(&context).await;
    // Where this test runs the environment may name a folder.
    if context.settings.is_set("artifacts") {
        checks.retain(|check| check.name != "artifacts");
    }
    let failed: Vec<_> = checks
        .iter()
        .filter(|check| matches!(check.result, CheckResult::Failed(_)))
        .map(|check| check.name)
        .collect();
    assert_eq!(failed, ["node", "contract", "clock"]);
    let json: Vec<Value> = checks.iter().map(check_json).collect();
    let skipped = json.iter().filter(|check| check["ok"].is_null());
    let skipped: Vec<_> = skipped.map(|check| check["name"].clone()).collect();
    assert_eq!(skipped[..4], ["key", "operator", "model", "provider"]);
}
