//! One connection to one node of the network in memory.

use super::{
    dispatch::{dispatch, is_view, parse},
    tree::{needs, Tx, FEE},
    world::{SubmitFault, World, ERA},
};
use crate::kill::{Kind, Side};
use async_trait::async_trait;
use futures::channel::mpsc;
use llm_oracle_chain::{
    AnyChain, ChainApi, ChainError, Connect, Deposit, DryRunOutcome, DryRunRequest, Head,
    HeadSubscription, NodeStatus, SignedTx, Weight,
};
use llm_oracle_fixtures::mutant;
use llm_oracle_primitives::{digest, AccountId, Balance, BlockNumber, Hash};
use llm_oracle_rules::Key;
use llm_oracle_signing::Signer;
use llm_oracle_support::address::hex0x;
use scale::{DecodeAll, Encode};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

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

struct Wire {
    world: Shared,
    url: String,
    genesis: Hash,
    node: usize,
    line: usize,
}

impl Wire {
    fn lost(&self) -> ChainError {
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

    fn refuses(what: &str, reason: &str) -> ChainError {
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
        kill.pass(Kind::Await, Side::Before).await;
        if wait > 0 {
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
        let world = lock(&self.world);
        if world.is_lost(self.node, self.line) {
            return Err(self.lost());
        }
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
        Ok(world.tree.at(&world.nodes[self.node].best, number))
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
        let finalized = Self::head(&world, node.finalized);
        let at_seen = seen
            .filter(|seen| seen.number <= finalized.number)
            .and_then(|seen| world.tree.at(&node.best, seen.number));
        Ok(NodeStatus {
            genesis: self.genesis,
            // The relayer does not see it while the mutant is on.
            syncing: node.syncing && !mutant::is_on("trust_syncing_node"),
            peers: 3,
            expects_peers: true,
            best: Self::head(&world, node.best),
            finalized,
            stalled_for_ms: 0,
            at_seen,
            at_common: None,
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
        let _world = self.ask().await?;
        Ok((*contract == llm_oracle_rules::MemoryHost::address()).then_some([0xc0; 32]))
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
            return Err(Self::refuses("cells", "there is no such method"));
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
        let mut world = self.ask().await?;
        let at = run.at.unwrap_or(world.nodes[self.node].best);
        let state = world.tree.state_mut(&at);
        let state = state.ok_or_else(|| Self::refuses("a dry run", "its state is gone"))?;
        if state.traps(run.input) {
            world.count("batch too large");
            return Err(Self::trapped(run.message));
        }
        let known = parse(run.input).is_some_and(|(name, _)| is_view(name));
        let returned = match known {
            true => dispatch(&mut state.host, *run.origin, run.value, run.input),
            false => dispatch(&mut state.host.clone(), *run.origin, run.value, run.input),
        };
        let returned = returned.ok_or_else(|| Self::trapped(run.message))?;
        let gas = Weight {
            ref_time: needs(run.input),
            proof_size: 10_000,
        };
        Ok(DryRunOutcome {
            data: returned.data,
            reverted: returned.reverted,
            gas_required: gas,
            gas_consumed: gas,
            deposit: Deposit::Charge(0),
        })
    }

    async fn sign_call(
        &self,
        signer: &dyn Signer,
        nonce: u64,
        _: &AccountId,
        value: Balance,
        input: &[u8],
        gas_limit: Weight,
        _: Option<Balance>,
    ) -> Result<SignedTx, ChainError> {
        let world = self.ask().await?;
        let account = signer.account();
        let id: &[u8; 32] = account.as_ref();
        let anchor = world.nodes[self.node].finalized;
        let valid_until = world.tree.number(&anchor) + ERA - 1;
        let forever = mutant::is_on("immortal_transaction");
        let mut tx = Tx {
            signer: *id,
            nonce,
            anchor,
            valid_until: (!forever).then_some(valid_until),
            spec: world.tree.state(&anchor).map(|state| state.spec),
            value,
            input: input.to_vec(),
            ref_time: gas_limit.ref_time,
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
        kill.pass(Kind::Send, Side::Before).await;
        let taken = {
            let mut world = self.ask().await?;
            let tx = Tx::decode_all(&mut &*bytes);
            let tx = tx.map_err(|error| ChainError::decode("a transaction", error))?;
            self.hand_in(&mut world, tx)
        };
        kill.pass(Kind::Send, Side::After).await;
        taken
    }
}

impl Wire {
    fn hand_in(&self, world: &mut World, tx: Tx) -> Result<Hash, ChainError> {
        let hash = tx.hash();
        if let Some(watch) = world.watch.clone() {
            watch.leaves(world, self.node, &tx, &hash);
        }
        let name = parse(&tx.input).map_or("?", |(name, _)| name);
        let (nonce, short) = (tx.nonce, &hex0x(&tx.signer)[..8]);
        world
            .trace
            .note(format!("node {}: {short} {nonce} {name}", self.node));
        let fault = self.fault(world);
        let known = world.pool.contains(&tx);
        let answer = match fault {
            Some(SubmitFault::CutBefore) => {
                world.cut_lines(self.node);
                return Err(self.lost());
            }
            Some(SubmitFault::Refused) if !known => {
                Err(Self::refuses("the transaction", "temporarily banned"))
            }
            Some(SubmitFault::Lost) if !known => return Ok(hash),
            _ => self.offer(world, &tx, known),
        };
        match &answer {
            Ok(()) if world.seen.contains(&tx) => {}
            Ok(()) => world.seen.push(tx),
            Err(_) => {
                if let Some(watch) = world.watch.clone() {
                    watch.refused(&hash);
                }
            }
        }
        if fault == Some(SubmitFault::CutAfter) {
            world.cut_lines(self.node);
            return Err(self.lost());
        }
        answer.map(|()| hash)
    }

    fn fault(&self, world: &mut World) -> Option<SubmitFault> {
        let often = world.ways.submit;
        let mut fault = world.next_submit.take();
        if fault.is_none() && often > 0 && world.rng.chance(often, 1_000) {
            let all = [
                SubmitFault::Refused,
                SubmitFault::Lost,
                SubmitFault::CutAfter,
                SubmitFault::CutBefore,
            ];
            fault = world.rng.pick(&all).copied();
        }
        if let Some(fault) = fault {
            world.count(match fault {
                SubmitFault::Refused => "submit refused",
                SubmitFault::Lost => "submit lost",
                SubmitFault::CutAfter => "submit taken and cut",
                SubmitFault::CutBefore => "submit cut",
            });
        }
        fault
    }

    /// What the pool says to it, by the node's best block.
    fn offer(&self, world: &mut World, tx: &Tx, known: bool) -> Result<(), ChainError> {
        let best = world.nodes[self.node].best;
        let Some(state) = world.tree.state(&best) else {
            return Err(Self::refuses("the transaction", "no state"));
        };
        let signer = AccountId::from(tx.signer);
        let refusal = if tx.nonce < state.nonce(&signer) {
            Some("transaction is outdated")
        } else if tx
            .valid_until
            .is_some_and(|last| world.tree.number(&best) >= last)
            || tx.spec.is_some_and(|spec| spec != state.spec)
        {
            Some("transaction has a bad signature")
        } else if state.balance(&signer) < FEE {
            Some("inability to pay some fees")
        } else if !known
            && world
                .pool
                .iter()
                .any(|other| (other.signer, other.nonce) == (tx.signer, tx.nonce))
        {
            Some("priority is too low")
        } else {
            None
        };
        match refusal {
            Some(reason) => Err(Self::refuses("the transaction", reason)),
            None => {
                if !known {
                    world.pool.push(tx.clone());
                }
                Ok(())
            }
        }
    }
}
