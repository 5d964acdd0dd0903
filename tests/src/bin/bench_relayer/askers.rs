//! Accounts that ask, many times a second: signed beforehand, sent by the clock.

use crate::watch::Watch;
use llm_oracle_chain::{messages, Chain, ChainApi as _, SignedTx, Weight};
use llm_oracle_primitives::{AccountId, AnswerKind};
use llm_oracle_tests::{questions::question, world::Key, World, UNIT};
use std::{
    collections::VecDeque,
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        Arc,
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{interval, MissedTickBehavior},
};

/// Accounts that ask in turn.
const ASKERS: usize = 16;
/// What each of them has, planck: a request takes about a third of a UNIT, most of it a deposit.
const PURSE: u128 = 3_000 * UNIT;
/// Transactions that are signed ahead of their time.
const SIGNED_AHEAD: usize = 4_096;
/// Time between two looks whether something is to be sent.
const TICK: Duration = Duration::from_millis(10);
/// Transactions of one account that are sent again at one look.
const SENT_AGAIN: usize = 64;
/// Time between two looks at what has come into blocks.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Signed requests that wait for their time.
pub struct Askers {
    signed: mpsc::Receiver<Signed>,
    signing: JoinHandle<()>,
    chain: Chain,
    accounts: Vec<Sent>,
    sent: Arc<AtomicU64>,
}

/// A request on its way.
struct Signed {
    /// Position of its account.
    account: usize,
    tx: SignedTx,
}

/// What an account has sent and is not in a block yet, oldest first.
struct Sent {
    account: AccountId,
    txs: VecDeque<SignedTx>,
    /// So many of them were there at the last look.
    old: usize,
}

impl Askers {
    /// Funds the accounts and begins to sign up to `most` requests.
    pub async fn new(world: &World, seats: u8, most: u64) -> Self {
        let keys: Vec<Key> = (0..ASKERS)
            .map(|number| Key::new(format!("{}//asker{number}", world.requester.suri)))
            .collect();
        world.give(&keys, PURSE).await;
        // Lines of their own: nothing that is measured waits behind them.
        let chain = Chain::connect(&world.url).await.unwrap();
        let accounts = keys.iter().map(|key| Sent {
            account: key.account,
            txs: VecDeque::new(),
            old: 0,
        });
        let accounts = accounts.collect();
        let signer = Signer::new(world, keys, seats).await;
        let (to, signed) = mpsc::channel(SIGNED_AHEAD);
        let signing = tokio::spawn(async move { signer.run(most, &to).await });
        Self {
            signed,
            signing,
            chain,
            accounts,
            sent: Arc::default(),
        }
    }

    /// Waits until as many are signed as may be ahead, or all.
    pub async fn ready(&self) {
        while !self.signing.is_finished() && self.signed.len() < SIGNED_AHEAD {
            tokio::time::sleep(TICK).await;
        }
    }

    /// How many have been sent.
    pub fn sent(&self) -> Arc<AtomicU64> {
        self.sent.clone()
    }

    /// Sends `a_second` evenly until it is told to stop, and holds back while more than `open_max` are
    /// asked and not settled. Ends when all are sent, or no more are to be, and all are in blocks.
    pub async fn run(mut self, watch: &Watch, a_second: u32, open_max: u64, stop: Arc<AtomicBool>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (began, mut looked) = (Instant::now(), Instant::now());
        let mut due_before = 0.0;
        let mut owed = 0.0_f64;
        let mut ended = false;
        while !ended || self.accounts.iter().any(|one| !one.txs.is_empty()) {
            ticks.tick().await;
            ended |= stop.load(Ordering::Relaxed);
            if looked.elapsed() >= LOOK_EVERY {
                looked = Instant::now();
                self.send_again().await;
            }
            let due = began.elapsed().as_secs_f64() * f64::from(a_second);
            // What was held back is not made up for.
            owed = (owed + due - due_before).min(f64::from(a_second) / 10.0);
            due_before = due;
            while owed >= 1.0 && !ended {
                let sent = self.sent.load(Ordering::Relaxed);
                if sent.saturating_sub(watch.settled()) >= open_max {
                    break;
                }
                let Some(Signed { account, tx }) = self.signed.recv().await else {
                    ended = true;
                    break;
                };
                // In their order on one line: an account's nonces follow each other.
                self.chain.submit(&tx.bytes).await.unwrap();
                self.accounts[account].txs.push_back(tx);
                self.sent.fetch_add(1, Ordering::Relaxed);
                owed -= 1.0;
            }
        }
    }

    /// The pool of a node that is busy loses a transaction now and then, and all that come after it of
    /// one account wait for it.
    async fn send_again(&mut self) {
        for one in &mut self.accounts {
            let best = self.chain.best().await.unwrap();
            let nonce = self.chain.nonce_at(&one.account, best.hash).await.unwrap();
            while one.txs.front().is_some_and(|tx| tx.nonce < nonce) {
                one.txs.pop_front();
                one.old = one.old.saturating_sub(1);
            }
            // Those that were there at the last look already: they should be in a block by now.
            let old = one.txs.iter().take(one.old.min(SENT_AGAIN));
            for tx in old {
                // Refused when it is in the pool.
                let _ = self.chain.submit(&tx.bytes).await;
            }
            one.old = one.txs.len();
        }
    }
}

/// Signs requests.
struct Signer {
    chain: Chain,
    world: u32,
    keys: Vec<Key>,
    nonces: Vec<u64>,
    contract: AccountId,
    reward: u128,
    value: u128,
    gas: Weight,
    seats: u8,
}

impl Signer {
    async fn new(world: &World, keys: Vec<Key>, seats: u8) -> Self {
        let chain = Chain::connect(&world.url).await.unwrap();
        let reward = world.config.params.min_reward;
        let terms = question(&prompt(0, 0), AnswerKind::Bool, seats);
        let quote = world.oracle.quote(&terms, reward, None).await.unwrap();
        let call = messages::ask(&terms, reward, false);
        let contract = world.oracle.address;
        let dry = chain
            .as_ref()
            .dry_run(&keys[0].account, &contract, quote.total, &call, None);
        let gas = dry.await.unwrap().gas_required.with_margin(50);
        let mut nonces = Vec::new();
        for key in &keys {
            nonces.push(chain.next_nonce(&key.account).await.unwrap());
        }
        Self {
            chain,
            world: u32::from_le_bytes(world.salt()),
            keys,
            nonces,
            contract,
            reward,
            value: quote.total,
            gas,
            seats,
        }
    }

    async fn run(mut self, most: u64, to: &mpsc::Sender<Signed>) {
        for number in 0..most {
            let tx = self.sign(number).await;
            if to.send(tx).await.is_err() {
                return;
            }
        }
    }

    async fn sign(&mut self, number: u64) -> Signed {
        let account = usize::try_from(number).unwrap() % self.keys.len();
        let terms = question(&prompt(self.world, number), AnswerKind::Bool, self.seats);
        let call = messages::ask(&terms, self.reward, false);
        let nonce = self.nonces[account];
        self.nonces[account] += 1;
        let signed = self.chain.sign_call(
            &self.keys[account].pair,
            nonce,
            &self.contract,
            self.value,
            call.input(),
            self.gas,
            None,
        );
        let tx = signed.await.unwrap();
        Signed { account, tx }
    }
}

/// Every question is another one.
fn prompt(world: u32, number: u64) -> String {
    format!("Is {number} an even number? ({world})")
}
