//! The HTTP server: six paths, all of them read only, everything bounded.

use super::{HealthVerdict, Ops};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    header, Method, Request, Response, StatusCode,
};
use llm_oracle_http::{self as http, Timeouts};
use llm_oracle_primitives::Hash;
use llm_oracle_sources::attachments::HeldAttachments;
use llm_oracle_store::{Store, StoreError};
use serde_json::{json, Value};
use std::{sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A connection carries one request.
const TIMEOUTS: Timeouts = Timeouts {
    connection: Duration::from_secs(30),
    head: Duration::from_secs(5),
};
/// Answers listed in `/status`, the newest.
const JOBS_SHOWN: u32 = 20;

/// What there is.
const PATHS: &str =
    "there are /metrics, /livez, /readyz, /status, /evidence/{digest} and /attachments/{digest}";

/// What answers requests.
pub struct StatusHandler {
    /// What the relayer says.
    pub ops: Arc<Ops>,
    /// What it has stored.
    pub store: Arc<Store>,
    /// Documents that it holds; they are given to whoever knows their digest.
    pub attachments: HeldAttachments,
}

/// A reply before it is HTTP.
#[derive(Debug, PartialEq, Eq)]
struct Reply {
    status: StatusCode,
    kind: &'static str,
    body: Vec<u8>,
    /// It will never change.
    immutable: bool,
}

impl Reply {
    fn json(status: StatusCode, value: &Value) -> Self {
        Self {
            status,
            kind: "application/json",
            body: value.to_string().into_bytes(),
            immutable: false,
        }
    }

    fn wrong(status: StatusCode, reason: &str) -> Self {
        Self::json(status, &json!({ "error": reason }))
    }

    fn verdict(verdict: &HealthVerdict) -> Self {
        let status = if verdict.ok {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        Self::json(status, &json!(verdict))
    }
}

impl StatusHandler {
    fn reply(&self, method: &Method, path: &str) -> Reply {
        if method != Method::GET && method != Method::HEAD {
            return Reply::wrong(StatusCode::METHOD_NOT_ALLOWED, "only GET is served");
        }
        let found = match path {
            "/livez" => Ok(Reply::verdict(&self.ops.health().live)),
            "/readyz" => Ok(Reply::verdict(&self.ops.health().ready)),
            "/metrics" => self.metrics(),
            "/status" => self.status(),
            _ => self.by_digest(path),
        };
        found.unwrap_or_else(|error| {
            tracing::error!(%error, path, "a request could not be answered");
            Reply::wrong(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the store failed; see the log",
            )
        })
    }

    fn metrics(&self) -> Result<Reply, StoreError> {
        let metrics = self.ops.metrics();
        metrics.store(&self.store.stats()?, free_bytes(&self.store));
        Ok(match metrics.text() {
            Ok(text) => Reply {
                status: StatusCode::OK,
                kind: "application/openmetrics-text; version=1.0.0; charset=utf-8",
                body: text.into_bytes(),
                immutable: false,
            },
            Err(_) => Reply::wrong(StatusCode::INTERNAL_SERVER_ERROR, "no metrics"),
        })
    }

    fn status(&self) -> Result<Reply, StoreError> {
        let (status, health, stats) = (self.ops.status(), self.ops.health(), self.store.stats()?);
        let mut value = json!(status);
        if let Value::Object(fields) = &mut value {
            fields.insert("live".to_owned(), json!(health.live));
            fields.insert("ready".to_owned(), json!(health.ready));
            fields.insert("store".to_owned(), stats.to_json());
            fields.insert("jobs".to_owned(), json!(self.jobs()?));
        }
        Ok(Reply::json(StatusCode::OK, &value))
    }

    fn jobs(&self) -> Result<Vec<Value>, StoreError> {
        let jobs = self.store.jobs(JOBS_SHOWN)?;
        let rows = jobs.iter().map(|job| {
            // Not the answer: before the reveal it is nobody else's business.
            json!({
                "request": job.answered.request_id,
                "operator": format!("0x{}", hex::encode(job.answered.operator)),
                "state": job.state.name(),
                "reason": job.reason,
                "model": job.answered.model,
                "model_ms": job.answered.model_ms,
                "answered_at_ms": job.answered_at_ms,
                "evidence": format!("0x{}", hex::encode(job.answered.evidence)),
            })
        });
        Ok(rows.collect())
    }

    /// What is named by its digest.
    fn by_digest(&self, path: &str) -> Result<Reply, StoreError> {
        let parts = path.strip_prefix('/').and_then(|path| path.split_once('/'));
        let Some((kind @ ("evidence" | "attachments"), digest)) = parts else {
            return Ok(Reply::wrong(StatusCode::NOT_FOUND, PATHS));
        };
        let text = digest.strip_prefix("0x").unwrap_or(digest);
        let mut hash = Hash::default();
        if hex::decode_to_slice(text, &mut hash).is_err() {
            let reason = "a digest is 64 hex digits, with or without 0x";
            return Ok(Reply::wrong(StatusCode::BAD_REQUEST, reason));
        }
        match kind {
            "evidence" => self.evidence(&hash),
            _ => Ok(self.attachment(&hash)),
        }
    }

    fn attachment(&self, digest: &Hash) -> Reply {
        match self.attachments.get(digest) {
            Ok(Some(body)) => Reply {
                status: StatusCode::OK,
                // Whatever it is, no browser shows or runs it.
                kind: "application/octet-stream",
                body,
                immutable: true,
            },
            Ok(None) => Reply::wrong(StatusCode::NOT_FOUND, "no such attachment is held here"),
            Err(error) => {
                tracing::error!(%error, "an attachment can't be given out");
                Reply::wrong(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the attachment can't be read; see the log",
                )
            }
        }
    }

    fn evidence(&self, digest: &Hash) -> Result<Reply, StoreError> {
        Ok(match self.store.published(digest)? {
            Some(document) => Reply {
                status: StatusCode::OK,
                kind: "application/json",
                body: document,
                immutable: true,
            },
            None => Reply::wrong(
                StatusCode::NOT_FOUND,
                "no published evidence has this digest; it is published once its answer is revealed",
            ),
        })
    }
}

/// Free space where the store is, bytes.
fn free_bytes(store: &Store) -> Option<u64> {
    let found = rustix::fs::statvfs(store.directory()).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Serves until it is told to stop.
pub async fn serve(listener: TcpListener, handler: Arc<StatusHandler>, stop: CancellationToken) {
    let respond = move |request| respond(handler.clone(), request);
    http::serve(listener, stop, TIMEOUTS, respond).await;
}

async fn respond(handler: Arc<StatusHandler>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    // The store blocks.
    let reply = tokio::task::spawn_blocking(move || handler.reply(&method, &path)).await;
    let reply = reply.unwrap_or_else(|_| {
        Reply::wrong(StatusCode::INTERNAL_SERVER_ERROR, "it failed; see the log")
    });
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() = reply.status;
    let cache = if reply.immutable {
        "public, max-age=31536000, immutable"
    } else {
        "no-store"
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, reply.kind),
        (header::CACHE_CONTROL, cache),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    let plain = header::HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, plain);
    response
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
