//! The pool of a node: what it takes, what it refuses, and what goes wrong on the way.

use super::{
    dispatch::parse,
    node::Wire,
    tree::{Tx, FEE},
    trouble::submit_fault,
    world::{SubmitFault, World},
};
use llm_oracle_chain::{ChainError, TxRetry};
use llm_oracle_primitives::{AccountId, Hash};
use llm_oracle_support::address::hex0x;

impl Wire {
    pub(super) fn hand_in(&self, world: &mut World, tx: Tx) -> Result<Hash, ChainError> {
        let hash = tx.hash();
        if let Some(watch) = world.watch.clone() {
            watch.leaves(world, self.node, &tx, &hash);
        }
        let name = parse(&tx.input).map_or("?", |(name, _)| name);
        let (nonce, short) = (tx.nonce, &hex0x(&tx.signer)[..8]);
        world
            .trace
            .note(format!("node {}: {short} {nonce} {name}", self.node));
        let fault = submit_fault(world);
        let known = world.pool.contains(&tx);
        let answer = match fault {
            Some(SubmitFault::CutBefore) => {
                world.cut_lines(self.node);
                return Err(self.lost());
            }
            Some(SubmitFault::Refused) if !known => {
                Err(pool_refuses("TemporarilyBanned", TxRetry::Backoff))
            }
            Some(SubmitFault::Lost) if !known => return Ok(hash),
            _ => self.offer(world, &tx, known),
        };
        if let Err(ChainError::Pool { name, .. }) = &answer {
            world.trace.note(format!("refused: {name}"));
        }
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

    /// What the pool says to it, by the node's best block.
    fn offer(&self, world: &mut World, tx: &Tx, known: bool) -> Result<(), ChainError> {
        let best = world.nodes[self.node].best;
        let Some(state) = world.tree.state(&best) else {
            return Err(Self::refuses("the transaction", "no state"));
        };
        let signer = AccountId::from(tx.signer);
        let taken = |other: &Tx| (other.signer, other.nonce) == (tx.signer, tx.nonce);
        let refusal = if tx.nonce < state.nonce(&signer) {
            Some(("Stale", TxRetry::Immediate))
        } else if tx
            .valid_until
            .is_some_and(|last| world.tree.number(&best) >= last)
            || tx.spec.is_some_and(|spec| spec != state.spec)
        {
            Some(("BadProof", TxRetry::Immediate))
        } else if (1..tx.ref_time).contains(&world.ways.most_ref_time) {
            Some(("ExhaustsResources", TxRetry::Backoff))
        } else if state.balance(&signer) < FEE {
            Some(("Payment", TxRetry::Backoff))
        } else if !known && world.pool.iter().any(taken) {
            Some(("TooLowPriority", TxRetry::Immediate))
        } else {
            None
        };
        match refusal {
            Some((name, retry)) => Err(pool_refuses(name, retry)),
            None => {
                if !known {
                    world.pool.push(tx.clone());
                }
                Ok(())
            }
        }
    }
}

/// A verdict of the pool, by its name.
fn pool_refuses(name: &'static str, retry: TxRetry) -> ChainError {
    ChainError::Pool {
        name: name.into(),
        retry,
        reason: name.into(),
    }
}
