#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use super::{
    super::{chain::Chain, connection::Connection, health::stall_ms},
    *,
};
use async_trait::async_trait;
use llm_oracle_support::clock::Instant;
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
    /// It answers these methods with this error.
    refuses: Option<(&'static str, i32)>,
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
        refuses: None,
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
        if let Some((_, code)) = script.refuses.filter(|(name, _)| method.starts_with(name)) {
            return Err(RpcError::User(UserError {
                code,
                message: "no".to_owned(),
                data: None,
            }));
        }
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
        Ok(Arc::new(Chain::over(connection)))
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
        ask_heads: false,
    }
}

/// The next choice after looks at the nodes that are not in use.
async fn after_a_look(
    endpoints: &mut Endpoints,
    known: NodeCriteria,
) -> Result<HealthyNode, ChainError> {
    tokio::time::advance(CHECK_SPARES_EVERY).await;
    let _ = endpoints.select_node(known).await;
    // The looks are tasks of their own.
    tokio::time::advance(Duration::from_millis(1)).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    endpoints.select_node(known).await
}

#[tokio::test(start_paused = true)]
async fn never_act_on_a_syncing_or_rolled_back_node() {
    let node = script(100);
    let (mut endpoints, _) = over(&[&node], None);
    let known = seen(&node, 100);
    let fit = endpoints.select_node(known).await.unwrap();
    assert_eq!(fit.finalized.number, 100);

    set(&node, |node| node.syncing = true);
    let error = after_a_look(&mut endpoints, known).await.unwrap_err();
    assert!(
        matches!(&error, ChainError::Unhealthy { reason, .. } if reason.contains("syncing")),
        "{error}"
    );

    // Set back to a state from before, and grown again with other blocks.
    set(&node, |node| {
        (node.syncing, node.finalized, node.best) = (false, 99, 101);
    });
    let error = after_a_look(&mut endpoints, known).await.unwrap_err();
    assert!(
        matches!(&error, ChainError::Unhealthy { reason, .. } if reason.contains("finalized head is 99")),
        "{error}"
    );
    set(&node, |node| {
        (node.finalized, node.best, node.forked_at) = (120, 121, Some(98));
    });
    let error = after_a_look(&mut endpoints, known).await.unwrap_err();
    assert!(
        matches!(&error, ChainError::Unhealthy { reason, .. } if reason.contains("rolled back")),
        "{error}"
    );

    // A healthy one beside it takes over, and back on the right chain it is used again.
    set(&node, |node| node.forked_at = None);
    assert!(after_a_look(&mut endpoints, known).await.is_ok());
    let syncing = script(100);
    set(&syncing, |node| node.syncing = true);
    let (mut endpoints, _) = over(&[&syncing, &node], None);
    assert_eq!(
        endpoints.select_node(known).await.unwrap().chain.url(),
        "ws://1"
    );
}

#[tokio::test(start_paused = true)]
async fn two_endpoints_disagree() {
    let (one, two) = (script(100), script(97));
    let (mut endpoints, _) = over(&[&one, &two], None);
    let known = seen(&one, 90);
    // With two nodes the lower finalized head counts.
    let fit = endpoints.select_node(known).await.unwrap();
    assert_eq!(fit.finalized.number, 97);
    set(&two, |node| node.forked_at = Some(95));
    for _ in 0..2 {
        let error = after_a_look(&mut endpoints, known).await.unwrap_err();
        let disagrees = matches!(&error, ChainError::Disagree { number: 97, .. });
        assert!(disagrees, "{error}");
    }
    // They agree again.
    set(&two, |node| node.forked_at = None);
    assert!(after_a_look(&mut endpoints, known).await.is_ok());
    // Another chain altogether is no opinion about this one.
    set(&two, |node| node.chain = 2);
    let (mut endpoints, _) = over(&[&two, &one], None);
    assert_eq!(
        endpoints.select_node(known).await.unwrap().chain.url(),
        "ws://1"
    );
}

#[tokio::test(start_paused = true)]
async fn stall_is_seen_in_three_block_times() {
    const BLOCK_MS: u64 = 40;
    // Frozen: it takes questions and answers none.
    let (one, two) = (script(100), script(100));
    let (mut endpoints, _) = over(&[&one, &two], Some(BLOCK_MS));
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

    // Alive, but without a new block.
    assert!(endpoints.select_node(known).await.is_ok());
    tokio::time::advance(Duration::from_millis(3 * BLOCK_MS + 1)).await;
    let error = endpoints.select_node(known).await.unwrap_err();
    assert!(error.to_string().contains("no new block"), "{error}");
    set(&two, |node| node.best = 104);
    assert!(endpoints.select_node(known).await.is_ok());
}

#[tokio::test(start_paused = true)]
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
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(endpoints.select_node(known).await.is_ok());
    assert_eq!(wires.asked.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_claims_to_be_ahead_takes_nothing_over() {
    let honest = script(100);
    let known = seen(&honest, 90);
    for ahead in [1, 5, 6, 5_000] {
        let liar = script(100 + ahead);
        set(&liar, |node| node.forked_at = Some(101));
        // However the two are ordered: what only one of them has is not final.
        for nodes in [[&liar, &honest], [&honest, &liar]] {
            let (mut endpoints, _) = over(&nodes, None);
            for _ in 0..3 {
                let fit = after_a_look(&mut endpoints, known).await.unwrap();
                assert_eq!(fit.finalized.number, 100, "{ahead} ahead");
                assert_eq!(fit.finalized.hash, hash(&honest.lock().unwrap(), 100));
            }
        }
        // Nor does it make honest ones unhealthy.
        let other = script(102);
        let (mut endpoints, _) = over(&[&liar, &honest, &other], None);
        let fit = endpoints.select_node(known).await.unwrap();
        assert_eq!(fit.finalized.hash[1], 0, "{ahead} ahead: {fit:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn most_nodes_outvote_one_that_contradicts_them() {
    let (forked, one, two) = (script(100), script(100), script(99));
    set(&forked, |node| node.forked_at = Some(95));
    let (mut endpoints, _) = over(&[&forked, &one, &two], None);
    let known = seen(&one, 90);
    let fit = endpoints.select_node(known).await.unwrap();
    assert_eq!((fit.chain.url(), fit.finalized.number), ("ws://1", 99));
}

#[tokio::test(start_paused = true)]
async fn a_json_error_drops_no_connection() {
    for code in [-32005, -32603, 429, 4003] {
        let node = script(100);
        let (mut endpoints, wires) = over(&[&node], None);
        let known = seen(&node, 90);
        assert!(endpoints.select_node(known).await.is_ok());
        set(&node, |node| node.refuses = Some(("chain_", code)));
        for _ in 0..3 {
            let error = endpoints.select_node(known).await.unwrap_err();
            assert!(
                error.is_refusal() && error.is_transient(),
                "{code}: {error}"
            );
        }
        set(&node, |node| node.refuses = None);
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(endpoints.select_node(known).await.is_ok(), "{code}");
        assert_eq!(wires.asked.load(Ordering::Relaxed), 1, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_keeps_its_health_to_itself_is_used() {
    for code in [-32601, 429, -32000] {
        let node = script(100);
        set(&node, |node| node.refuses = Some(("system_health", code)));
        let (mut endpoints, _) = over(&[&node], None);
        let known = seen(&node, 90);
        assert!(endpoints.select_node(known).await.is_ok(), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_spare_that_hangs_keeps_nobody_waiting_and_is_looked_at_seldom() {
    let (one, spare) = (script(100), script(100));
    let (mut endpoints, _) = over(&[&one, &spare], None);
    let known = seen(&one, 90);
    assert!(endpoints.select_node(known).await.is_ok());
    let before = endpoints.rpc_counts()[1].1.sent;
    for _ in 0..60 {
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(endpoints.select_node(known).await.is_ok());
    }
    let sent = endpoints.rpc_counts()[1].1.sent - before;
    assert!((1..=60).contains(&sent), "{sent} requests in a minute");
    set(&spare, |node| node.frozen = true);
    tokio::time::advance(CHECK_SPARES_EVERY).await;
    for _ in 0..5 {
        let started = Instant::now();
        assert!(endpoints.select_node(known).await.is_ok());
        assert_eq!(started.elapsed(), Duration::ZERO);
    }
}
