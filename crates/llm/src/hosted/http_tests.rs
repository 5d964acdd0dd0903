#![allow(clippy::unwrap_used)]

use super::*;
use serde_json::json;

fn profile(settings: Value) -> ServerProfile {
    let mut config: HostedConfig = serde_json::from_value(settings).unwrap();
    config.provider = "openai";
    ServerProfile::new(&config).unwrap()
}

fn at(base_url: &str, with_secret: bool) -> Result<Url, ModelError> {
    address(
        &profile(json!({ "base_url": base_url, "model": "m" })),
        with_secret,
    )
}

#[test]
fn an_address_is_checked_before_anything_is_sent() {
    for (base, with_key, expected) in [
        ("https://host/v1", true, "https://host/v1/chat/completions"),
        ("https://host/v1/", true, "https://host/v1/chat/completions"),
        (
            "https://host/v1/chat/completions",
            true,
            "https://host/v1/chat/completions",
        ),
        (
            "http://localhost:11434/v1",
            true,
            "http://localhost:11434/v1/chat/completions",
        ),
        ("http://[::1]:80", true, "http://[::1]/chat/completions"),
        (
            "http://gpu-box/v1",
            false,
            "http://gpu-box/v1/chat/completions",
        ),
        (
            "https://host/openai/deployments/d",
            true,
            "https://host/openai/deployments/d/chat/completions?api-version=2024-10-21",
        ),
    ] {
        assert_eq!(at(base, with_key).unwrap().as_str(), expected);
    }
    for (base, with_key, word) in [
        ("host/v1", false, "no address"),
        ("https://canary:canary@host/v1", false, "credentials"),
        ("https://host/v1?key=canary", false, "query"),
        ("http://gpu-box/v1", true, "in the clear"),
        ("ftp://host/v1", false, "'ftp'"),
        ("file:///etc/passwd", false, "'file'"),
    ] {
        let text = at(base, with_key).unwrap_err().to_string();
        assert!(text.contains(word) && !text.contains("canary"), "{text}");
    }
}

#[test]
fn a_query_is_appended() {
    let profile = profile(json!({
        "base_url": "https://host/v1",
        "model": "m",
        "query": { "api-version": "a b" },
    }));
    let url = address(&profile, true).unwrap();
    assert_eq!(url.query(), Some("api-version=a+b"));
}

#[test]
fn a_pause_is_read_in_each_of_its_forms() {
    let pause = |pairs: &[(&'static str, &str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        retry_after(&headers)
    };
    let in_an_hour = UNIX_EPOCH
        .checked_add(Duration::from_millis(
            u64::try_from(now_ms()).unwrap().saturating_add(3_600_000),
        ))
        .unwrap();
    let in_an_hour = httpdate::fmt_http_date(in_an_hour);
    for (pairs, found) in [
        (vec![("retry-after", "2")], Some(2_000)),
        (vec![("retry-after", "1.5")], Some(2_000)),
        (
            vec![("retry-after-ms", "250"), ("retry-after", "0")],
            Some(250),
        ),
        (vec![("retry-after", "0"), ("retry-after-ms", "0")], None),
        (vec![("retry-after", "0.0")], None),
        (vec![("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")], None),
        (vec![("retry-after", "soon")], None),
        (vec![], None),
    ] {
        let found = found.map(Duration::from_millis);
        assert_eq!(pause(&pairs), found, "{pairs:?}");
    }
    let until = pause(&[("retry-after", in_an_hour.as_str())]).unwrap();
    assert!(until > Duration::from_secs(3_500), "{until:?}");
}
