#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use super::{super::connection::Connection, *};
use serde_json::{json, Value};
use std::{
    collections::HashMap,
    sync::{
        atomic::{AtomicUsize, Ordering},
        Mutex,
    },
};
use subxt::rpcs::{
    client::{RawRpcFuture, RawRpcSubscription, RawValue, RpcClientT},
    Error as RpcError, UserError,
};

/// A node as the test wants it, changed while it runs.
#[derive(Clone)]
struct Script {
    chain: u8,
    finalized: u64,
    best: u64,
    syncing: bool,
    /// From this height on its blocks are others than those of the chain.
    forked_at: Option<u64>,
    /// It takes every question and answers none, as behind a half-open socket.
    frozen: bool,
}

type Shared = Arc<Mutex<Script>>;

fn script(finalized: u64) -> Shared {
    Arc::new(Mutex::new(Script {
        chain: 1,
        finalized,
        best: finalized + 2,
        syncing: false,
        forked_at: None,
        frozen: false,
    }))
}

fn set(node: &Shared, change: impl FnOnce(&mut Script)) {
    change(&mut node.lock().unwrap());
}

/// The hash says its height, so that headers can be found by it.
fn hash(script: &Script, number: u64) -> Hash {
    let mut hash = [0; 32];
    hash[0] = script.chain;
    hash[1] = u8::from(script.forked_at.is_some_and(|fork| number >= fork));
    hash[24..].copy_from_slice(&number.to_be_bytes());
    hash
}

struct Wire(Shared);

impl Wire {
    fn answer(&self, method: &str, params: &str) -> Result<Value, RpcError> {
        let script = self.0.lock().unwrap().clone();
        let shown =
            |number| Value::String(llm_oracle_support::address::hex0x(&hash(&script, number)));
        let params: Value = serde_json::from_str(params).unwrap_or_default();
        let first = params.get(0).cloned().unwrap_or_default();
        Ok(match method {
            "system_health" => {
                json!({ "peers": 1, "isSyncing": script.syncing, "shouldHavePeers": true })
            }
            "chain_getFinalizedHead" => shown(script.finalized),
            "chain_getBlockHash" => match first.as_u64() {
                None => shown(script.best),
                Some(number) if number <= script.best => shown(number),
                Some(_) => Value::Null,
            },
            "chain_getHeader" => {
                let text = first.as_str().unwrap();
                let number = u64::from_str_radix(&text[50..], 16).unwrap();
                let root = llm_oracle_support::address::hex0x(&[2; 32]);
                json!({
                    "parentHash": shown(number.saturating_sub(1)), "number": format!("{number:#x}"),
                    "stateRoot": root, "extrinsicsRoot": root, "digest": { "logs": [] },
                })
            }
            _ => return Err(RpcError::User(UserError::method_not_found())),
        })
    }
}

impl RpcClientT for Wire {
    fn request_raw<'a>(
        &'a self,
        method: &'a str,
        params: Option<Box<RawValue>>,
    ) -> RawRpcFuture<'a, Box<RawValue>> {
        if self.0.lock().unwrap().frozen {
            return Box::pin(std::future::pending());
        }
        let params = params.map(|raw| raw.get().to_owned()).unwrap_or_default();
        let answer = self.answer(method, &params);
        Box::pin(async move { Ok(serde_json::value::to_raw_value(&answer?).unwrap()) })
    }

    fn subscribe_raw<'a>(
        &'a self,
        _: &'a str,
        _: Option<Box<RawValue>>,
        _: &'a str,
    ) -> RawRpcFuture<'a, RawRpcSubscription> {
        Box::pin(async { Err(RpcError::User(UserError::method_not_found())) })
    }
}

/// Connections to scripted nodes; a node that is not in the list refuses.
struct Wires {
    nodes: Mutex<HashMap<String, Shared>>,
    asked: AtomicUsize,
    answer_within: Duration,
}

#[async_trait]
impl Connect for Wires {
    async fn connect(&self, url: &str) -> Result<AnyChain, ChainError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let node = self.nodes.lock().unwrap().get(url).cloned();
        let Some(node) = node else {
            return Err(ChainError::Unreachable {
                url: url.into(),
                reason: "refused".into(),
            });
        };
        let connection = Connection::over(Wire(node), url.into(), self.answer_within).await?;
        Ok(Arc::new(Chain { connection }))
    }
}

/// Nodes named `ws://0`, `ws://1`, ….
fn over(nodes: &[&Shared], block_ms: Option<u64>) -> (Endpoints, Arc<Wires>) {
    let urls: Vec<String> = (0..nodes.len()).map(|n| format!("ws://{n}")).collect();
    let named = urls.iter().cloned().zip(nodes.iter().copied().cloned());
    let wires = Arc::new(Wires {
        nodes: Mutex::new(named.collect()),
        asked: AtomicUsize::new(0),
        answer_within: Duration::from_millis(block_ms.map_or(30_000, stall_ms)),
    });
    (Endpoints::over(&urls, block_ms, wires.clone()), wires)
}

fn seen(node: &Shared, number: u32) -> NodeCriteria {
    let script = node.lock().unwrap();
    NodeCriteria {
        genesis: Some(hash(&script, 0)),
        seen: Some(Head {
            hash: hash(&script, number.into()),
            number,
        }),
        block_ms: None,
    }
}

#[tokio::test]
async fn never_act_on_a_syncing_or_rolled_back_node() {
    let node = script(100);
    let (mut endpoints, _) = over(&[&node], None);
    let known = seen(&node, 100);
    let fit = endpoints.select_node(known).await.unwrap();
    assert_eq!(fit.finalized.number, 100);

    set(&node, |node| node.syncing = true);
    let error = endpoints.select_node(known).await.unwrap_err();
    assert!(
        matches!(&error, ChainError::Unhealthy { reason, .. } if reason.contains("syncing")),
        "{error}"
    );

    // Set back to a state from before, and grown again with other blocks.
    set(&node, |node| {
        (node.syncing, node.finalized, node.best) = (false, 99, 101);
    });
    let error = endpoints.select_node(known).await.unwrap_err();
    assert!(
        matches!(&error, ChainError::Unhealthy { reason, .. } if reason.contains("finalized head is 99")),
        "{error}"
    );
    set(&node, |node| {
        (node.finalized, node.best, node.forked_at) = (120, 121, Some(98));
    });
    let error = endpoints.select_node(known).await.unwrap_err();
    assert!(
        matches!(&error, ChainError::Unhealthy { reason, .. } if reason.contains("rolled back")),
        "{error}"
    );

    // A healthy one beside it takes over, and back on the right chain it is used again.
    set(&node, |node| node.forked_at = None);
    assert!(endpoints.select_node(known).await.is_ok());
    let syncing = script(100);
    set(&syncing, |node| node.syncing = true);
    let (mut endpoints, _) = over(&[&syncing, &node], None);
    assert_eq!(
        endpoints.select_node(known).await.unwrap().chain.url(),
        "ws://1"
    );
}

#[tokio::test]
async fn two_endpoints_disagree() {
    let (one, two) = (script(100), script(97));
    let (mut endpoints, _) = over(&[&one, &two], None);
    let known = seen(&one, 90);
    assert!(endpoints.select_node(known).await.is_ok());
    set(&two, |node| node.forked_at = Some(95));
    for _ in 0..2 {
        let error = endpoints.select_node(known).await.unwrap_err();
        assert!(
            matches!(&error, ChainError::Disagree { number: 97, .. }),
            "{error}"
        );
    }
    // They agree again.
    set(&two, |node| node.forked_at = None);
    assert!(endpoints.select_node(known).await.is_ok());
    // Another chain altogether is no opinion about this one.
    set(&two, |node| node.chain = 2);
    let (mut endpoints, _) = over(&[&two, &one], None);
    assert_eq!(
        endpoints.select_node(known).await.unwrap().chain.url(),
        "ws://1"
    );
}

#[tokio::test]
async fn stall_is_seen_in_three_block_times() {
    const BLOCK_MS: u64 = 40;
    // Frozen: it takes questions and answers none.
    let (one, two) = (script(100), script(100));
    let (mut endpoints, wires) = over(&[&one, &two], Some(BLOCK_MS));
    let known = seen(&one, 90);
    assert_eq!(
        endpoints.select_node(known).await.unwrap().chain.url(),
        "ws://0"
    );
    set(&one, |node| node.frozen = true);
    // It moves on, so that only the other one stands still.
    set(&two, |node| (node.finalized, node.best) = (101, 103));
    let started = Instant::now();
    let fit = endpoints.select_node(known).await.unwrap();
    assert_eq!(fit.chain.url(), "ws://1");
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(3 * BLOCK_MS), "{took:?}");
    assert!(took < wires.answer_within * 20, "{took:?}");

    // Alive, but without a new block: the clock of the test stands for the waiting.
    let node = &mut endpoints.nodes[1];
    let (head, _) = node.best.unwrap();
    let long_ago = |ms| {
        Instant::now()
            .checked_sub(Duration::from_millis(ms))
            .unwrap()
    };
    node.best = Some((head, long_ago(3 * BLOCK_MS + 1)));
    let error = endpoints.select_node(known).await.unwrap_err();
    assert!(
        matches!(&error, ChainError::Unhealthy { reason, .. } if reason.contains("no new block")),
        "{error}"
    );
    set(&two, |node| node.best = 104);
    assert!(endpoints.select_node(known).await.is_ok());
}

#[tokio::test]
async fn a_node_that_fails_is_not_asked_at_once_again_and_comes_back() {
    let node = script(100);
    let (mut endpoints, wires) = over(&[&node], None);
    let known = seen(&node, 90);
    wires.nodes.lock().unwrap().clear();
    for _ in 0..3 {
        assert!(endpoints
            .select_node(known)
            .await
            .unwrap_err()
            .is_connection());
    }
    assert_eq!(wires.asked.load(Ordering::Relaxed), 1);
    // The pause is over.
    wires.nodes.lock().unwrap().insert("ws://0".into(), node);
    endpoints.nodes[0].not_before = None;
    assert!(endpoints.select_node(known).await.is_ok());
    assert_eq!(wires.asked.load(Ordering::Relaxed), 2);
}
