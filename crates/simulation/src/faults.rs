//! What goes wrong, and when: by the seed alone.

use super::{
    kill::{KillKind as Place, Side},
    run::Run,
};
use crate::network::{lock, SubmitFault, Ways};
use llm_oracle_fixtures::SimRng;
use llm_oracle_primitives::Balance;
use llm_oracle_support::simulated::jump;

/// What an operator has for fees, planck.
const RICH: Balance = 1_000_000_000_000_000;

/// How often each kind of fault comes, in a thousand blocks, questions, writes or answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rates {
    pub ways: Ways,
    pub crash: u64,
    pub reorganise: u64,
    pub finality: u64,
    pub node: u64,
    pub pool: u64,
    pub clock: u64,
    pub upgrade: u64,
    pub submit: u64,
    pub unfunded: u64,
    /// Entries of a batch for which the contract has memory, to the end.
    pub most_entries: Option<u64>,
    /// No wake-up ever comes, to the end.
    pub silent: bool,
    /// Callbacks fail in every other block.
    pub callbacks_fail: bool,
}

impl Rates {
    /// Some kinds of fault, each with a rate of its own.
    pub fn draw(rng: &mut SimRng) -> Self {
        let mut rate = |most: u64| match rng.chance(2, 3) {
            true => 1 + rng.below(most),
            false => 0,
        };
        let mut rates = Self {
            ways: Ways {
                slow: rate(120),
                cut: rate(6),
                submit: rate(200),
                lost_wake_up: rate(400),
                double_wake_up: rate(200),
                model_error: rate(300),
                model_junk: rate(150),
                model_slow: rate(300),
                disk: rate(12),
                cells: rate(40),
                refused: rate(30),
                limited: rate(8),
                ..Ways::default()
            },
            crash: rate(250),
            reorganise: rate(120),
            finality: rate(60),
            node: rate(120),
            pool: rate(250),
            clock: rate(60),
            upgrade: rate(30),
            submit: rate(150),
            unfunded: rate(60),
            most_entries: None,
            silent: false,
            callbacks_fail: false,
        };
        if rng.chance(1, 3) {
            rates.most_entries = Some(1 + rng.below(3));
        }
        rates.callbacks_fail = rng.chance(1, 3);
        rates.silent = rng.chance(1, 4);
        if rates.silent {
            rates.ways.lost_wake_up = 1_000;
        }
        rates
    }
}

#[derive(Debug, Clone, Copy)]
enum Effect {
    Cut(usize),
    Stalled(usize),
    StaleBest(usize),
    Lag(usize),
    Syncing(usize),
    Unfunded([u8; 32]),
    Invents(usize),
}

/// Faults that last for some blocks.
#[derive(Debug, Default)]
pub struct Effects {
    lasting: Vec<(u64, Effect)>,
    finality: u64,
}

impl Effects {
    pub fn finality_stands(&self) -> bool {
        self.finality > 0
    }
}

impl Run {
    /// What goes wrong before the next block.
    pub fn inject(&mut self) {
        let rates = self.plan.rates;
        self.age();
        if self.rng.chance(rates.crash, 1_000) && !self.kill.is_armed() && self.is_running() {
            self.inject_crash();
        }
        if self.rng.chance(rates.reorganise, 1_000) {
            let (depth, fill) = (1 + self.rng.below(6), self.rng.chance(1, 2));
            let mut world = lock(&self.world);
            if world.height() > world.final_height() {
                world.count("reorganisation");
                world.reorganise(u32::try_from(depth).unwrap(), fill);
            }
        }
        if self.rng.chance(rates.finality, 1_000) {
            self.effects.finality = 3 + self.rng.below(10);
            lock(&self.world).count("finality stall");
        }
        if self.rng.chance(rates.node, 1_000) {
            self.inject_node();
        }
        if self.rng.chance(rates.pool, 1_000) {
            self.inject_pool();
        }
        if self.rng.chance(rates.unfunded, 1_000) {
            empty_account(self);
        }
        if self.rng.chance(rates.submit, 1_000) {
            let all = [
                SubmitFault::Refused,
                SubmitFault::Lost,
                SubmitFault::CutAfter,
                SubmitFault::CutBefore,
            ];
            lock(&self.world).next_submit = self.rng.pick(&all).copied();
        }
        if self.rng.chance(rates.clock, 1_000) {
            let ms = i64::try_from(self.rng.below(7_200_000)).unwrap();
            jump(if self.rng.chance(1, 2) { ms } else { -ms });
            lock(&self.world).count("clock jump");
        }
        if self.rng.chance(rates.upgrade, 1_000) {
            let mut world = lock(&self.world);
            world.tree.upgrade = true;
            world.count("runtime upgrade");
        }
    }

    fn inject_crash(&mut self) {
        let (place, most, name) = match self.rng.below(5) {
            0 | 1 => (Place::Write, 6, "crash at a write"),
            2 | 3 => (Place::Send, 2, "crash at a send"),
            _ => (Place::Await, 60, "crash at a question"),
        };
        let side = match place != Place::Await && self.rng.chance(1, 2) {
            true => Side::After,
            false => Side::Before,
        };
        self.kill.arm(Some((place, self.rng.below(most), side)));
        lock(&self.world).count(name);
    }

    fn inject_node(&mut self) {
        let node = usize::try_from(self.rng.below(self.plan.nodes as u64)).unwrap();
        let lasts = 2 + self.rng.below(10);
        let (effect, name) = match self.rng.below(6) {
            0 => (Effect::Cut(node), "node down"),
            1 => (Effect::Stalled(node), "node stalled"),
            2 => (Effect::StaleBest(node), "stale best block"),
            3 => (Effect::Lag(node), "node lag"),
            // Alone it would be believed: that is not promised.
            4 if self.plan.nodes > 1 => (Effect::Invents(node), "a node ahead that lies"),
            _ => (Effect::Syncing(node), "node syncing"),
        };
        let lag = 1 + u32::try_from(self.rng.below(8)).unwrap();
        let mut world = lock(&self.world);
        world.count(name);
        match effect {
            Effect::Cut(_) => {
                world.nodes[node].cut = true;
                world.cut_lines(node);
            }
            Effect::Stalled(_) => world.nodes[node].stalled = true,
            Effect::StaleBest(_) => world.nodes[node].stale_best = true,
            Effect::Lag(_) => world.nodes[node].lag = lag,
            Effect::Syncing(_) => world.nodes[node].syncing = true,
            Effect::Unfunded(_) => {}
            Effect::Invents(_) => world.nodes[node].invents = lag,
        }
        drop(world);
        self.effects.lasting.push((lasts, effect));
    }

    /// A transaction falls out of the pool, or one that was thought gone comes back.
    fn inject_pool(&mut self) {
        let mut world = lock(&self.world);
        let ours: Vec<usize> = (0..world.pool.len())
            .filter(|index| self.witness.is_ours(&world.pool[*index].signer))
            .collect();
        if self.rng.chance(1, 2) {
            if let Some(index) = self.rng.pick(&ours).copied() {
                world.pool.remove(index);
                world.count("dropped from the pool");
            }
            return;
        }
        let Some(tx) = self.rng.pick(&world.seen).cloned() else {
            return;
        };
        let taken =
            |other: &crate::network::Tx| (other.signer, other.nonce) == (tx.signer, tx.nonce);
        if !world.pool.iter().any(taken) {
            world.pool.push(tx);
            world.count("back in the pool");
        }
    }

    /// Faults that last come to their end.
    fn age(&mut self) {
        self.effects.finality = self.effects.finality.saturating_sub(1);
        let mut world = lock(&self.world);
        self.effects.lasting.retain_mut(|(left, effect)| {
            *left = left.saturating_sub(1);
            if *left > 0 {
                return true;
            }
            match *effect {
                Effect::Cut(node) => world.nodes[node].cut = false,
                Effect::Stalled(node) => world.nodes[node].stalled = false,
                Effect::StaleBest(node) => world.nodes[node].stale_best = false,
                Effect::Lag(node) => world.nodes[node].lag = 0,
                Effect::Syncing(node) => world.nodes[node].syncing = false,
                Effect::Unfunded(operator) => world.set_balance(operator, RICH),
                Effect::Invents(node) => world.nodes[node].invents = 0,
            }
            false
        });
    }

    /// No more faults from here on, but that nobody may ever be woken.
    pub fn heal(&mut self) {
        self.effects = Effects::default();
        self.kill.arm(None);
        let silent = self.plan.rates.silent;
        let mut world = lock(&self.world);
        world.heal();
        for operator in self.witness.operators.values() {
            world.set_balance(*operator, RICH);
        }
        world.tree.upgrade = false;
        if silent {
            world.ways.lost_wake_up = 1_000;
        }
        world.trace.note("no more faults".into());
    }
}

/// One of our operators can't pay any more, and the pool drops what it took from it before.
fn empty_account(run: &mut Run) {
    let ours: Vec<[u8; 32]> = run.witness.operators.values().copied().collect();
    let Some(operator) = run.rng.pick(&ours).copied() else {
        return;
    };
    let lasts = 10 + run.rng.below(30);
    let mut world = lock(&run.world);
    world.count("no balance for fees");
    world.pool.retain(|tx| tx.signer != operator);
    world.set_balance(operator, 0);
    drop(world);
    run.effects
        .lasting
        .push((lasts, Effect::Unfunded(operator)));
}

/// No fault at all.
pub fn quiet() -> Rates {
    Rates::default()
}
