//! Programs in the place of a node: found, started, ended.

use super::*;
use std::os::unix::fs::PermissionsExt;

fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join(BINARY);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn options(folder: &Path) -> NodeOptions {
    NodeOptions::new(folder.join("log"))
}

#[test]
fn the_named_binary_comes_first_and_must_exist() {
    let folder = tempfile::tempdir().unwrap();
    let binary = script(folder.path(), "true");
    let ours = Path::new("/nowhere/ours");
    let path = Some(folder.path().into());
    assert_eq!(
        find_among(Some(binary.clone()), None, ours),
        Ok(binary.clone())
    );
    assert_eq!(find_among(None, path.clone(), ours), Ok(binary.clone()));
    assert_eq!(find_among(None, None, &binary), Ok(binary.clone()));
    let refused = find_among(Some("/nowhere/node".into()), path, &binary).unwrap_err();
    assert!(refused.message.contains("/nowhere/node"), "{refused}");
    assert_eq!(find_among(None, None, ours).unwrap_err().code, NODE);
}

#[test]
fn the_port_is_read_from_the_log() {
    let log = "x\n2026-01-01 INFO Running JSON-RPC server: addr=127.0.0.1:34567,[::1]:34567\n";
    assert_eq!(serving_port(log), Some(34567));
    assert_eq!(serving_port("starting"), None);
}

#[tokio::test]
async fn a_node_is_started_and_its_end_awaited() {
    let folder = tempfile::tempdir().unwrap();
    let binary = script(
        folder.path(),
        "echo 'Running JSON-RPC server: addr=127.0.0.1:4321,' >&2; exec sleep 60",
    );
    let node = NodeProcess::start(&binary, &options(folder.path()))
        .await
        .unwrap();
    assert_eq!(node.url(), "ws://127.0.0.1:4321");
    let process = format!("/proc/{}", node.id());
    assert!(Path::new(&process).exists());
    drop(node);
    assert!(!Path::new(&process).exists());
}

#[tokio::test]
async fn a_node_that_ends_is_an_error_with_its_last_words() {
    let folder = tempfile::tempdir().unwrap();
    let binary = script(folder.path(), "echo address in use; exit 3");
    let failure = NodeProcess::start(&binary, &options(folder.path()))
        .await
        .unwrap_err();
    assert_eq!(failure.code, NODE);
    assert!(failure.to_string().contains("address in use"), "{failure}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_and_not_another_port() {
    let folder = tempfile::tempdir().unwrap();
    let binary = script(
        folder.path(),
        "echo 'Running JSON-RPC server: addr=127.0.0.1:4321,' >&2; exec sleep 60",
    );
    let mut options = options(folder.path());
    options.rpc_port = Some(4322);
    let failure = NodeProcess::start(&binary, &options).await.unwrap_err();
    assert_eq!(failure.code, NODE);
    assert!(failure.message.contains("4322"), "{failure}");
    options.rpc_port = Some(4321);
    assert!(NodeProcess::start(&binary, &options).await.is_ok());
}

/// The thread stands for the process: the kernel sees no difference.
#[test]
fn a_node_ends_with_whoever_started_it() {
    let folder = tempfile::tempdir().unwrap();
    let binary = script(
        folder.path(),
        "echo 'Running JSON-RPC server: addr=127.0.0.1:4321,' >&2; exec sleep 60",
    );
    let options = NodeOptions {
        ends_with_parent: true,
        ..options(folder.path())
    };
    let starts = move || NodeProcess::start_blocking(&binary, &options).unwrap();
    let mut node = std::thread::spawn(starts).join().unwrap();
    // Nobody has stopped it; without the kernel this would wait for a minute.
    let waited = Instant::now();
    let status = node.child.wait().unwrap();
    assert!(!status.success() && waited.elapsed() < Duration::from_secs(30));
}

#[test]
fn state_and_block_time_reach_the_node() {
    let mut options = options(Path::new("/tmp"));
    assert!(arguments(&options).contains(&"--tmp".to_owned()));
    options.base_path = Some("/state".into());
    options.block_time_ms = Some(500);
    let arguments = arguments(&options).join(" ");
    assert!(
        arguments.ends_with("--rpc-port 0 --base-path /state --block-time 500"),
        "{arguments}"
    );
}
