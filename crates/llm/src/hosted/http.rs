//! One POST with everything bounded: time, size, redirects (none).

use super::{
    key::IssuedKey,
    pause, read,
    secrets::{header_name, refused, Secrets},
    settings::{HostedConfig, ServerProfile},
};
use crate::error::ModelError;
use llm_oracle_http as http;
use llm_oracle_primitives::digest::blake2;
use llm_oracle_support::clock::now_ms;
use reqwest::{
    header::{HeaderMap, HeaderValue, ACCEPT_ENCODING, CONTENT_ENCODING, RETRY_AFTER},
    Client, Response, Url,
};
use serde_json::Value;
use std::time::{Duration, UNIX_EPOCH};

/// Largest response body, bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// The status with which a server refuses a key.
const UNAUTHORIZED: u16 = 401;

/// Where completions are asked for.
#[derive(Debug)]
pub(super) struct ModelServer {
    client: Client,
    url: Url,
    headers: HeaderMap,
    secrets: Secrets,
    name: String,
    timeout: Duration,
}

/// A response, whatever its status.
#[derive(Debug)]
pub(super) struct RawResponse {
    pub status: u16,
    /// The pause that it names before the next request.
    pub retry_after: Option<Duration>,
    /// Its body as text, with secrets struck out should the server have echoed them.
    pub text: String,
    /// The body's size without its coding, bytes.
    pub bytes: usize,
    /// `blake2_256` of those bytes, hex.
    pub digest: String,
}

impl ModelServer {
    pub(super) fn new(profile: &ServerProfile, config: &HostedConfig) -> Result<Self, ModelError> {
        let timeout = Duration::from_millis(config.timeout_ms);
        let secrets = Secrets::read(profile, config)?;
        let url = address(profile, !secrets.is_empty())?;
        let mut client = http::client(timeout)
            // Servers close idle connections, and a question that is lost then may have been paid for.
            .pool_max_idle_per_host(0);
        if url.scheme() == "http" && (!secrets.is_empty() || is_loopback(&url)) {
            // What goes to this machine in the clear must not go to another one.
            client = client.no_proxy();
        }
        let client = client.build().map_err(|_| {
            refused("the HTTP client cannot be set up: check the system's TLS certificates")
        })?;
        Ok(Self {
            client,
            url,
            headers: headers(profile, config)?,
            secrets,
            name: profile.name.clone(),
            timeout,
        })
    }

    /// Sends the body and returns the response; a redirect is a status like any other. If the key is refused
    /// and another one can be had, the body is sent once more with that.
    ///
    /// # Errors
    /// When there is no key, no whole response, or none that is text.
    pub(super) async fn post(&self, body: &Value) -> Result<RawResponse, ModelError> {
        let key = self.secrets.key().await?;
        let response = self.send(body, key.as_ref()).await?;
        if response.status != UNAUTHORIZED {
            return Ok(response);
        }
        match self.secrets.after_refusal(key.as_ref()).await {
            Some(renewed) => self.send(body, Some(&renewed)).await,
            None => Ok(response),
        }
    }

    async fn send(&self, body: &Value, key: Option<&IssuedKey>) -> Result<RawResponse, ModelError> {
        let mut headers = self.headers.clone();
        self.secrets.put_into(&mut headers, key)?;
        let request = self.client.post(self.url.clone()).json(body);
        let response = request.headers(headers).send().await;
        let response = response.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let bytes = match self.body(response).await {
            // The status says more than a body that is missing.
            Err(_) if !status.is_success() => Vec::new(),
            bytes => bytes?,
        };
        // Of another encoding only what is ASCII counts, and the reader takes no text with the rest.
        let bytes = String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        Ok(RawResponse {
            status: status.as_u16(),
            retry_after,
            bytes: bytes.len(),
            digest: hex::encode(blake2(bytes.as_bytes())),
            text: self.secrets.struck_out(bytes),
        })
    }

    async fn body(&self, response: Response) -> Result<Vec<u8>, ModelError> {
        let coding = response.headers().get(CONTENT_ENCODING);
        let coding = coding.map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned());
        let body = http::body(response, BODY_BYTES_MAX).await;
        let body = body.map_err(|error| self.unreachable(&error))?;
        let body = body.ok_or_else(|| ModelError::BadResponse {
            reason: format!("body exceeds {BODY_BYTES_MAX} bytes"),
        })?;
        read::decoded(body, coding.as_deref(), BODY_BYTES_MAX)
    }

    /// A text without the secrets.
    pub(super) fn struck_out(&self, text: String) -> String {
        self.secrets.struck_out(text)
    }

    /// The client's own texts hold the URL, so only the kind of failure is passed on.
    fn unreachable(&self, error: &reqwest::Error) -> ModelError {
        let model = self.name.clone();
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

/// The headers of every request beside those with secrets.
fn headers(profile: &ServerProfile, config: &HostedConfig) -> Result<HeaderMap, ModelError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let fixed = profile.dialect.headers().iter();
    let own = config.headers.iter();
    let all = fixed
        .map(|(name, value)| (*name, *value))
        .chain(own.map(|(name, value)| (name.as_str(), value.as_str())));
    for (name, value) in all {
        let value = HeaderValue::from_str(value)
            .map_err(|_| refused("`headers` has a value that no header can have"))?;
        headers.insert(header_name(name)?, value);
    }
    Ok(headers)
}

/// Checks the base address and appends the path of the API and the query.
pub(super) fn address(profile: &ServerProfile, with_secret: bool) -> Result<Url, ModelError> {
    let mut url = Url::parse(&profile.base_url)
        .map_err(|_| refused("`base_url` is no address: write it like https://host/v1"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused(
            "`base_url` holds credentials: use `api_key_file`, `api_key_env` or `api_key_command`",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refused(
            "`base_url` has a query or fragment: end it with the path, like /v1, and use `query`",
        ));
    }
    match url.scheme() {
        "https" => {}
        "http" if !with_secret || is_loopback(&url) => {}
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
    let path = profile.dialect.path();
    // Some copy the address of the API as a whole.
    let whole = format!("/{}", path.join("/"));
    let is_whole = url.path().trim_end_matches('/').ends_with(&whole);
    let mut segments = url
        .path_segments_mut()
        .map_err(|()| refused("`base_url` has no host: write it like https://host/v1"))?;
    segments.pop_if_empty();
    if !is_whole {
        segments.extend(path);
    }
    drop(segments);
    if !profile.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&profile.query);
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// The pause before the next request, in milliseconds, seconds, or until a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let exact = text("retry-after-ms").and_then(|text| text.trim().parse::<u64>().ok());
    let named = text(RETRY_AFTER.as_str());
    let until = || {
        let date = httpdate::parse_http_date(named?).ok()?;
        let date_ms = date.duration_since(UNIX_EPOCH).ok()?.as_millis();
        let now_ms = u128::try_from(now_ms()).ok()?;
        u64::try_from(date_ms.checked_sub(now_ms)?).ok()
    };
    let pause_ms = exact
        .filter(|pause| *pause > 0)
        .or_else(|| named.and_then(pause::seconds_ms))
        .or_else(until);
    pause_ms.map(Duration::from_millis)
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
