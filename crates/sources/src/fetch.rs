//! Getting the bytes of a source.

use crate::{
    attachments::HeldAttachments,
    config::PLACEHOLDER,
    record::{FailureKind, SourceFailure},
    SourcesConfig,
};
use llm_oracle_http::{
    self as http, AddressGuard, Client, GuardedClient, PageError, PageLimits, PageResponse, Url,
};
use llm_oracle_primitives::{digest::blake2, limits, Hash, Source};
use std::time::Duration;

/// The bytes of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedDocument {
    /// Where they came from, after redirects; nothing for an attachment that is held here.
    pub url: Option<String>,
    /// Their media type, as the terms or the server name it; empty if the server names none.
    pub media: String,
    /// The bytes, without a coding.
    pub bytes: Vec<u8>,
}

/// Gets sources: held ones, from gateways, and from addresses that questions name.
#[derive(Debug)]
pub struct Fetcher {
    pages: GuardedClient,
    guard: AddressGuard,
    gateway_client: Client,
    gateways: Vec<String>,
    held: Option<HeldAttachments>,
    timeout: Duration,
    redirects_max: u8,
}

/// An attachment as the terms name it.
struct Wanted<'a> {
    digest: &'a Hash,
    bytes: u32,
    media: &'a [u8],
    uri: &'a [u8],
}

impl Fetcher {
    /// A fetcher with the system's name lookup and certificates.
    ///
    /// # Errors
    /// Which setting is wrong, or that the TLS certificates can't be used.
    pub fn new(config: &SourcesConfig) -> Result<Self, String> {
        let pages = GuardedClient::new(config.check()?);
        Self::with_client(config, pages.map_err(|_| no_certificates())?)
    }

    /// A fetcher with another client for addresses that questions name.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_client(config: &SourcesConfig, pages: GuardedClient) -> Result<Self, String> {
        let timeout = Duration::from_millis(config.timeout_ms);
        let gateway_client = http::client(timeout).build();
        Ok(Self {
            pages,
            guard: config.check()?,
            gateway_client: gateway_client.map_err(|_| no_certificates())?,
            gateways: config.gateways.clone(),
            held: config.folder.clone().map(HeldAttachments::new),
            timeout,
            redirects_max: config.redirects_max,
        })
    }

    /// The bytes of a source, within the time.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn fetch(&self, source: &Source) -> Result<FetchedDocument, SourceFailure> {
        match source {
            Source::Page { url, .. } => self.page(url).await,
            Source::Attachment {
                digest,
                bytes,
                media,
                uri,
            } => {
                let wanted = Wanted {
                    digest,
                    bytes: *bytes,
                    media,
                    uri,
                };
                self.attachment(&wanted).await
            }
        }
    }

    async fn page(&self, url: &[u8]) -> Result<FetchedDocument, SourceFailure> {
        let url = self.address(url)?;
        let bytes_max = limits::MAX_SOURCE_BYTES as usize;
        let page = self.get(&url, bytes_max, self.timeout).await?;
        if page.bytes.is_empty() {
            return Err(SourceFailure::new(FailureKind::Empty, "it has 0 bytes"));
        }
        Ok(FetchedDocument {
            url: Some(page.url),
            media: page.media.unwrap_or_default(),
            bytes: page.bytes,
        })
    }

    /// An address of the terms, as far as it is one that may be asked.
    fn address(&self, url: &[u8]) -> Result<String, SourceFailure> {
        let bad = |reason: String| SourceFailure::new(FailureKind::BadAddress, reason);
        let text = std::str::from_utf8(url);
        let text = text.map_err(|_| bad("its address is not UTF-8".to_owned()))?;
        let url = Url::parse(text);
        let url = url.map_err(|error| bad(format!("its address can't be read: {error}")))?;
        http::check(&url, &self.guard).map_err(|error| bad(error.to_string()))?;
        Ok(text.to_owned())
    }

    async fn get(
        &self,
        url: &str,
        bytes_max: usize,
        total: Duration,
    ) -> Result<PageResponse, SourceFailure> {
        let limits = PageLimits {
            bytes_max,
            redirects_max: self.redirects_max,
            total,
        };
        let page = self.pages.get(url, &limits).await.map_err(failure)?;
        match status_failure(page.status, page.is_challenge) {
            Some(failure) => Err(failure),
            None => Ok(page),
        }
    }

    /// Asks whoever may have it, one after the other, until the digest is right.
    async fn attachment(&self, wanted: &Wanted<'_>) -> Result<FetchedDocument, SourceFailure> {
        let mut failures: Vec<(String, SourceFailure)> = Vec::new();
        if let Some(bytes) = self.held(wanted.digest, &mut failures) {
            return document(wanted, None, bytes);
        }
        let uri = (!wanted.uri.is_empty()).then(|| self.address(wanted.uri));
        let places = self
            .gateways
            .len()
            .saturating_add(usize::from(uri.is_some()));
        // So that one that drips leaves time for the others.
        let places = u32::try_from(places).unwrap_or(u32::MAX).max(1);
        let share = self.timeout.checked_div(places).unwrap_or(self.timeout);
        for gateway in &self.gateways {
            let url = gateway.replace(PLACEHOLDER, &format!("0x{}", hex::encode(wanted.digest)));
            let given = tokio::time::timeout(share, self.ask(&url, wanted.bytes)).await;
            let given = given.unwrap_or_else(|_| Err(timed_out(share)));
            match given.and_then(|bytes| right(wanted.digest, bytes)) {
                Ok(bytes) => return document(wanted, Some(url), bytes),
                Err(failure) => failures.push((format!("gateway '{}'", host(&url)), failure)),
            }
        }
        if let Some(uri) = uri {
            let given = match uri {
                Ok(url) => self.get(&url, wanted.bytes as usize, share).await,
                Err(failure) => Err(failure),
            };
            let given = given.and_then(|page| Ok((page.url, right(wanted.digest, page.bytes)?)));
            match given {
                Ok((url, bytes)) => return document(wanted, Some(url), bytes),
                Err(failure) => failures.push(("its uri".to_owned(), failure)),
            }
        }
        Err(together(failures))
    }

    fn held(&self, digest: &Hash, failures: &mut Vec<(String, SourceFailure)>) -> Option<Vec<u8>> {
        match self.held.as_ref()?.get(digest) {
            Ok(bytes) => bytes,
            Err(error) => {
                let failure = SourceFailure::new(FailureKind::WrongDigest, error.to_string());
                failures.push(("held here".to_owned(), failure));
                None
            }
        }
    }

    /// What a gateway gives. The operator named it, so it may be anywhere; it is not followed elsewhere.
    async fn ask(&self, url: &str, bytes_max: u32) -> Result<Vec<u8>, SourceFailure> {
        let broken = || SourceFailure::new(FailureKind::Unreachable, "no complete response");
        let request = self.gateway_client.get(url).send();
        let response = request.await.map_err(|_| broken())?;
        if let Some(failure) = status_failure(response.status().as_u16(), false) {
            return Err(failure);
        }
        let bytes = http::body(response, bytes_max as usize).await;
        let bytes = bytes.map_err(|_| broken())?;
        bytes.ok_or_else(|| too_large(bytes_max as usize))
    }
}

fn no_certificates() -> String {
    "the HTTP client can't be set up: check the system's TLS certificates".to_owned()
}

fn document(
    wanted: &Wanted<'_>,
    url: Option<String>,
    bytes: Vec<u8>,
) -> Result<FetchedDocument, SourceFailure> {
    if bytes.len() != wanted.bytes as usize {
        let (length, stated) = (bytes.len(), wanted.bytes);
        let why = format!("the attachment has {length} bytes, and the question says {stated}");
        return Err(SourceFailure::new(FailureKind::WrongLength, why));
    }
    Ok(FetchedDocument {
        url,
        media: String::from_utf8_lossy(wanted.media).into_owned(),
        bytes,
    })
}

fn right(digest: &Hash, bytes: Vec<u8>) -> Result<Vec<u8>, SourceFailure> {
    let got = blake2(&bytes);
    if got == *digest {
        return Ok(bytes);
    }
    let (length, got) = (bytes.len(), hex::encode(got));
    let why = format!("its {length} bytes hash to 0x{got}");
    Err(SourceFailure::new(FailureKind::WrongDigest, why))
}

/// One failure of all places: the worst that may pass, if any may.
fn together(failures: Vec<(String, SourceFailure)>) -> SourceFailure {
    let Some((_, first)) = failures.first() else {
        let why = "nobody was asked for it: it has no uri, and sources.gateways is empty";
        return SourceFailure::new(FailureKind::NotFound, why);
    };
    let transient = failures.iter().find(|(_, failure)| failure.is_transient());
    let kind = transient.map_or(first.kind, |(_, failure)| failure.kind);
    // That one of several addresses is bad does not make the question bad.
    let kind = match kind {
        FailureKind::BadAddress => FailureKind::NotFound,
        other => other,
    };
    let all = failures.iter();
    let all: Vec<_> = all
        .map(|(place, failure)| format!("{place}: {failure}"))
        .collect();
    SourceFailure::new(kind, format!("nobody gave it: {}", all.join("; ")))
}

/// What a status says in place of a document.
fn status_failure(status: u16, is_challenge: bool) -> Option<SourceFailure> {
    let kind = match status {
        _ if is_challenge => FailureKind::Wall,
        200 | 203 => return None,
        401 | 402 | 403 | 407 | 451 => FailureKind::Wall,
        408 | 425 | 429 | 500.. => FailureKind::Unreachable,
        _ => FailureKind::NotFound,
    };
    let why = match kind {
        FailureKind::Wall => {
            format!("the server answered {status}: it wants a login or a person; name a page that anybody gets")
        }
        _ => format!("the server answered {status}"),
    };
    Some(SourceFailure::new(kind, why))
}

/// Failures after the address itself was found fit to be asked: whatever it leads to may lead elsewhere soon.
fn failure(error: PageError) -> SourceFailure {
    let kind = match &error {
        PageError::BadUrl { .. } | PageError::Refused { .. } | PageError::Inside { .. } => {
            FailureKind::Refused
        }
        PageError::Unreachable { .. } | PageError::TimedOut { .. } => FailureKind::Unreachable,
        PageError::TooLarge { .. } => FailureKind::TooLarge,
        PageError::Redirects { .. } => FailureKind::NotFound,
        PageError::Coding(_) => FailureKind::Unreadable,
    };
    SourceFailure::new(kind, error.to_string())
}

fn timed_out(share: Duration) -> SourceFailure {
    let why = format!("nothing complete within {} ms", share.as_millis());
    SourceFailure::new(FailureKind::Unreachable, why)
}

fn too_large(bytes_max: usize) -> SourceFailure {
    let why = format!("it has more than {bytes_max} bytes");
    SourceFailure::new(FailureKind::TooLarge, why)
}

fn host(url: &str) -> String {
    let url = Url::parse(url).ok();
    let host = url.and_then(|url| url.host_str().map(str::to_owned));
    host.unwrap_or_default()
}
