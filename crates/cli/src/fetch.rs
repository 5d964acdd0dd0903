//! Small HTTP requests with bounded time and size, without redirects.

use llm_oracle_http as http;
use std::time::Duration;

/// Maximum time for one request.
const REQUEST_MAX: Duration = Duration::from_secs(10);

/// A response.
#[derive(Debug)]
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Gets a URL.
///
/// # Errors
/// Why it failed. The text does not contain the URL, which may hold credentials.
pub async fn get(url: &str, bytes_max: usize) -> Result<HttpResponse, String> {
    let client = http::client(REQUEST_MAX)
        .build()
        .map_err(|_| "the system's TLS certificates cannot be used".to_owned())?;
    let request = client.get(url).build();
    let request = request.map_err(|_| "that is not a URL".to_owned())?;
    let response = client.execute(request).await.map_err(|error| why(&error))?;
    let status = response.status().as_u16();
    let body = http::body(response, bytes_max).await;
    let body = body.map_err(|error| why(&error))?;
    let body = body.ok_or_else(|| format!("the response exceeds {bytes_max} bytes"))?;
    Ok(HttpResponse { status, body })
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
