//! One connection to one node of the network in memory.

use super::{
    tree::{needs, Tx, FEE},
    trouble::{changes, invented, turn_away},
    world::World,
};
use crate::kill::{KillKind, Side};
use async_trait::async_trait;
use futures::channel::mpsc;
use llm_oracle_chain::{
    era_window, AnyChain, BlockEvents, ChainApi, ChainError, Connect, Deposit, DryRunOutcome,
    DryRunRequest, Head, HeadSubscription, NodeStatus, SignedTx, TxTerms, Weight,
};
use llm_oracle_fixtures::mutant;
use llm_oracle_primitives::{digest, AccountId, Balance, BlockNumber, Hash};
use llm_oracle_rules::Key;
use llm_oracle_signing::Signer;
use scale::{DecodeAll, Encode};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Blocks whose hashes the chain remembers.
const REMEMBERED: u64 = 4096;

/// The network, shared by the test and all connections.
pub type Shared = Arc<Mutex<World>>;

/// Locks it, also after a test has failed.
pub fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connections to the nodes `ws://0`, `ws://1`, ….
pub struct Wires(pub Shared);

#[async_trait]
impl Connect for Wires {
    async fn connect(&self, url: &str) -> Result<AnyChain, ChainError> {
        let index = url.rsplit('/').next().and_then(|name| name.parse().ok());
        let mut world = lock(&self.0);
        let node = index.filter(|index: &usize| *index < world.nodes.len());
        match node.filter(|node| !world.nodes[*node].cut) {
            Some(node) => {
                let line = world.next_line;
                world.next_line += 1;
                Ok(Arc::new(Wire {
                    world: self.0.clone(),
                    url: url.to_owned(),
                    genesis: world.genesis,
                    node,
                    line,
                }))
            }
            None => Err(ChainError::Unreachable {
                url: url.to_owned(),
                reason: "refused".into(),
            }),
        }
    }
}

pub(super) struct Wire {
    world: Shared,
    url: String,
    genesis: Hash,
    pub(super) node: usize,
    line: usize,
}

impl Wire {
    pub(super) fn lost(&self) -> ChainError {
        ChainError::Lost {
            url: self.url.clone(),
            reason: "cut".into(),
        }
    }

    fn trapped(message: &str) -> ChainError {
        ChainError::Dispatch {
            message: message.into(),
            name: "Contracts::ContractTrapped".into(),
            debug: String::new(),
        }
    }

    pub(super) fn refuses(what: &str, reason: &str) -> ChainError {
        ChainError::Node {
            what: what.into(),
            reason: reason.into(),
        }
    }

    /// Takes the question to the node, with whatever can happen on the way.
    async fn ask(&self) -> Result<MutexGuard<'_, World>, ChainError> {
        let (kill, wait) = {
            let mut world = lock(&self.world);
            let (slow, cut) = (world.ways.slow, world.ways.cut);
            let (roll, wait) = match slow + cut {
                0 => (1_000, 0),
                _ => (world.rng.below(1_000), world.rng.below(400)),
            };
            if roll < cut {
                world.count("node disconnect");
                world.cut_lines(self.node);
            }
            let slow = roll >= cut && roll < cut + slow;
            world.questions += 1;
            // Time passes now and then, so that nothing can go round for ever in one moment.
            let usual = if world.questions.is_multiple_of(8) {
                10
            } else {
                0
            };
            (world.kill.clone(), if slow { wait } else { usual })
        };
        kill.pass(KillKind::Await, Side::Before).await;
        if wait > 0 {
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
        let mut world = lock(&self.world);
        if world.is_lost(self.node, self.line) {
            return Err(self.lost());
        }
        turn_away(&mut world, self.node, &self.url)?;
        Ok(world)
    }

    fn head(world: &World, hash: Hash) -> Head {
        Head {
            hash,
            number: world.tree.number(&hash),
        }
    }
}

#[async_trait]
impl ChainApi for Wire {
    fn url(&self) -> &str {
        &self.url
    }

    fn genesis(&self) -> Hash {
        self.genesis
    }

    fn is_lost(&self) -> bool {
        lock(&self.world).is_lost(self.node, self.line)
    }

    fn connection_id(&self) -> usize {
        self.line
    }

    async fn best(&self) -> Result<Head, ChainError> {
        let world = self.ask().await?;
        Ok(Self::head(&world, world.nodes[self.node].best))
    }

    async fn hash_at(&self, number: BlockNumber) -> Result<Option<Hash>, ChainError> {
        let world = self.ask().await?;
        let node = &world.nodes[self.node];
        if node.invents > 0 && number > world.tree.number(&node.finalized) {
            return Ok(Some(invented(number).hash));
        }
        Ok(world.tree.at(&node.best, number))
    }

    async fn block_events(&self, _: &AccountId, block: Hash) -> Result<BlockEvents, ChainError> {
        let world = self.ask().await?;
        let state = world.tree.state(&block);
        let state = state.ok_or_else(|| Self::refuses("events", "its state is gone"))?;
        let events = &state.host.events;
        let is_quiet =
            events.is_empty() && world.tree.get(&block).is_some_and(|it| it.txs.is_empty());
        Ok(BlockEvents {
            changes: changes(events),
            is_quiet,
        })
    }

    async fn finalized_heads(&self) -> Result<HeadSubscription, ChainError> {
        let mut world = self.ask().await?;
        let (sender, receiver) = mpsc::unbounded();
        world.wakes.push((self.line, self.node, sender));
        Ok(HeadSubscription::over(receiver))
    }

    async fn node_status(&self, seen: Option<Head>) -> Result<NodeStatus, ChainError> {
        let world = self.ask().await?;
        let node = &world.nodes[self.node];
        let mut finalized = Self::head(&world, node.finalized);
        let mut best = Self::head(&world, node.best);
        let invents = node.invents;
        if invents > 0 {
            finalized = invented(finalized.number + invents);
            best = invented(finalized.number + 2);
        }
        let at_seen = seen
            .filter(|seen| seen.number <= finalized.number)
            .and_then(|seen| world.tree.at(&node.best, seen.number));
        Ok(NodeStatus {
            genesis: self.genesis,
            // The relayer does not see it while the mutant is on.
            syncing: node.syncing && !mutant::is_on("trust_syncing_node"),
            peers: 3,
            expects_peers: true,
            best,
            finalized,
            stalled_for_ms: 0,
            at_seen,
        })
    }

    async fn nonce_at(&self, account: &AccountId, at: Hash) -> Result<u64, ChainError> {
        let world = self.ask().await?;
        let state = world.tree.state(&at);
        let state = state.ok_or_else(|| Self::refuses("a nonce", "its state is gone"))?;
        Ok(state.nonce(account))
    }

    async fn next_nonce(&self, account: &AccountId) -> Result<u64, ChainError> {
        let world = self.ask().await?;
        let state = world.tree.state(&world.nodes[self.node].best);
        let mut nonce = state.map_or(0, |state| state.nonce(account));
        let id: &[u8; 32] = account.as_ref();
        while world
            .pool
            .iter()
            .any(|tx| tx.signer == *id && tx.nonce == nonce)
        {
            nonce += 1;
        }
        Ok(nonce)
    }

    async fn free_balance(&self, account: &AccountId) -> Result<Balance, ChainError> {
        let world = self.ask().await?;
        let state = world.tree.state(&world.nodes[self.node].best);
        Ok(state.map_or(0, |state| state.balance(account)))
    }

    async fn code_hash(
        &self,
        contract: &AccountId,
        _: Option<Hash>,
    ) -> Result<Option<Hash>, ChainError> {
        let world = self.ask().await?;
        Ok((*contract == llm_oracle_rules::MemoryHost::address()).then_some(world.code))
    }

    async fn storage_entries(
        &self,
        _: &AccountId,
        keys: &[Key],
        at: Hash,
    ) -> Result<Vec<Option<Vec<u8>>>, ChainError> {
        let mut world = self.ask().await?;
        let refused = world.ways.cells;
        if refused > 0 && world.rng.below(1_000) < refused {
            world.count("cells refused");
            return Err(ChainError::MethodNotFound {
                what: "cells".into(),
                reason: "Method not found (-32601)".into(),
            });
        }
        let state = world.tree.state(&at);
        let state = state.ok_or_else(|| Self::refuses("cells", "its state is gone"))?;
        let cell = |key: &Key| {
            let mut bytes = state.host.cell(key);
            if let (Some(bytes), Some(true)) = (&mut bytes, world.lies.map(|lies| lies(key))) {
                bytes.iter_mut().for_each(|byte| *byte ^= 1);
            }
            bytes
        };
        Ok(keys.iter().map(cell).collect())
    }

    async fn max_extrinsic(&self, _at: Hash) -> Result<Option<Weight>, ChainError> {
        let _world = self.ask().await?;
        Ok(Some(Weight {
            ref_time: 1_500_000_000_000,
            proof_size: 5 * 1024 * 1024,
        }))
    }

    async fn contract_inputs(
        &self,
        _: &AccountId,
        block: Hash,
    ) -> Result<Vec<Vec<u8>>, ChainError> {
        let world = self.ask().await?;
        let block = world.tree.get(&block);
        let block = block.ok_or_else(|| Self::refuses("a block", "it is not known"))?;
        Ok(block.txs.iter().map(|tx| tx.input.clone()).collect())
    }

    async fn run_call(&self, run: DryRunRequest<'_>) -> Result<DryRunOutcome, ChainError> {
        let delivery_ms = lock(&self.world).ways.delivery_ms;
        if run.message == "deliver" && delivery_ms > 0 {
            tokio::time::sleep(Duration::from_millis(delivery_ms)).await;
        }
        let mut world = self.ask().await?;
        let at = run.at.unwrap_or(world.nodes[self.node].best);
        let state = world.tree.state_mut(&at);
        let state = state.ok_or_else(|| Self::refuses("a dry run", "its state is gone"))?;
        if state.traps(run.input) {
            world.count("batch too large");
            return Err(Self::trapped(run.message));
        }
        let called = state.dry_run((*run.origin, run.value), run.input, run.limits.deposit);
        let (returned, deposit) = called.ok_or_else(|| Self::trapped(run.message))?;
        let gas = Weight {
            ref_time: needs(run.input),
            proof_size: 10_000,
        };
        Ok(DryRunOutcome {
            data: returned.data,
            reverted: returned.reverted,
            gas_required: gas,
            gas_consumed: gas,
            deposit: Deposit::Charge(deposit),
        })
    }

    async fn sign_call_with(
        &self,
        signer: &dyn Signer,
        terms: TxTerms,
        _: &AccountId,
        value: Balance,
        input: &[u8],
        gas_limit: Weight,
        deposit_limit: Option<Balance>,
    ) -> Result<SignedTx, ChainError> {
        let world = self.ask().await?;
        let account = signer.account();
        let id: &[u8; 32] = account.as_ref();
        let node = &world.nodes[self.node];
        let [finalized, best] = [node.finalized, node.best].map(|hash| world.tree.number(&hash));
        let era = era_window(finalized, best, REMEMBERED, &terms);
        let anchor = world
            .tree
            .at(&node.finalized, era.first)
            .unwrap_or(node.finalized);
        let (nonce, valid_until) = (terms.nonce, era.last());
        let forever = mutant::is_on("immortal_transaction");
        let mut tx = Tx {
            signer: *id,
            nonce,
            anchor,
            valid_until: (!forever).then_some(valid_until),
            // That of the best block, like the client.
            spec: world.tree.state(&node.best).map(|state| state.spec),
            value,
            input: input.to_vec(),
            ref_time: gas_limit.ref_time,
            deposit_limit,
            tip: terms.tip,
            signature: [0; 32],
        };
        // Two signatures are never the same, like real ones.
        tx.signature = digest::blake2(&("signed", &tx, world.questions).encode());
        Ok(SignedTx {
            hash: tx.hash(),
            bytes: tx.encode(),
            signer: account,
            nonce,
            valid_until,
        })
    }

    async fn fee_of(&self, _: &[u8]) -> Result<Balance, ChainError> {
        drop(self.ask().await?);
        Ok(FEE)
    }

    async fn submit(&self, bytes: &[u8]) -> Result<Hash, ChainError> {
        let kill = lock(&self.world).kill.clone();
        kill.pass(KillKind::Send, Side::Before).await;
        let taken = {
            let mut world = self.ask().await?;
            let tx = Tx::decode_all(&mut &*bytes);
            let tx = tx.map_err(|error| ChainError::decode("a transaction", error))?;
            self.hand_in(&mut world, tx)
        };
        kill.pass(KillKind::Send, Side::After).await;
        taken
    }
}
