//! Blocks, each with the whole state after it.

use super::dispatch::{dispatch, is_view, parse, Returned};
use llm_oracle_primitives::{digest, AccountId, Balance, BlockNumber, Hash};
use llm_oracle_rules::MemoryHost;
use scale::{Compact, Decode, Encode};
use std::collections::BTreeMap;

/// What a transaction costs whoever signed it, planck: less than half of what a commit earns.
pub const FEE: Balance = 2_000_000_000;
/// Blocks below the finalized one whose state is still known.
const REMEMBERED: BlockNumber = 300;

/// A signed transaction. Its signature is a digest: nobody forges in here.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Tx {
    pub signer: [u8; 32],
    pub nonce: u64,
    /// The block that it is anchored at, which must be below it.
    pub anchor: Hash,
    /// Last block that may have it; `None`: it never ends.
    pub valid_until: Option<BlockNumber>,
    /// The version of the runtime that it was signed for; none: it does not matter.
    pub spec: Option<u32>,
    pub value: Balance,
    pub input: Vec<u8>,
    pub ref_time: u64,
    /// Most that storage may take from the signer, planck; `None`: all that it has.
    pub deposit_limit: Option<Balance>,
    /// What its signer offers to the author of its block, planck.
    pub tip: Balance,
    pub signature: [u8; 32],
}

impl Tx {
    pub fn hash(&self) -> Hash {
        digest::blake2(&self.encode())
    }

    /// Gas that its call needs, picoseconds.
    pub fn needs(&self) -> u64 {
        needs(&self.input)
    }
}

/// Gas that a call needs, picoseconds.
pub fn needs(input: &[u8]) -> u64 {
    1_000_000_000 + 1_000_000 * input.len() as u64
}

/// What the contract that asks does in its callback.
#[derive(Debug, Clone, Copy, Default)]
pub struct Consumer {
    /// What its storage takes from whoever delivers, planck.
    pub takes: Balance,
    /// In which blocks it fails; without it, as the host says.
    pub fails_in: Option<fn(BlockNumber) -> bool>,
}

/// All that a block's transactions change.
#[derive(Clone)]
pub struct State {
    pub host: MemoryHost,
    pub nonces: BTreeMap<AccountId, u64>,
    pub balances: BTreeMap<AccountId, Balance>,
    /// Version of the runtime.
    pub spec: u32,
    /// Entries of a batch for which the contract has memory; with more it ends in a trap.
    pub most_entries: u64,
    pub consumer: Consumer,
}

/// Entries of a batch, by the length that stands before them; none for other calls.
fn entries(input: &[u8]) -> u64 {
    let is_batch = parse(input).is_some_and(|(name, _)| name.ends_with("_batch"));
    let length = input.get(4..).filter(|_| is_batch);
    let length = length.and_then(|mut bytes| Compact::<u32>::decode(&mut bytes).ok());
    length.map_or(0, |length| length.0.into())
}

impl State {
    /// Whether the contract would run out of memory.
    pub fn traps(&self, input: &[u8]) -> bool {
        entries(input) > self.most_entries
    }

    pub fn nonce(&self, account: &AccountId) -> u64 {
        self.nonces.get(account).copied().unwrap_or_default()
    }

    /// Free balance: what was there, less fees, and what the contract paid out.
    pub fn balance(&self, account: &AccountId) -> Balance {
        let own = self.balances.get(account).copied().unwrap_or_default();
        own + self.host.paid.get(account).copied().unwrap_or_default()
    }

    /// Carries a call out under a limit of storage deposits. `None`: it ended in a trap. Says what it took
    /// as deposits, too.
    pub fn call(
        &mut self,
        (caller, value): (AccountId, Balance),
        input: &[u8],
        deposit_limit: Option<Balance>,
    ) -> Option<(Returned, Balance)> {
        if let Some(fails_in) = self.consumer.fails_in {
            self.host.callbacks_succeed = !fails_in(self.host.block);
        }
        let before = self.host.delivered.len();
        let mut host = self.host.clone();
        let returned = dispatch(&mut host, caller, value, input)?;
        let taken = match host.delivered.len() > before {
            true => self.consumer.takes,
            false => 0,
        };
        if taken > deposit_limit.unwrap_or_else(|| self.balance(&caller)) {
            return None;
        }
        self.host = host;
        Some((returned, taken))
    }

    /// The same without an effect.
    pub fn dry_run(
        &mut self,
        (caller, value): (AccountId, Balance),
        input: &[u8],
        deposit_limit: Option<Balance>,
    ) -> Option<(Returned, Balance)> {
        match parse(input).is_some_and(|(name, _)| is_view(name)) {
            true => Some((dispatch(&mut self.host, caller, value, input)?, 0)),
            false => self.clone().call((caller, value), input, deposit_limit),
        }
    }

    fn apply(&mut self, tx: &Tx) {
        let signer = AccountId::from(tx.signer);
        *self.nonces.entry(signer).or_default() += 1;
        let balance = self.balances.entry(signer).or_default();
        *balance = balance.saturating_sub(FEE);
        if tx.ref_time < tx.needs() || *balance < tx.value || self.traps(&tx.input) {
            return;
        }
        let called = self.call((signer, tx.value), &tx.input, tx.deposit_limit);
        if let Some((_, taken)) = called.filter(|(returned, _)| !returned.reverted) {
            let balance = self.balances.entry(signer).or_default();
            *balance = balance.saturating_sub(tx.value).saturating_sub(taken);
        }
    }
}

/// One block.
pub struct Block {
    pub number: BlockNumber,
    pub parent: Hash,
    /// Forgotten when it is old.
    pub state: Option<State>,
    pub txs: Vec<Tx>,
}

/// All blocks ever made.
pub struct Tree {
    blocks: BTreeMap<Hash, Block>,
    /// Forks may have a block at the same height with the same transactions.
    made: u64,
    /// The next block brings a new runtime.
    pub upgrade: bool,
    forgotten: BlockNumber,
}

impl Tree {
    pub fn new(genesis: Hash, state: State) -> Self {
        let block = Block {
            number: 0,
            parent: [0; 32],
            state: Some(state),
            txs: Vec::new(),
        };
        Self {
            blocks: BTreeMap::from([(genesis, block)]),
            made: 0,
            upgrade: false,
            forgotten: 0,
        }
    }

    pub fn get(&self, hash: &Hash) -> Option<&Block> {
        self.blocks.get(hash)
    }

    pub fn state(&self, hash: &Hash) -> Option<&State> {
        self.blocks.get(hash)?.state.as_ref()
    }

    pub fn state_mut(&mut self, hash: &Hash) -> Option<&mut State> {
        self.blocks.get_mut(hash)?.state.as_mut()
    }

    pub fn number(&self, hash: &Hash) -> BlockNumber {
        self.blocks.get(hash).map_or(0, |block| block.number)
    }

    /// The block `by` below another one.
    pub fn below(&self, hash: &Hash, by: BlockNumber) -> Hash {
        let number = self.number(hash).saturating_sub(by);
        self.at(hash, number).unwrap_or(*hash)
    }

    /// The block at a height on the chain that ends in `tip`.
    pub fn at(&self, tip: &Hash, number: BlockNumber) -> Option<Hash> {
        let mut hash = *tip;
        loop {
            let block = self.blocks.get(&hash)?;
            if block.number <= number {
                return (block.number == number).then_some(hash);
            }
            hash = block.parent;
        }
    }

    pub fn is_below(&self, ancestor: &Hash, tip: &Hash) -> bool {
        self.at(tip, self.number(ancestor)) == Some(*ancestor)
    }

    /// Makes a block of what of the offered transactions is valid, in their order.
    pub fn build(&mut self, parent: Hash, offered: &[Tx]) -> Hash {
        let (mut state, number) = match self.blocks.get(&parent) {
            Some(Block {
                state: Some(state),
                number,
                ..
            }) => (state.clone(), number + 1),
            _ => return parent,
        };
        state.host.block = number;
        state.host.events.clear();
        state.host.delivered.clear();
        let mut txs: Vec<Tx> = Vec::new();
        let mut left: Vec<&Tx> = offered.iter().collect();
        loop {
            let ready = left.iter().position(|tx| {
                let signer = AccountId::from(tx.signer);
                tx.nonce == state.nonce(&signer)
                    && tx.valid_until.is_none_or(|last| number <= last)
                    && state.balance(&signer) >= FEE
                    && tx.spec.is_none_or(|spec| spec == state.spec)
                    && (tx.valid_until.is_none() || self.is_below(&tx.anchor, &parent))
            });
            let Some(index) = ready else { break };
            let tx = left.remove(index);
            state.apply(tx);
            txs.push(tx.clone());
        }
        // In force from the next block on, like on a real chain.
        state.spec += u32::from(std::mem::take(&mut self.upgrade));
        self.made += 1;
        let hash = digest::blake2(&(parent, number, self.made).encode());
        let block = Block {
            number,
            parent,
            state: Some(state),
            txs,
        };
        self.blocks.insert(hash, block);
        hash
    }

    /// Forgets states far below the finalized block.
    pub fn forget(&mut self, finalized: BlockNumber) {
        let until = finalized.saturating_sub(REMEMBERED);
        if until >= self.forgotten + 100 {
            self.forgotten = until;
            for block in self.blocks.values_mut() {
                if block.number < until && block.number > 0 {
                    block.state = None;
                }
            }
        }
    }
}
