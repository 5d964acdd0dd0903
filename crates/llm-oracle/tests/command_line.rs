//! The binary as a shell sees it: exit codes, stdout, stderr. Nothing here needs a chain.

use serde_json::Value;
use std::{
    ffi::OsStr,
    fs,
    io::Read,
    path::Path,
    process::{Command, Output, Stdio},
};

/// Runs the binary in an empty world: no settings, no variables of ours.
fn oracle(home: &Path, arguments: &[&str]) -> Output {
    command(home)
        .args(arguments)
        .output()
        .expect("the binary runs")
}

fn with_variable(home: &Path, (name, value): (&str, &OsStr), arguments: &[&str]) -> Output {
    let mut command = command(home);
    command.args(arguments).env(name, value);
    command.output().expect("the binary runs")
}

fn command(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llm-oracle"));
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/nowhere")
        .stdin(Stdio::null());
    command
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Asserts the code, an empty stdout, and that stderr names all of `parts`.
fn refused(output: &Output, code: i32, parts: &[&str]) {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert_eq!(text(&output.stdout), "", "stdout is for results");
    for part in parts {
        assert!(stderr.contains(part), "'{part}' is missing in: {stderr}");
    }
}

#[test]
fn help_lists_every_verb_and_every_exit_code() {
    let output = oracle(home().path(), &["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = text(&output.stdout);
    for (code, _, meaning) in llm_oracle_cli::exit::ALL {
        assert!(
            help.contains(&format!("{code:>2}  {meaning}")),
            "{code} is missing in: {help}"
        );
    }
    for subcommand in [
        "dev", "deploy", "operator", "owner", "relayer", "ask", "show", "list", "doctor", "demo",
        "mine", "withdraw", "prune", "advance", "deliver", "config", "verify", "evidence",
    ] {
        assert!(
            help.contains(&format!("\n  {subcommand} ")),
            "{subcommand} is missing in: {help}"
        );
    }
}

#[test]
fn mistakes_in_the_arguments_are_usage() {
    let home = home();
    for (arguments, named) in [
        (&["fly"][..], "fly"),
        (&[], "Usage"),
        (&["ask", "Is it?"], "--bool"),
        (&["ask", "Is it?", "--bool", "--choice", "a,b"], "--choice"),
        (&["ask", "Is it?", "--bool", "--reward", "1.DOT"], "1.DOT"),
        (
            &["ask", "Is it?", "--bool", "--tolerance", "1"],
            "--tolerance",
        ),
        (&["ask", "Is it?", "--choice", "a"], "1 options"),
        (&["ask", "", "--bool"], "prompt is empty"),
        (&["ask", "Is it?", "--bool", "--seats", "40"], "40 seats"),
        (
            &["ask", "Is it?", "--bool", "--one-step", "--seats", "5"],
            "asks for 5",
        ),
        (&["ask", "Is it?", "--bool"], "no key is set"),
        (&["ask", "Is it?", "--text", "--max-bytes", "0"], "0 bytes"),
        (
            &["ask", "Is it?", "--json-schema", "/nowhere/schema"],
            "/nowhere/schema",
        ),
        (
            &["ask", "Is it?", "--bool", "--open", "--set", "1"],
            "--set",
        ),
        (
            &["ask", "Is it?", "--bool", "--min-agreement", "101"],
            "101",
        ),
        (&["owner"], "params"),
        (&["owner", "offer", "Alice"], "Alice"),
        (
            &["owner", "announce-upgrade", "0x12", "--suri", "//Alice"],
            "0x12",
        ),
        (
            &["operator", "report-equivocation", "--slot", "1"],
            "--request",
        ),
        (&["operator", "show"], "name an operator"),
        (&["show", "seven"], "seven"),
        (&["withdraw", "Alice", "--suri", "//Alice"], "Alice"),
        (&["dev", "--operators", "0"], "0"),
    ] {
        let output = oracle(home.path(), arguments);
        // Without arguments at all, clap prints its help to stderr.
        refused(&output, 2, &[named]);
    }
}

#[test]
fn flags_of_version_0_3_are_accepted_for_one_release() {
    let home = home();
    for arguments in [
        // Each is understood: what is wrong is found later.
        &["dev", "--model", "/nowhere/m.gguf"][..],
        &["demo", "--model", "/nowhere/m.gguf"],
    ] {
        let output = oracle(home.path(), arguments);
        let stderr = text(&output.stderr);
        assert!(!stderr.contains("unexpected argument"), "{stderr}");
        assert_ne!(output.status.code(), Some(0));
    }
    let help = text(&oracle(home.path(), &["dev", "--help"]).stdout);
    assert!(help.contains("--model-file <PATH>"), "{help}");
    assert!(!help.contains("--model <PATH>"), "{help}");
}

#[test]
fn an_error_is_json_when_json_was_asked_for() {
    let home = home();
    for arguments in [
        &["ask", "Is it?", "--bool", "--json"][..],
        &["--json", "fly"],
        &["ask", "Is it?", "--bool", "--suri", "", "--json"],
    ] {
        let output = oracle(home.path(), arguments);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(text(&output.stdout), "");
        let error: Value = serde_json::from_slice(&output.stderr).expect("one object");
        assert_eq!(error["error"]["code"], "usage");
        assert_eq!(error["error"]["exit"], 2);
        assert!(error["error"]["message"].is_string() && error["error"]["help"].is_string());
    }
}

#[test]
fn a_chain_that_does_not_answer_has_its_own_code() {
    // The discard port of this machine: nobody listens there.
    let contract = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    let arguments = [
        "show",
        "1",
        "--url",
        "ws://127.0.0.1:9",
        "--contract",
        contract,
    ];
    refused(
        &oracle(home().path(), &arguments),
        4,
        &["ws://127.0.0.1:9", "help:"],
    );
}

#[test]
fn a_contract_that_is_no_account_is_refused_before_anything_else() {
    let arguments = ["list", "--contract", "5Grw"];
    refused(
        &oracle(home().path(), &arguments),
        2,
        &["'5Grw' is no account"],
    );
}

#[test]
fn a_settings_file_with_an_unknown_key_is_refused_by_key_and_file() {
    let home = home();
    let file = home.path().join("oracle.toml");
    fs::write(&file, "contracct = 'x'\n").expect("written");
    let file = file.to_str().expect("text");
    refused(
        &oracle(home.path(), &["list", "--config", file]),
        2,
        &["contracct", "oracle.toml"],
    );
    let missing = "/nowhere/oracle.toml";
    refused(
        &oracle(home.path(), &["list", "--config", missing]),
        2,
        &[missing],
    );
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let home = home();
    let file = home.path().join("key");
    fs::write(&file, "//Alice").expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("set");
    let file = file.to_str().expect("text");
    let arguments = ["ask", "Is it?", "--bool", "--key-file", file];
    refused(
        &oracle(home.path(), &arguments),
        2,
        &[file, "644", "chmod 600"],
    );
}

#[test]
fn an_empty_key_or_one_with_a_note_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let home = home();
    let file = home.path().join("key");
    let path = file.to_str().expect("text").to_owned();
    for (text, part) in [
        ("", "is empty"),
        (" \n", "is empty"),
        ("//Alice  # mine", "at character 8"),
        ("//Alice\n//Bob\n", "at character 8"),
    ] {
        fs::write(&file, text).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
        let output = oracle(
            home.path(),
            &["ask", "Is it?", "--bool", "--key-file", &path],
        );
        refused(&output, 2, &[&path, part]);
    }
    for (suri, part) in [
        ("", "is empty"),
        ("//Alice ", "at character 8"),
        ("///x", "no phrase"),
    ] {
        let output = oracle(home.path(), &["ask", "Is it?", "--bool", "--suri", suri]);
        refused(&output, 2, &["suri", part]);
    }
    let arguments = ["withdraw", "//Alice ", "--suri", "//Alice"];
    refused(&oracle(home.path(), &arguments), 2, &["at character 8"]);
    let suri = ("LLM_ORACLE_SURI", "//Alice\r".as_ref());
    let output = with_variable(home.path(), suri, &["ask", "Is it?", "--bool"]);
    refused(&output, 2, &["U+000D"]);
}

#[test]
fn a_keystore_is_told_by_its_content_whatever_its_name() {
    use std::os::unix::fs::PermissionsExt;
    let home = home();
    for name in ["key", "key.JSON", "key.json"] {
        let file = home.path().join(name);
        fs::write(&file, "{\"encoded\":\"x\"}").expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
        let path = file.to_str().expect("text");
        let arguments = ["ask", "Is it?", "--bool", "--key-file", path];
        refused(&oracle(home.path(), &arguments), 2, &["keystore", path]);
    }
}

#[test]
fn a_question_that_cannot_be_meant_is_refused() {
    let home = home();
    for (arguments, part) in [
        (&["ask", "  ", "--bool"][..], "the prompt is blank"),
        (&["ask", "-", "--bool"], "prompt"),
        (
            &["ask", "q", "--choice", "\u{200b},b"],
            "an option is blank",
        ),
        (
            &["ask", "q", "--choice", "Yes", "--choice", "yes"],
            "look alike",
        ),
        (
            &["ask", "q", "--json-schema", r#"{"a":1,"a":2}"#],
            "$.a is there twice",
        ),
        (
            &["ask", "q", "--json-schema", r#"{"a":9007199254740993}"#],
            "at $.a",
        ),
        (&["list", "--limit", "0"], "--limit"),
    ] {
        refused(&oracle(home.path(), arguments), 2, &[part]);
    }
}

#[test]
fn what_is_not_text_is_refused_and_what_is_empty_is_not_set() {
    use std::os::unix::ffi::OsStrExt;
    let home = home();
    let not_text = OsStr::from_bytes(b"\xff");
    let url = ("LLM_ORACLE_URL", not_text);
    let output = with_variable(home.path(), url, &["config", "show"]);
    refused(&output, 2, &["LLM_ORACLE_URL", "UTF-8"]);
    let output = command(home.path())
        .args(["deploy", "--artifacts"])
        .arg(not_text)
        .output()
        .expect("the binary runs");
    refused(&output, 2, &["--artifacts", "UTF-8"]);
    let config = ("LLM_ORACLE_CONFIG", "".as_ref());
    let output = with_variable(home.path(), config, &["config", "show"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn dev_leaves_a_file_of_the_user_alone() {
    let home = home();
    let file = home.path().join("mine.toml");
    fs::write(&file, "contract = '5C'\n").expect("written");
    let path = file.to_str().expect("text");
    for (config_out, part) in [(path, "did not write"), ("x.json", ".json")] {
        let output = oracle(home.path(), &["dev", "--config-out", config_out]);
        refused(&output, 2, &[config_out, part]);
    }
    let kept = fs::read(&file).expect("read");
    assert_eq!(kept, b"contract = '5C'\n");
}

#[test]
fn settings_are_shown_with_their_origin() {
    let home = home();
    let folder = home.path().join(".config/llm-oracle");
    fs::create_dir_all(&folder).expect("made");
    fs::write(
        folder.join("dev.toml"),
        "contract = '5C'\nsuri = '//Canary'\n",
    )
    .expect("written");
    let output = command(home.path())
        .args(["config", "show", "--json", "--url", "ws://flag"])
        .env("LLM_ORACLE_ARTIFACTS", "/artifacts")
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(0));
    assert!(!text(&output.stdout).contains("Canary"));
    let shown: Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!(shown["url"]["origin"], "flag --url");
    assert_eq!(
        shown["artifacts"]["origin"],
        "environment variable LLM_ORACLE_ARTIFACTS"
    );
    let file = folder.join("dev.toml");
    assert_eq!(shown["contract"]["origin"].as_str(), file.to_str());
    assert_eq!(shown["code_hash"]["origin"], "default");
}

#[test]
fn a_node_that_is_not_there_is_named() {
    let home = home();
    let model = home.path().join("scripted.toml");
    fs::write(&model, "[model]\nprovider = 'scripted'\nanswer = 'yes'\n").expect("written");
    let output = command(home.path())
        .args(["dev", "--config", model.to_str().expect("text")])
        .env("CONTRACTS_NODE", "/nowhere/node")
        .env("LLM_ORACLE_ALLOW_SCRIPTED", "1")
        .output()
        .expect("the binary runs");
    refused(&output, 10, &["/nowhere/node"]);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = home();
    let mut child = command(home.path())
        .args(["config", "show"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .expect("piped")
        .read_to_string(&mut stderr)
        .expect("read");
    let status = child.wait().expect("ends");
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
}
