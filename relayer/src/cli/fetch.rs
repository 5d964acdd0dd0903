//! Getting small things over HTTP, with time and size bounded and no redirects.

use reqwest::{redirect, Client};
use std::time::Duration;

/// Longest time for one request.
const REQUEST_MAX: Duration = Duration::from_secs(10);

/// What a server said.
#[derive(Debug)]
pub struct Fetched {
    /// Status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Gets what a URL leads to.
///
/// # Errors
/// Why there is nothing; the URL is not in the text, for it may hold credentials.
pub async fn get(url: &str, bytes_max: usize) -> Result<Fetched, String> {
    // Fails when some other part of the process has installed one already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .connect_timeout(REQUEST_MAX)
        .timeout(REQUEST_MAX)
        .referer(false)
        .build()
        .map_err(|_| "the system's TLS certificates cannot be used".to_owned())?;
    let request = client.get(url).build();
    let request = request.map_err(|_| "that is no URL".to_owned())?;
    let mut response = client.execute(request).await.map_err(|error| why(&error))?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| why(&error))? {
        if body.len().saturating_add(chunk.len()) > bytes_max {
            return Err(format!("the response exceeds {bytes_max} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Fetched { status, body })
}

fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        format!("no complete response within {} s", REQUEST_MAX.as_secs())
    } else if error.is_connect() {
        "nothing answers there".to_owned()
    } else {
        "the connection broke".to_owned()
    }
}
