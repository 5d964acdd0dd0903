#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use super::super::{
    api::AnyChain,
    chain::Chain,
    connect::Connect,
    connection::{Connection, REQUEST_TIMEOUT},
    endpoints::Endpoints,
    error::ChainError,
    health::NodeCriteria,
};
use super::*;
use async_trait::async_trait;
use futures::channel::mpsc::{unbounded, UnboundedSender};
use llm_oracle_support::address::hex0x;
use serde_json::{json, Value};
use std::time::Duration;
use subxt::rpcs::{
    client::{RawRpcFuture, RawRpcSubscription, RawValue, RpcClientT},
    UserError,
};

/// A node with blocks that are named by the hash of their headers.
#[derive(Default)]
struct Node {
    blocks: Vec<(Hash, Value)>,
    listeners: Vec<(bool, UnboundedSender<Value>)>,
}

type Shared = Arc<Mutex<Node>>;

impl Node {
    /// Blocks that finality is behind.
    const LAG: usize = 2;

    /// Makes a block, and says so to whoever listens.
    fn block(&mut self) {
        let parent = self.blocks.last().map_or([0; 32], |(hash, _)| *hash);
        let root = hex0x(&[2; 32]);
        let header = json!({
            "parentHash": hex0x(&parent), "number": format!("{:#x}", self.blocks.len()),
            "stateRoot": root, "extrinsicsRoot": root, "digest": { "logs": [] },
        });
        let read: BlockHeader = serde_json::from_value(header.clone()).unwrap();
        self.blocks.push((hash_of(&read), header.clone()));
        let finalized = self.blocks[self.finalized()].1.clone();
        for (is_final, listener) in &self.listeners {
            let said = if *is_final { &finalized } else { &header };
            let _ = listener.unbounded_send(said.clone());
        }
    }

    fn finalized(&self) -> usize {
        self.blocks.len().saturating_sub(1 + Self::LAG)
    }

    fn answer(&self, method: &str, params: &str) -> Result<Value, RpcError> {
        let params: Value = serde_json::from_str(params).unwrap_or_default();
        let first = params.get(0).cloned().unwrap_or_default();
        let named = |number: usize| {
            let block = self.blocks.get(number);
            block.map_or(Value::Null, |(hash, _)| Value::String(hex0x(hash)))
        };
        Ok(match method {
            "system_health" => json!({ "peers": 1, "isSyncing": false, "shouldHavePeers": true }),
            "chain_getFinalizedHead" => named(self.finalized()),
            "chain_getBlockHash" => match first.as_u64() {
                None => named(self.blocks.len() - 1),
                Some(number) => named(usize::try_from(number).unwrap()),
            },
            "chain_getHeader" => {
                let found = self.blocks.iter();
                let mut found = found.filter(|(hash, _)| Some(&*hex0x(hash)) == first.as_str());
                found
                    .next()
                    .map_or(Value::Null, |(_, header)| header.clone())
            }
            _ => return Err(RpcError::User(UserError::method_not_found())),
        })
    }
}

struct Wire(Shared);

impl RpcClientT for Wire {
    fn request_raw<'a>(
        &'a self,
        method: &'a str,
        params: Option<Box<RawValue>>,
    ) -> RawRpcFuture<'a, Box<RawValue>> {
        let params = params.map(|raw| raw.get().to_owned()).unwrap_or_default();
        let answer = self.0.lock().unwrap().answer(method, &params);
        Box::pin(async move { Ok(serde_json::value::to_raw_value(&answer?).unwrap()) })
    }

    fn subscribe_raw<'a>(
        &'a self,
        method: &'a str,
        _: Option<Box<RawValue>>,
        _: &'a str,
    ) -> RawRpcFuture<'a, RawRpcSubscription> {
        let (sender, receiver) = unbounded();
        let is_final = method.contains("Finalized");
        self.0.lock().unwrap().listeners.push((is_final, sender));
        let stream = receiver.map(|said| Ok(serde_json::value::to_raw_value(&said).unwrap()));
        Box::pin(async move {
            Ok(RawRpcSubscription {
                stream: stream.boxed(),
                id: None,
            })
        })
    }
}

struct Wires(Shared);

#[async_trait]
impl Connect for Wires {
    async fn connect(&self, url: &str) -> Result<AnyChain, ChainError> {
        let wire = Wire(self.0.clone());
        let connection = Connection::over(wire, url.into(), REQUEST_TIMEOUT).await?;
        Ok(Arc::new(Chain::over(connection)))
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_node_says_by_itself_is_not_asked_for() {
    let node = Shared::default();
    for _ in 0..10 {
        node.lock().unwrap().block();
    }
    let urls = ["ws://0".to_owned()];
    let mut endpoints = Endpoints::over(&urls, Some(6_000), Arc::new(Wires(node.clone())));
    let fit = endpoints
        .select_node(NodeCriteria::default())
        .await
        .unwrap();
    let mut wake = fit.chain.finalized_heads().await.unwrap();
    let (mut seen, mut before) = (fit.finalized, None);
    // Ten blocks to get going, and a minute.
    for block in 0..20_u32 {
        if block == 10 {
            before = Some(endpoints.rpc_counts()[0].1.sent);
        }
        tokio::time::advance(Duration::from_secs(6)).await;
        node.lock().unwrap().block();
        let number = wake.next().await.unwrap();
        assert_eq!(number, 8 + block);
        let criteria = NodeCriteria {
            seen: Some(seen),
            ..NodeCriteria::default()
        };
        let fit = endpoints.select_node(criteria).await.unwrap();
        assert_eq!(fit.finalized.number, number);
        seen = fit.finalized;
    }
    let sent = endpoints.rpc_counts()[0].1.sent - before.unwrap();
    assert!(sent <= 24, "{sent} requests in a minute");
    // Nothing is heard any more: asked, it says what there is.
    node.lock().unwrap().listeners.clear();
    node.lock().unwrap().block();
    let criteria = NodeCriteria {
        seen: Some(seen),
        ask_heads: true,
        ..NodeCriteria::default()
    };
    let fit = endpoints.select_node(criteria).await.unwrap();
    assert_eq!(fit.finalized.number, seen.number + 1);
    assert!(wake.next().await.is_none(), "the subscription is over");
}
