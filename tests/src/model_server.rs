//! A server with the chat-completions API that fails as servers do.

use serde_json::{json, Value};
use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// Largest request that is read, bytes.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// What it does with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// A completion with this text.
    Text(&'static str),
    /// A status, with `Retry-After` in seconds if there is one.
    Status(u16, Option<u32>),
    /// A status, with this address in every header that names one.
    Redirect(u16, &'static str),
    /// Half a response, and the end of the connection.
    Broken,
    /// Bytes that are no completion.
    Junk(&'static [u8]),
    /// A completion with a refusal in its place.
    Refusal,
    /// Nothing, for as long as the other side waits.
    Nothing,
}

type Script = dyn Fn(&str, usize) -> Says + Send + Sync;
type Asked = Arc<Mutex<HashMap<String, Vec<Says>>>>;

/// A running server. Dropping it closes it.
pub struct ModelServer {
    port: u16,
    asked: Asked,
    serving: JoinHandle<()>,
}

impl ModelServer {
    /// A server that does what `script` says for a prompt and the number of requests for it before.
    ///
    /// # Panics
    /// When it can't listen.
    pub async fn start(script: impl Fn(&str, usize) -> Says + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Asked::default();
        let serving = tokio::spawn(serve(listener, Arc::new(script), asked.clone()));
        Self {
            port,
            asked,
            serving,
        }
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What it said about each prompt, in order.
    pub fn said(&self) -> HashMap<String, Vec<Says>> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Requests that it took.
    pub fn requests(&self) -> usize {
        self.said().values().map(Vec::len).sum()
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Lines of `[model]` for a server at `address`.
pub fn settings(address: &str, timeout_ms: u32) -> String {
    format!(
        "provider = 'openai'\nbase_url = 'http://{address}/v1'\nmodel = 'm'\ntimeout_ms = {timeout_ms}\n"
    )
}

async fn serve(listener: TcpListener, script: Arc<Script>, asked: Asked) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (script, asked) = (script.clone(), asked.clone());
        connections.spawn(async move {
            // Whoever goes away gets no answer.
            let _ = answer(stream, &*script, &asked).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(mut stream: TcpStream, script: &Script, asked: &Asked) -> io::Result<()> {
    let request = read(&mut stream).await?;
    let prompt = request["messages"][1]["content"].as_str();
    let prompt = prompt.unwrap_or_default().to_owned();
    let says = {
        let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
        let before = asked.entry(prompt.clone()).or_default();
        let says = script(&prompt, before.len());
        before.push(says);
        says
    };
    let (status, more, body) = match says {
        Says::Text(text) => (200, String::new(), completion(&json!({ "content": text }))),
        Says::Refusal => (200, String::new(), completion(&json!({ "refusal": "No." }))),
        Says::Junk(bytes) => (200, String::new(), bytes.to_vec()),
        Says::Broken => (200, String::new(), vec![b'{'; 64]),
        Says::Status(status, after) => {
            let after = after.map(|seconds| format!("retry-after: {seconds}\r\n"));
            (status, after.unwrap_or_default(), b"{}".to_vec())
        }
        Says::Redirect(status, to) => {
            let name = |header: &str| format!("{header}: {to}\r\n");
            let headers = ["location", "content-location"].map(name).concat();
            let more = format!("refresh: 0; url={to}\r\nlink: <{to}>; rel=preload\r\n");
            (status, headers + &more, to.into())
        }
        Says::Nothing => {
            // Until the other side goes.
            let _ = stream.read_u8().await;
            return Ok(());
        }
    };
    let length = match says {
        Says::Broken => body.len() + 1,
        _ => body.len(),
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{more}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    stream.shutdown().await
}

fn completion(message: &Value) -> Vec<u8> {
    let body =
        json!({ "model": "m", "choices": [{ "finish_reason": "stop", "message": message }] });
    body.to_string().into_bytes()
}

/// The JSON body of one request.
async fn read(stream: &mut TcpStream) -> io::Result<Value> {
    let mut bytes = Vec::new();
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    loop {
        if let Some(body) = body(&bytes) {
            return serde_json::from_slice(body).map_err(io::Error::from);
        }
        if bytes.len() > REQUEST_BYTES_MAX {
            return Err(bad("a request that is too long"));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(bad("half a request"));
        }
    }
}

/// The body, once all of it is there.
fn body(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))?;
    let length: usize = length.trim().parse().ok()?;
    bytes.get(end + 4..end + 4 + length)
}
