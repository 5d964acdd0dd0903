//! One POST with everything bounded: time, size, redirects (none).

use super::{super::ModelError, Dialect};
use llm_oracle_http as http;
use llm_oracle_primitives::digest::blake2;
use reqwest::{header, Client, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::time::Duration;

/// Largest response body, bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Longest wait that a server may ask for; a longer one would be a stall by its word alone.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Where completions are asked for.
#[derive(Debug)]
pub(super) struct ModelServer {
    dialect: Dialect,
    client: Client,
    url: Url,
    key: Option<SecretString>,
    timeout: Duration,
}

/// A response's body.
#[derive(Debug)]
pub(super) struct RawResponse {
    /// As text, with the key struck out should the server have echoed it.
    pub text: String,
    /// Size as received.
    pub bytes: usize,
    /// `blake2_256` of the bytes as received, hex.
    pub digest: String,
}

impl ModelServer {
    pub(super) fn new(
        dialect: Dialect,
        base_url: &str,
        key: Option<SecretString>,
        timeout: Duration,
    ) -> Result<Self, ModelError> {
        if timeout.is_zero() {
            return Err(refused("`timeout_ms` is 0: give the model some time"));
        }
        let url = address(dialect, base_url, key.is_some())?;
        let client = http::client(timeout).build().map_err(|_| {
            refused("the HTTP client cannot be set up: check the system's TLS certificates")
        })?;
        Ok(Self {
            dialect,
            client,
            url,
            key,
            timeout,
        })
    }

    /// Sends the body and returns that of the response.
    ///
    /// # Errors
    /// By status, see [`ModelError`]; a redirect is a status like any other.
    pub(super) async fn post(&self, model: &str, body: &Value) -> Result<RawResponse, ModelError> {
        let mut request = self.client.post(self.url.clone()).json(body);
        for (name, value) in self.dialect.headers() {
            request = request.header(*name, *value);
        }
        if let Some(key) = &self.key {
            let (name, text) = self.dialect.key_header(key.expose_secret());
            let mut value = header::HeaderValue::from_str(&text)
                .map_err(|_| refused("the API key has characters that no header can carry"))?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        let response = request
            .send()
            .await
            .map_err(|error| self.unreachable(model, &error))?;
        let status = response.status();
        let retry_after = retry_after(&response);
        let bytes = self.body(model, response).await;
        if !status.is_success() {
            // The body only helps to tell a missing model from a missing page.
            return Err(failure(
                status,
                model,
                retry_after,
                &bytes.unwrap_or_default(),
            ));
        }
        let bytes = bytes?;
        let text = String::from_utf8(bytes).map_err(|_| ModelError::BadResponse {
            reason: "body is not UTF-8".to_owned(),
        })?;
        let digest = hex::encode(blake2(text.as_bytes()));
        Ok(RawResponse {
            bytes: text.len(),
            digest,
            text: self.without_key(text),
        })
    }

    async fn body(&self, model: &str, response: Response) -> Result<Vec<u8>, ModelError> {
        let body = http::body(response, BODY_BYTES_MAX).await;
        let body = body.map_err(|error| self.unreachable(model, &error))?;
        body.ok_or_else(|| ModelError::BadResponse {
            reason: format!("body exceeds {BODY_BYTES_MAX} bytes"),
        })
    }

    fn without_key(&self, text: String) -> String {
        match &self.key {
            Some(key) if text.contains(key.expose_secret()) => {
                text.replace(key.expose_secret(), "***")
            }
            _ => text,
        }
    }

    /// The client's own texts hold the URL, so only the kind of failure is passed on.
    fn unreachable(&self, model: &str, error: &reqwest::Error) -> ModelError {
        let model = model.to_owned();
        if error.is_connect() {
            let reason = "connection failed".to_owned();
            return ModelError::Unreachable { model, reason };
        }
        let reason = if error.is_timeout() {
            format!("nothing complete within {} ms", self.timeout.as_millis())
        } else {
            "transfer broke off".to_owned()
        };
        ModelError::Broken { model, reason }
    }
}

/// Checks the base address and appends the path of the API.
pub(super) fn address(dialect: Dialect, base_url: &str, with_key: bool) -> Result<Url, ModelError> {
    let mut url = Url::parse(base_url)
        .map_err(|_| refused("`base_url` is no address: write it like https://host/v1"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused(
            "`base_url` holds credentials: use `api_key_file` or `api_key_env`",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refused(
            "`base_url` has a query or fragment: end it with the path, like /v1",
        ));
    }
    match url.scheme() {
        "https" => {}
        "http" if !with_key || is_loopback(&url) => {}
        "http" => {
            return Err(refused(
                "`base_url` would send the API key in the clear: use https",
            ))
        }
        other => {
            return Err(refused(&format!(
                "`base_url` has scheme '{other}': use https or http"
            )))
        }
    }
    url.path_segments_mut()
        .map_err(|()| refused("`base_url` has no host: write it like https://host/v1"))?
        .pop_if_empty()
        .extend(dialect.path());
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

fn failure(
    status: StatusCode,
    model: &str,
    retry_after: Option<Duration>,
    body: &[u8],
) -> ModelError {
    let names_model = String::from_utf8_lossy(body)
        .to_lowercase()
        .contains("model");
    if status == StatusCode::NOT_FOUND && names_model {
        return ModelError::NotServed {
            name: model.to_owned(),
            remedy: "the configured server does not have it, check `model`".to_owned(),
        };
    }
    ModelError::Status {
        code: status.as_u16(),
        retry_after,
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    // The other form is a date; without it the caller's own schedule holds.
    let seconds: u64 = text.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

fn refused(reason: &str) -> ModelError {
    ModelError::NotConfigured(reason.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_checked_before_anything_is_sent() {
        for (base, with_key, expected) in [
            ("https://host/v1", true, "https://host/v1/chat/completions"),
            ("https://host/v1/", true, "https://host/v1/chat/completions"),
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
        ] {
            assert_eq!(
                address(Dialect::OpenAi, base, with_key).unwrap().as_str(),
                expected
            );
        }
        for (base, with_key, word) in [
            ("host/v1", false, "no address"),
            ("https://canary:canary@host/v1", false, "credentials"),
            ("https://host/v1?key=canary", false, "query"),
            ("http://gpu-box/v1", true, "in the clear"),
            ("ftp://host/v1", false, "'ftp'"),
            ("file:///etc/passwd", false, "'file'"),
        ] {
            let text = address(Dialect::OpenAi, base, with_key)
                .unwrap_err()
                .to_string();
            assert!(text.contains(word) && !text.contains("canary"), "{text}");
        }
    }
}
