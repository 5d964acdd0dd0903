//! Requesters that own operators, sets and consumers, against operators and requesters that keep the rules.
//!
//! Each campaign is a random attack of some length. Every transaction is paid for as on a chain that
//! charges. After it, no honest operator is poorer than before, no bond of theirs is lost, no honest
//! requester paid more than its quote, and the attacker has no more than it brought.
//!
//! `scripts/test.sh --long hostile_requester_never_gains` runs ten thousand. `LLM_ORACLE_SEED` repeats.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{account, dev, terms, World};
use llm_oracle_primitives::{
    AccountId, Answer, AnswerKind, Assignment, Balance, CallbackLimits, Phase, RequestId, Terms,
};
use llm_oracle_rules::MemoryHost;

const CAMPAIGNS: u64 = 1_000;
const LONG: u64 = 10_000;
/// Operators 0 to 2 keep the rules, the others are the attacker's.
const HONEST: usize = 3;
const OPERATORS: u8 = 7;
const ATTACKER: AccountId = account(0xa5);
const REQUESTER: AccountId = account(0xb5);

/// What transactions cost at a planck for a picosecond, above `docs/cost.json` with the chain's own part.
const GAS_COMMIT: Balance = 1_900_000_000;
const GAS_REVEAL: Balance = 2_700_000_000;
const GAS_DELIVER: Balance = 2_900_000_000;

/// Honest relayers refuse windows that their chain's finality leaves too short.
const SHORTEST_WINDOW: u32 = 8;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

struct Campaign {
    world: World,
    random: Random,
    set: u32,
    open: BTreeSet<RequestId>,
    /// What each seat of the attacker committed to.
    committed: BTreeMap<(RequestId, usize), Answer>,
    /// What honest operators paid the chain, planck.
    gas: [Balance; HONEST],
    /// What the attacker sent along, planck.
    sent: Balance,
    /// What the honest requester sent along, and what it may lose of it, planck.
    asked: (Balance, Balance),
}

impl Campaign {
    fn new(seed: u64) -> Self {
        let mut world = World::new(OPERATORS, dev());
        let all: Vec<AccountId> = world.operators.iter().map(|it| it.id).collect();
        let publish = world.chain.call(ATTACKER, 0, |o| o.publish_set(&all));
        Self {
            world,
            random: Random(seed),
            set: publish.unwrap(),
            open: BTreeSet::new(),
            committed: BTreeMap::new(),
            gas: [0; HONEST],
            sent: 0,
            asked: (0, 0),
        }
    }

    fn terms(&mut self) -> Terms {
        let random = &mut self.random;
        let seats = 1 + random.below(5) as u8;
        let threshold = seats / 2 + 1 + random.below(u64::from(seats - seats / 2)) as u8;
        let mut asked = terms(AnswerKind::Bool, seats, threshold);
        let windows = [4, 5, 9, 20, 400, 14_400];
        asked.commit_blocks = windows[random.below(6) as usize];
        asked.reveal_blocks = windows[random.below(6) as usize];
        asked.min_confidence = [0, 0, 50, 100][random.below(4) as usize];
        if random.once_in(5) {
            asked.not_before = self.world.chain.block + random.below(60) as u32;
        }
        asked.assignment = match random.below(3) {
            0 => Assignment::open(),
            1 => Assignment::Set(self.set),
            _ => {
                let from = random.below(u64::from(OPERATORS)) as usize;
                let count = usize::from(seats.max(1 + random.below(7) as u8));
                let all = self.world.operators.iter().cycle().skip(from);
                Assignment::Named {
                    operators: all.take(count).map(|it| it.id).collect(),
                }
            }
        };
        if random.once_in(2) {
            asked.callback = Some(CallbackLimits {
                ref_time: 1 + random.below(50_000_000_000),
                proof_size: 1_000,
                storage_deposit: 1 + Balance::from(random.below(1_000_000_000)),
            });
        }
        asked
    }

    fn ask(&mut self, who: AccountId) {
        let asked = self.terms();
        let reward = [1, 3, 100, 300][self.random.below(4) as usize] * MemoryHost::UNIT / 100;
        let Ok(quote) = self.world.chain.view(|o| o.quote(&asked, reward)) else {
            return;
        };
        let seats = Balance::from(asked.seats);
        let result = self
            .world
            .chain
            .call(who, quote.total, |o| o.ask(asked, reward, false));
        let Ok(id) = result else { return };
        self.open.insert(id);
        if who == ATTACKER {
            self.sent += quote.total;
        } else {
            self.asked.0 += quote.total;
            self.asked.1 += quote.total;
            assert_eq!(
                quote.total - quote.delivery,
                seats * reward + quote.seat_fees
            );
        }
    }

    /// One transaction of the attacker; most are refused.
    fn attack(&mut self) {
        let next = self.world.chain.view(|o| o.next_id()).max(1);
        let id = self.random.below(next);
        let index = HONEST + self.random.below(u64::from(OPERATORS) - HONEST as u64) as usize;
        let (key, slot) = (self.world.operators[index].id, index as u32);
        let known = self.world.chain.stored(id).is_some();
        match self.random.below(12) {
            0..=2 => self.ask(ATTACKER),
            3..=4 if known => {
                let answer = Answer::Bool(self.random.once_in(2));
                if self.world.commit(id, index, &answer).is_ok() {
                    self.committed.insert((id, index), answer);
                }
            }
            5 if known => {
                if let Some(answer) = self.committed.get(&(id, index)).cloned() {
                    let _ = self.world.reveal(id, index, &answer);
                }
            }
            6..=7 => {
                self.world.chain.callbacks_succeed = self.random.once_in(3);
                let who = if self.random.once_in(2) {
                    key
                } else {
                    ATTACKER
                };
                let _ = self.world.chain.call(who, 0, |o| o.deliver(id));
            }
            8 => drop(self.world.chain.call(ATTACKER, 0, |o| o.prune(id))),
            9 => drop(self.world.chain.call(ATTACKER, 0, |o| o.advance(id))),
            10 => {
                let most = dev().min_bond / 16;
                let value = Balance::from(self.random.below(2)) * most + 1;
                let target = self.random.below(u64::from(OPERATORS)) as u32;
                if self
                    .world
                    .chain
                    .call(ATTACKER, value, |o| o.bond(target))
                    .is_ok()
                {
                    self.sent += value;
                }
            }
            _ => drop(
                self.world
                    .chain
                    .call(key, 0, |o| o.unbond(slot, Balance::MAX)),
            ),
        }
    }

    /// What relayers that keep the rules do in a block: reveal, take seats, settle and deliver where they
    /// have one.
    fn keep_the_rules(&mut self) {
        let yes = Answer::Bool(true);
        for id in self.open.clone() {
            let Some(request) = self.world.chain.stored(id).cloned() else {
                self.open.remove(&id);
                continue;
            };
            let now = self.world.chain.block;
            for index in 0..HONEST {
                let seated = request.taken().any(|seat| seat.slot == index as u32);
                match request.phase(now) {
                    Phase::Waiting => {}
                    Phase::Committing => self.take_seat(id, index, &yes, &request),
                    Phase::Revealing if seated => {
                        if self.world.reveal(id, index, &yes).is_ok() {
                            self.gas[index] += GAS_REVEAL;
                        }
                    }
                    Phase::Revealing => {}
                    Phase::Ended if seated => self.end(id, index),
                    Phase::Ended => {}
                }
            }
            if request.phase(now) == Phase::Ended {
                self.open.remove(&id);
            }
        }
    }

    fn take_seat(
        &mut self,
        id: RequestId,
        index: usize,
        answer: &Answer,
        request: &llm_oracle_rules::Request,
    ) {
        let short = request.reveal_blocks < SHORTEST_WINDOW;
        if !short && self.world.commit(id, index, answer).is_ok() {
            self.gas[index] += GAS_COMMIT;
        }
    }

    /// The first of those that have a seat delivers, once, for the price of the limits.
    fn end(&mut self, id: RequestId, index: usize) {
        let Some(request) = self.world.chain.stored(id) else {
            return;
        };
        if request.can_deliver().is_err() || request.delivery_price() == 0 {
            return;
        }
        let limits = request.callback.unwrap();
        // The consumer is the attacker's: it takes the outcome where it likes, at the price of the gas.
        self.world.chain.callbacks_succeed = self.random.once_in(3);
        let used = self.random.below(limits.ref_time + 1);
        let deposit = if self.world.chain.callbacks_succeed {
            limits.storage_deposit
        } else {
            0
        };
        let key = self.world.operators[index].id;
        if self.world.chain.call(key, 0, |o| o.deliver(id)).is_ok() {
            self.gas[index] += GAS_DELIVER + Balance::from(used) + deposit;
        }
    }

    fn play(&mut self) {
        for _ in 0..40 {
            for _ in 0..self.random.below(4) {
                self.attack();
            }
            if self.random.once_in(6) {
                self.ask(REQUESTER);
            }
            self.keep_the_rules();
            let until =
                self.world.chain.block + [1, 1, 1, 3, 10, 300][self.random.below(6) as usize];
            // Relayers are away in no block in which they are needed.
            while let Some(next) = self.next_block().filter(|next| *next < until) {
                self.world.chain.block = next;
                self.keep_the_rules();
            }
            self.world.chain.block = until;
            self.keep_the_rules();
        }
    }

    /// The next block in which a request needs somebody; none when all have ended.
    fn next_block(&self) -> Option<u32> {
        let now = self.world.chain.block;
        let is_due =
            |seat: &llm_oracle_rules::Seat| (seat.slot as usize) < HONEST && !seat.is_revealed();
        let open = self.open.iter();
        let stored = open.filter_map(|id| self.world.chain.stored(*id));
        let due = stored.map(|request| match request.phase(now) {
            Phase::Waiting => request.opens_at,
            Phase::Committing => request.commit_deadline + 1,
            Phase::Revealing if request.taken().any(is_due) => now + 1,
            Phase::Revealing => request.reveal_deadline() + 1,
            Phase::Ended => now,
        });
        due.min().map(|block| block.max(now + 1))
    }

    /// Lets everything end, and takes everything out that is not a bond.
    fn settle(&mut self) {
        while let Some(next) = self.next_block() {
            self.world.chain.block = next;
            self.keep_the_rules();
        }
        self.world.chain.block += 15_000;
        for id in 0..self.world.chain.view(|o| o.next_id()) {
            let _ = self.world.chain.call(account(1), 0, |o| o.prune(id));
        }
        self.world.check_books();
    }

    fn credit(&mut self, id: AccountId) -> Balance {
        self.world.chain.view(|o| o.credit_of(&id))
    }

    fn check(&mut self) {
        let views = self.world.chain.view(|o| o.operators_view(0, 50));
        for (index, view) in views.iter().take(HONEST).enumerate() {
            assert_eq!((view.forfeited, view.silent), (0, 0), "operator {index}");
            assert!(view.bond >= dev().min_bond);
            assert!(
                view.credit >= self.gas[index],
                "operator {index} earned {} and paid {}",
                view.credit,
                self.gas[index]
            );
        }
        let own: Balance = views
            .iter()
            .skip(HONEST)
            .map(|view| view.bond + view.credit)
            .sum();
        let bonds = (u128::from(OPERATORS) - HONEST as u128) * dev().min_bond;
        // Seats that it took of the honest requester, which let anybody in, are paid as work.
        let (honest, lost) = self.asked;
        let back = self.credit(REQUESTER);
        assert!(back <= honest && honest - back <= lost);
        let has = own + self.credit(ATTACKER);
        let most = bonds + self.sent + (honest - back);
        assert!(has <= most, "the attacker has {has} of {most}");
    }
}

#[test]
fn hostile_requester_never_gains() {
    let set = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let named = std::env::var("LLM_ORACLE_LONG").unwrap_or_default();
    let is_long = named
        .split(',')
        .any(|name| name == "hostile_requester_never_gains");
    let first = set("LLM_ORACLE_SEED").unwrap_or(1);
    let count = if is_long { LONG } else { CAMPAIGNS };
    let mut asked = 0;
    for seed in first..first + count {
        let mut campaign = Campaign::new(seed);
        campaign.play();
        campaign.settle();
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| campaign.check()));
        if let Err(panic) = caught {
            println!("LLM_ORACLE_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
        asked += campaign.world.chain.view(|o| o.next_id());
    }
    println!("hostile_requester_never_gains: {count} campaigns from {first}, {asked} requests");
    assert!(asked > count, "too few attacks to mean anything");
}
