//! GET of an address that a stranger named: each hop checked, everything bounded.

use crate::{address::AddressGuard, body, client, coding};
use reqwest::{
    dns::{Addrs, Name, Resolve, Resolving},
    header::{HeaderMap, ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, LOCATION},
    Certificate, Client, Response, Url,
};
use std::{io, net::IpAddr, sync::Arc, time::Duration};

/// Longest part of a header's value that is kept, characters: it stands in reasons and records.
const HEADER_CHARS_MAX: usize = 128;

/// Bounds of one [`GuardedClient::get`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimits {
    /// Largest body, with its coding and without it, bytes.
    pub bytes_max: usize,
    /// Redirects that are followed.
    pub redirects_max: u8,
    /// For everything: names, connections, all hops and the body.
    pub total: Duration,
}

/// A response that is no redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageResponse {
    /// Where it came from, after redirects.
    pub url: String,
    /// Status code.
    pub status: u16,
    /// `Content-Type`, if it has one that is text.
    pub media: Option<String>,
    /// Whether the server wants proof of a person first.
    pub is_challenge: bool,
    /// The body without its coding.
    pub bytes: Vec<u8>,
}

/// Why a page was not fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The address can't be read.
    #[error("the address can't be read: {reason}")]
    BadUrl {
        /// What is wrong with it.
        reason: String,
    },
    /// It is not https, has a user or password, or another port than 443.
    #[error("'{host}' is not asked: {reason}")]
    Refused {
        /// The host.
        host: String,
        /// Why not, with the remedy.
        reason: &'static str,
    },
    /// It leads to an address that is not on the public internet.
    #[error("'{host}' leads to an address that is not public; name a public one")]
    Inside {
        /// The host.
        host: String,
        /// Whether the address itself stands in the URL, so that it leads there for everybody.
        is_literal: bool,
    },
    /// No complete response.
    #[error("'{host}': {reason}")]
    Unreachable {
        /// The host.
        host: String,
        /// What happened.
        reason: &'static str,
    },
    /// Not within the time.
    #[error("nothing complete within {total_ms} ms")]
    TimedOut {
        /// The limit, milliseconds.
        total_ms: u128,
    },
    /// More than the limit.
    #[error("it has more than {bytes_max} bytes")]
    TooLarge {
        /// The limit, bytes.
        bytes_max: usize,
    },
    /// More redirects than the limit, or one that leads nowhere.
    #[error("it redirects more than {redirects_max} times, or nowhere")]
    Redirects {
        /// The limit.
        redirects_max: u8,
    },
    /// The body's coding can't be taken off.
    #[error(transparent)]
    Coding(coding::CodingError),
}

/// Why a name was not resolved; found again below the client's own errors.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that is not public")]
struct InsideName;

/// A client for addresses that strangers name.
///
/// It speaks https to public addresses only. The address that is checked is the one that is connected to: the
/// check stands inside of the name lookup, each hop has a connection of its own, and no proxy is used.
#[derive(Debug, Clone)]
pub struct GuardedClient {
    client: Client,
    guard: AddressGuard,
}

impl GuardedClient {
    /// A client with the system's name lookup and certificates.
    ///
    /// # Errors
    /// When the system's TLS certificates can't be used.
    pub fn new(guard: AddressGuard) -> Result<Self, reqwest::Error> {
        Self::with_system(guard, Arc::new(SystemLookup), &[])
    }

    /// A client with another name lookup, and more certificates to trust.
    ///
    /// # Errors
    /// When the TLS certificates can't be used.
    pub fn with_system(
        guard: AddressGuard,
        lookup: Arc<dyn Resolve>,
        certificates: &[Certificate],
    ) -> Result<Self, reqwest::Error> {
        let lookup = GuardedLookup {
            lookup,
            guard: guard.clone(),
        };
        // Each fetch has a total of its own; this one is for a connection that hangs before it.
        let mut builder = client(Duration::from_secs(300))
            .no_proxy()
            .pool_max_idle_per_host(0)
            .https_only(true)
            .dns_resolver(Arc::new(lookup));
        if !certificates.is_empty() {
            builder = builder.tls_certs_only(certificates.iter().cloned());
        }
        Ok(Self {
            client: builder.build()?,
            guard,
        })
    }

    /// Gets a page. Redirects are followed by hand, each checked like the first address.
    ///
    /// # Errors
    /// Why there is no complete response. A status of 400 and more is a response.
    pub async fn get(&self, url: &str, limits: &PageLimits) -> Result<PageResponse, PageError> {
        let total = tokio::time::timeout(limits.total, self.hops(url, limits));
        total.await.unwrap_or_else(|_| {
            let total_ms = limits.total.as_millis();
            Err(PageError::TimedOut { total_ms })
        })
    }

    async fn hops(&self, url: &str, limits: &PageLimits) -> Result<PageResponse, PageError> {
        let redirects_max = limits.redirects_max;
        let mut url = Url::parse(url).map_err(|error| bad_url(&error))?;
        for _ in 0..=redirects_max {
            check(&url, &self.guard)?;
            let response = self.hop(&url).await?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return read(&url, response, limits.bytes_max).await;
            }
            let location = text(response.headers(), &LOCATION);
            let location = location.ok_or(PageError::Redirects { redirects_max })?;
            url = url.join(&location).map_err(|error| bad_url(&error))?;
        }
        Err(PageError::Redirects { redirects_max })
    }

    async fn hop(&self, url: &Url) -> Result<Response, PageError> {
        let request = self.client.get(url.clone());
        let request = request
            .header(ACCEPT_ENCODING, "identity")
            .header(ACCEPT, "*/*");
        let response = request.send().await;
        response.map_err(|error| failed(url, &error))
    }
}

/// Checks what can be seen of an address before its name is looked up.
///
/// # Errors
/// Why it is not asked.
pub fn check(url: &Url, guard: &AddressGuard) -> Result<(), PageError> {
    let host = url.host_str().unwrap_or_default().to_owned();
    let refused = |reason| {
        let host = host.clone();
        Err(PageError::Refused { host, reason })
    };
    if url.scheme() != "https" {
        return refused("it is not https; name an https:// address");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused("it has a user or password; leave them out");
    }
    if url.port().is_some() && !guard.has_opened() {
        return refused("it has another port than 443; leave the port out");
    }
    match literal(url) {
        Some(address) if !guard.allows(address) => {
            let is_literal = true;
            Err(PageError::Inside { host, is_literal })
        }
        _ => Ok(()),
    }
}

/// The address that stands in a URL in place of a name. The URL's parser has read all ways to write one.
fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_matches(['[', ']']).parse().ok()
}

async fn read(url: &Url, response: Response, bytes_max: usize) -> Result<PageResponse, PageError> {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let too_large = PageError::TooLarge { bytes_max };
    let bytes = body(response, bytes_max).await;
    let bytes = bytes.map_err(|error| failed(url, &error))?;
    let bytes = bytes.ok_or(too_large.clone())?;
    let content_coding = text(&headers, &CONTENT_ENCODING);
    let plain = coding::decoded(&bytes, content_coding.as_deref(), bytes_max);
    let plain = match plain {
        // A document may be gzip itself; without a coding its bytes are what they are.
        Ok(_) | Err(_) if content_coding.is_none() => None,
        Err(coding::CodingError::TooLarge { .. }) => return Err(too_large),
        plain => plain.map_err(PageError::Coding)?,
    };
    Ok(PageResponse {
        url: url.to_string(),
        status,
        media: text(&headers, &CONTENT_TYPE),
        is_challenge: headers.contains_key("cf-mitigated"),
        bytes: plain.unwrap_or(bytes),
    })
}

fn text(headers: &HeaderMap, name: &reqwest::header::HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.chars().take(HEADER_CHARS_MAX).collect())
}

fn bad_url(error: &dyn std::error::Error) -> PageError {
    let reason = error.to_string();
    PageError::BadUrl { reason }
}

/// The client's own texts hold the URL, so only the kind of failure is passed on.
fn failed(url: &Url, error: &reqwest::Error) -> PageError {
    let host = url.host_str().unwrap_or_default().to_owned();
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(inner) = cause {
        if inner.is::<InsideName>() {
            let is_literal = false;
            return PageError::Inside { host, is_literal };
        }
        cause = inner.source();
    }
    let reason = if error.is_connect() {
        "no connection: there is no such name, nothing listens, or its certificate is not trusted"
    } else {
        "the transfer broke off"
    };
    PageError::Unreachable { host, reason }
}

/// The system's name lookup.
struct SystemLookup;

impl Resolve for SystemLookup {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(found.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

/// A name lookup that gives nothing when one of the addresses is inside.
struct GuardedLookup {
    lookup: Arc<dyn Resolve>,
    guard: AddressGuard,
}

impl Resolve for GuardedLookup {
    fn resolve(&self, name: Name) -> Resolving {
        let (found, guard) = (self.lookup.resolve(name), self.guard.clone());
        Box::pin(async move {
            let found: Vec<_> = found.await?.collect();
            if found.is_empty() {
                return Err(io::Error::from(io::ErrorKind::NotFound).into());
            }
            if !found.iter().all(|address| guard.allows(address.ip())) {
                return Err(InsideName.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn checked(url: &str, guard: &AddressGuard) -> Result<(), String> {
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        check(&url, guard).map_err(|error| error.to_string())
    }

    #[test]
    fn only_https_on_its_own_port_without_credentials_is_asked() {
        let guard = AddressGuard::default();
        for (url, word) in [
            ("https://example.com/a?b#c", ""),
            ("https://example.com:443/", ""),
            ("https://93.184.216.34/", ""),
            ("http://example.com/", "not https"),
            ("file:///etc/passwd", "not https"),
            ("https://example.com:8443/", "port"),
            ("https://user@example.com/", "user"),
            ("https://:pass@example.com/", "user"),
            ("https://127.0.0.1/", "not public"),
            ("https://0x7f.1/", "not public"),
            ("https://2130706433/", "not public"),
            ("https://[::ffff:127.0.0.1]/", "not public"),
            ("https://１２７.０.０.１/", "not public"),
        ] {
            let result = checked(url, &guard);
            match result {
                Ok(()) => assert_eq!(word, "", "{url}"),
                Err(error) => assert!(!word.is_empty() && error.contains(word), "{url}: {error}"),
            }
        }
    }

    #[test]
    fn an_opened_network_may_have_any_port() {
        let guard = AddressGuard::new(vec!["127.0.0.0/8".parse().unwrap()]);
        assert_eq!(checked("https://127.0.0.1:8443/", &guard), Ok(()));
        assert!(checked("https://[::1]:8443/", &guard).is_err());
        assert!(checked("http://127.0.0.1:8443/", &guard).is_err());
    }
}
