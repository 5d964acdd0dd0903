//! A key goes to no proxy in the clear. The one test of this file sets a variable of its process.
#![allow(clippy::unwrap_used)]

use llm_oracle_llm::{build, ModelError, ModelQuestion, ProviderConfig};
use llm_oracle_primitives::{AnswerKind, ModelRef, Sampling};
use std::{
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc,
    },
};

#[test]
fn a_server_on_this_machine_is_asked_without_the_proxy() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = proxy.local_addr().unwrap();
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        std::env::set_var(name, format!("http://{address}"));
    }
    for name in ["NO_PROXY", "no_proxy"] {
        std::env::remove_var(name);
    }
    let was_asked = Arc::new(AtomicBool::new(false));
    let seen = was_asked.clone();
    std::thread::spawn(move || {
        for stream in proxy.incoming() {
            drop(stream);
            seen.store(true, Ordering::SeqCst);
        }
    });

    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "sk-canary-7").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    // Nobody listens there: it was free a moment ago.
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let settings = serde_json::json!({
        "provider": "openai",
        "base_url": format!("http://{gone}/v1"),
        "model": "m",
        "api_key_file": key,
    });
    let config: ProviderConfig = serde_json::from_value(settings).unwrap();
    let question = ModelQuestion {
        prompt: "Is water wet?".to_owned(),
        system: None,
        answer: AnswerKind::Bool,
        sampling: Sampling::default(),
        model: ModelRef::Any,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answered = runtime.block_on(async { build(&config).unwrap().answer(&question).await });
    let error = answered.unwrap_err();
    assert!(matches!(error, ModelError::Unreachable { .. }), "{error:?}");
    assert!(!was_asked.load(Ordering::SeqCst));
}
