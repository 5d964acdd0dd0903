//! A public RPC endpoint as hosts sell them: every answer takes its time, and one call in so many is
//! refused. A WebSocket proxy that reads JSON-RPC and counts it.

use crate::Dice;
use serde_json::{json, Value};
use soketto::{
    handshake::{server::Response, Client, Server, ServerResponse},
    BoxedError, Receiver, Sender,
};
use std::{
    collections::BTreeMap,
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc, Mutex, PoisonError,
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::{JoinHandle, JoinSet},
    time::{sleep_until, Instant},
};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt as _};

/// Largest message that is passed on, bytes: metadata and blocks of a few MiB in hex.
const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What hosts say when they refuse, by turns: a rate limit, and a backend that fails.
const REFUSALS: [(i64, &str); 2] = [(-32029, "Too many requests"), (-32603, "Internal error")];

type Socket = Compat<TcpStream>;

/// What an endpoint does with calls.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Time that each answer takes on top.
    pub latency: Duration,
    /// One call in so many is refused; 0: none.
    pub refused_one_in: u64,
}

/// A running endpoint. Dropping it closes all of its connections.
pub struct PublicRpc {
    port: u16,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    terms: Terms,
    dice: Mutex<Dice>,
    calls: Mutex<BTreeMap<String, u64>>,
    refused: AtomicU64,
    bytes: AtomicU64,
}

/// A message and when it is due.
type Due = (Instant, String);

impl PublicRpc {
    /// An endpoint before a node of this machine. `url` is the node's.
    ///
    /// # Panics
    /// When it can't listen.
    pub async fn before(url: &str, terms: Terms) -> Self {
        let target = url.rsplit('/').next().unwrap_or(url).to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            terms,
            dice: Mutex::new(Dice::new("public RPC")),
            calls: Mutex::default(),
            refused: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(accept(listener, target, shared.clone()));
        Self {
            port,
            shared,
            accepting,
        }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// Calls so far by method, the refused ones too.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.shared.calls().clone()
    }

    /// Calls that were refused.
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// Bytes of JSON in both directions.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for PublicRpc {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn calls(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, u64>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn due(&self) -> Instant {
        Instant::now() + self.terms.latency
    }

    fn count_bytes(&self, text: &str) {
        self.bytes.fetch_add(text.len() as u64, Ordering::Relaxed);
    }

    /// The answer to a call that is refused.
    fn refusal(&self, call: &Value) -> Option<String> {
        let method = call["method"].as_str().unwrap_or_default();
        *self.calls().entry(method.to_owned()).or_default() += 1;
        let (id, one_in) = (call.get("id")?, self.terms.refused_one_in);
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        if one_in == 0 || dice.below(one_in) > 0 {
            return None;
        }
        let number = self.refused.fetch_add(1, Ordering::Relaxed);
        let (code, message) = REFUSALS[number as usize % REFUSALS.len()];
        let error = json!({ "code": code, "message": message });
        Some(json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string())
    }
}

async fn accept(listener: TcpListener, target: String, shared: Arc<Shared>) {
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let (target, shared) = (target.clone(), shared.clone());
        connections.spawn(async move {
            // An end that closes is none of the endpoint's errors.
            let _ = converse(near, &target, &shared).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(near: TcpStream, target: &str, shared: &Shared) -> Result<(), BoxedError> {
    near.set_nodelay(true)?;
    let mut server = Server::new(near.compat());
    let key = server.receive_request().await?.key();
    let protocol = None;
    server
        .send_response(&Response::Accept { key, protocol })
        .await?;
    let far = TcpStream::connect(target).await?;
    far.set_nodelay(true)?;
    let mut client = Client::new(far.compat(), target, "/");
    let ServerResponse::Accepted { .. } = client.handshake().await? else {
        return Err("the node refuses WebSockets".into());
    };
    let (mut server, mut client) = (server.into_builder(), client.into_builder());
    server.set_max_message_size(MESSAGE_BYTES_MAX);
    client.set_max_message_size(MESSAGE_BYTES_MAX);
    let ((to_near, from_near), (to_far, from_far)) = (server.finish(), client.finish());
    let (calls, calls_out) = mpsc::unbounded_channel();
    let (answers, answers_out) = mpsc::unbounded_channel();
    // Whichever ends first ends the conversation; none of them is polled again after it.
    tokio::select! {
        done = read_calls(from_near, calls, answers.clone(), shared) => done,
        done = write(calls_out, to_far) => done,
        done = read_answers(from_far, answers, shared) => done,
        done = write(answers_out, to_near) => done,
    }
}

async fn read_calls(
    mut from: Receiver<Socket>,
    calls: UnboundedSender<Due>,
    answers: UnboundedSender<Due>,
    shared: &Shared,
) -> Result<(), BoxedError> {
    loop {
        let text = read(&mut from, shared).await?;
        match shared.refusal(&serde_json::from_str(&text)?) {
            Some(refusal) => answers.send((shared.due(), refusal))?,
            None => calls.send((Instant::now(), text))?,
        }
    }
}

async fn read_answers(
    mut from: Receiver<Socket>,
    answers: UnboundedSender<Due>,
    shared: &Shared,
) -> Result<(), BoxedError> {
    loop {
        let text = read(&mut from, shared).await?;
        answers.send((shared.due(), text))?;
    }
}

async fn read(from: &mut Receiver<Socket>, shared: &Shared) -> Result<String, BoxedError> {
    let mut bytes = Vec::new();
    from.receive_data(&mut bytes).await?;
    let text = String::from_utf8(bytes)?;
    shared.count_bytes(&text);
    Ok(text)
}

async fn write(mut from: UnboundedReceiver<Due>, mut to: Sender<Socket>) -> Result<(), BoxedError> {
    while let Some((due, text)) = from.recv().await {
        sleep_until(due).await;
        to.send_text(text).await?;
        to.flush().await?;
    }
    Ok(())
}
