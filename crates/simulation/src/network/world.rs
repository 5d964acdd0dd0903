//! The network: the tree of blocks, the pool, and nodes that see them each in its way.

use super::tree::{State, Tree, Tx};
use crate::kill::Kill;
use futures::channel::mpsc::UnboundedSender;
use llm_oracle_fixtures::SimRng;
use llm_oracle_primitives::{
    digest, AccountId, Balance, BlockNumber, Hash, OperatorView, RequestId, RequestView,
};
use llm_oracle_rules::Key;
use scale::Encode;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// Blocks for which a transaction is valid, as a rule.
pub const ERA: BlockNumber = 64;
/// Hash of the contract's code.
pub const CODE: Hash = [0xc0; 32];
/// Last lines of a trace that are kept when nobody asked for all.
const KEPT_LINES: usize = 40;

/// One node's view.
#[derive(Debug, Clone)]
pub struct Node {
    pub best: Hash,
    pub finalized: Hash,
    /// It takes no connection, and those it had are gone.
    pub cut: bool,
    /// It sees nothing new.
    pub stalled: bool,
    /// Its best block stays while finality goes on.
    pub stale_best: bool,
    /// Blocks that it is behind.
    pub lag: BlockNumber,
    /// It says that it is fetching old blocks, and for how many blocks it has said so.
    pub syncing: bool,
    pub syncing_for: BlockNumber,
    /// Finalized blocks that it invents above the true ones.
    pub invents: BlockNumber,
    /// It takes no question until this many have been turned away.
    pub limited: u64,
    /// Lines below this one are gone.
    pub lines_from: usize,
}

/// What happens to the next bytes that are handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmitFault {
    /// The node refuses them and does not have them.
    Refused,
    /// It takes them, and they reach nobody.
    Lost,
    /// It takes them, and the connection breaks before it says so.
    CutAfter,
    /// The connection breaks before it has them.
    CutBefore,
}

/// Faults of the ways to the nodes, by chance: `times` in a thousand questions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ways {
    pub slow: u64,
    pub cut: u64,
    pub submit: u64,
    pub lost_wake_up: u64,
    pub double_wake_up: u64,
    pub model_error: u64,
    pub model_junk: u64,
    pub model_slow: u64,
    pub disk: u64,
    pub cells: u64,
    /// What a dry run of a delivery takes, milliseconds.
    pub delivery_ms: u64,
    /// Most gas that the pool lets a transaction declare, picoseconds; 0: any.
    pub most_ref_time: u64,
    /// Questions that are answered with a JSON error.
    pub refused: u64,
    /// Questions after which a node takes none for a while.
    pub limited: u64,
}

/// Sees every transaction at the moment when its bytes leave.
pub trait Watch: Send + Sync {
    fn leaves(&self, world: &mut World, node: usize, tx: &Tx, hash: &Hash);
    /// The node has said that it does not take it.
    fn refused(&self, hash: &Hash);
}

/// What happened, as a digest and for people.
pub struct Trace {
    pub digest: Hash,
    pub keep_all: bool,
    pub lines: VecDeque<String>,
}

impl Trace {
    pub fn note(&mut self, line: String) {
        self.digest = digest::blake2(&(self.digest, &line).encode());
        if !self.keep_all && self.lines.len() >= KEPT_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}

/// Everything outside the relayer.
pub struct World {
    pub tree: Tree,
    pub genesis: Hash,
    pub best: Hash,
    pub finalized: Hash,
    /// The best block, before the last one came, of the node that was furthest behind: who reads takes time.
    pub behind: Hash,
    pub pool: Vec<Tx>,
    /// Every transaction that any node ever took, in their order.
    pub seen: Vec<Tx>,
    pub nodes: Vec<Node>,
    pub ways: Ways,
    pub next_submit: Option<SubmitFault>,
    /// Hash of the contract's code, as the nodes show it.
    pub code: Hash,
    /// Which cells are handed out with other bytes.
    pub lies: Option<fn(&Key) -> bool>,
    pub rng: SimRng,
    pub counts: BTreeMap<&'static str, u64>,
    pub trace: Trace,
    pub watch: Option<Arc<dyn Watch>>,
    pub kill: Arc<Kill>,
    pub next_line: usize,
    /// Questions to nodes so far.
    pub questions: u64,
    pub wakes: Vec<(usize, usize, UnboundedSender<Option<BlockNumber>>)>,
}

impl World {
    pub fn new(state: State, nodes: usize, seed: u64, kill: Arc<Kill>) -> Self {
        let genesis = [0x11; 32];
        let node = Node {
            best: genesis,
            finalized: genesis,
            cut: false,
            stalled: false,
            stale_best: false,
            lag: 0,
            syncing: false,
            syncing_for: 0,
            invents: 0,
            limited: 0,
            lines_from: 0,
        };
        Self {
            tree: Tree::new(genesis, state),
            genesis,
            best: genesis,
            finalized: genesis,
            behind: genesis,
            pool: Vec::new(),
            seen: Vec::new(),
            nodes: vec![node; nodes],
            ways: Ways::default(),
            next_submit: None,
            code: CODE,
            lies: None,
            rng: SimRng::new(seed),
            counts: BTreeMap::new(),
            trace: Trace {
                digest: [0; 32],
                keep_all: false,
                lines: VecDeque::new(),
            },
            watch: None,
            kill,
            next_line: 0,
            questions: 0,
            wakes: Vec::new(),
        }
    }

    pub fn count(&mut self, fault: &'static str) {
        *self.counts.entry(fault).or_default() += 1;
        self.trace.note(format!("fault: {fault}"));
    }

    pub fn height(&self) -> BlockNumber {
        self.tree.number(&self.best)
    }

    pub fn final_height(&self) -> BlockNumber {
        self.tree.number(&self.finalized)
    }

    /// State after the best block.
    pub fn state(&self) -> Option<&State> {
        self.tree.state(&self.best)
    }

    /// Money comes or goes, outside of all transactions.
    pub fn set_balance(&mut self, account: [u8; 32], balance: Balance) {
        let best = self.best;
        if let Some(state) = self.tree.state_mut(&best) {
            let account = AccountId::from(account);
            state.host.paid.remove(&account);
            state.balances.insert(account, balance);
        }
    }

    /// A request at the best or the finalized block.
    pub fn request(&mut self, at: Hash, id: RequestId) -> Option<RequestView> {
        let state = self.tree.state_mut(&at)?;
        state.host.view(|oracle| oracle.request_view(id))
    }

    pub fn operator(&mut self, at: Hash, account: &AccountId) -> Option<OperatorView> {
        let state = self.tree.state_mut(&at)?;
        state.host.view(|oracle| oracle.operator_view(account))
    }

    pub fn next_id(&mut self, at: Hash) -> RequestId {
        let state = self.tree.state_mut(&at);
        state.map_or(0, |state| state.host.view(|oracle| oracle.next_id()))
    }

    /// A transaction of somebody who is not the relayer, in the pool for as long as it takes.
    pub fn send(&mut self, signer: AccountId, value: Balance, input: &[u8]) {
        let signer: [u8; 32] = *signer.as_ref();
        let account = AccountId::from(signer);
        let waiting = self.pool.iter().filter(|tx| tx.signer == signer).count();
        let nonce = self.state().map_or(0, |state| state.nonce(&account)) + waiting as u64;
        let tx = Tx {
            signer,
            nonce,
            anchor: self.genesis,
            valid_until: None,
            spec: None,
            value,
            input: input.to_vec(),
            ref_time: u64::MAX,
            deposit_limit: None,
            tip: 0,
            signature: [0; 32],
        };
        self.pool.push(tx);
    }

    /// The next block on the best chain, with what waits in the pool.
    pub fn block(&mut self) {
        let pool = self.pool.clone();
        self.best = self.tree.build(self.best, &pool);
        let txs = self.tree.get(&self.best).map_or(0, |block| block.txs.len());
        let height = self.height();
        self.trace.note(format!("block {height} with {txs}"));
        self.clean();
    }

    /// Another branch from `depth` below the best block becomes the best one, one block higher. What
    /// the old one had goes back into the pool, and into the new blocks if `fill`.
    pub fn reorganise(&mut self, depth: BlockNumber, fill: bool) {
        let depth = depth.min(self.height() - self.final_height());
        let base = self.tree.below(&self.best, depth);
        let mut back = Vec::new();
        let mut hash = self.best;
        while hash != base {
            let Some(block) = self.tree.get(&hash) else {
                break;
            };
            back.splice(0..0, block.txs.iter().cloned());
            hash = block.parent;
        }
        back.append(&mut self.pool);
        self.pool = back;
        let mut tip = base;
        for number in 0..=depth {
            let offered = match fill || number == depth {
                true => self.pool.clone(),
                false => Vec::new(),
            };
            tip = self.tree.build(tip, &offered);
        }
        self.best = tip;
        self.trace.note(format!("fork {depth} deep"));
        self.clean();
    }

    /// Finality comes to `lag` below the best block, never back.
    pub fn finalize(&mut self, lag: BlockNumber) {
        let next = self.tree.below(&self.best, lag);
        if self.tree.number(&next) > self.final_height() {
            self.finalized = next;
            let number = self.final_height();
            self.trace.note(format!("final {number}"));
            self.tree.forget(number);
        }
    }

    /// Drops from the pool what can't be included any more.
    fn clean(&mut self) {
        let height = self.height();
        let Some(state) = self.tree.state(&self.best) else {
            return;
        };
        self.pool.retain(|tx| {
            tx.nonce >= state.nonce(&AccountId::from(tx.signer))
                && tx.valid_until.is_none_or(|last| height < last)
                && tx.spec.is_none_or(|spec| spec == state.spec)
        });
    }

    /// Lets the nodes see what there is, and wakes who listens.
    pub fn follow(&mut self) {
        let bests = self.nodes.iter().map(|node| node.best);
        let behind = bests.min_by_key(|best| self.tree.number(best));
        self.behind = behind.unwrap_or(self.genesis);
        for index in 0..self.nodes.len() {
            let mut node = self.nodes[index].clone();
            let before = node.finalized;
            node.syncing_for = if node.syncing {
                node.syncing_for + 1
            } else {
                0
            };
            if !node.stalled {
                if !node.stale_best {
                    node.best = self.tree.below(&self.best, node.lag);
                }
                node.finalized = match self.tree.number(&node.best) < self.final_height() {
                    true if !node.stale_best => node.best,
                    _ => self.finalized,
                };
                if !self.tree.is_below(&node.finalized, &node.best) {
                    node.best = node.finalized;
                }
            }
            let (moved, number) = (node.finalized != before, self.tree.number(&node.finalized));
            self.nodes[index] = node;
            if moved {
                self.wake(index, number);
            }
        }
    }

    fn wake(&mut self, node: usize, number: BlockNumber) {
        let (lost, double) = (self.ways.lost_wake_up, self.ways.double_wake_up);
        let times = match self.rng.below(1_000) {
            roll if roll < lost => 0,
            roll if roll < lost + double => 2,
            _ => 1,
        };
        match times {
            0 => self.count("no wake-up"),
            2 => self.count("duplicate wake-up"),
            _ => {}
        }
        for (_, of, sender) in &self.wakes {
            if *of == node {
                for _ in 0..times {
                    let _ = sender.unbounded_send(Some(number));
                }
            }
        }
    }

    /// Ends all connections to a node.
    pub fn cut_lines(&mut self, node: usize) {
        self.nodes[node].lines_from = self.next_line;
        self.wakes.retain(|(_, of, _)| *of != node);
    }

    pub fn is_lost(&self, node: usize, line: usize) -> bool {
        let node = &self.nodes[node];
        node.cut || line < node.lines_from
    }

    /// Ends the faults that last.
    pub fn heal(&mut self) {
        self.ways = Ways::default();
        self.next_submit = None;
        for node in &mut self.nodes {
            node.cut = false;
            node.stalled = false;
            node.stale_best = false;
            node.syncing = false;
            node.lag = 0;
            node.invents = 0;
            node.limited = 0;
        }
    }
}
