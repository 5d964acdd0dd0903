//! What strangers put on the chain costs a relayer nothing but what is documented.

use super::{
    faults::quiet,
    run::{in_simulation, Plan, Run},
    scenario::{genesis, Kind, ASKER},
};
use crate::network::{lock, parse, Consumer, State};
use llm_oracle_chain::messages;
use llm_oracle_primitives::{
    AccountId, Answer, Balance, BlockNumber, DeliveryStatus, RequestId, RevealEntry, Terms,
};
use llm_oracle_signing::account_of;
use llm_oracle_store::database::Database;

const UNIT: Balance = 1_000_000_000_000;

fn plan(operators: u8) -> Plan {
    Plan {
        seed: 5,
        operators,
        nodes: 1,
        rates: quiet(),
        mutant: None,
        keep_trace: false,
        fixed: true,
    }
}

impl Run {
    /// Changes what the first block has.
    fn at_genesis(&mut self, change: impl FnOnce(&mut State)) {
        let mut world = lock(&self.world);
        let genesis = world.genesis;
        change(world.tree.state_mut(&genesis).unwrap());
    }

    fn operators(&self) -> Vec<AccountId> {
        let keys = genesis().0.iter().take(self.plan.operators.into());
        keys.map(account_of).collect()
    }

    /// What our operators have in all, planck.
    fn total_worth(&self) -> Balance {
        let operators = self.operators();
        operators.iter().map(|one| self.worth(one)).sum()
    }

    /// What an operator has in all, planck.
    pub fn worth(&self, account: &AccountId) -> Balance {
        let mut world = lock(&self.world);
        let best = world.best;
        let view = world.operator(best, account).unwrap();
        let free = world.tree.state(&best).unwrap().balance(account);
        free + view.bond + view.credit
    }
}

impl Run {
    /// How often our operators have sent a message that a pool took.
    fn sent(&self, message: &str) -> usize {
        let world = lock(&self.world);
        let ours = world
            .seen
            .iter()
            .filter(|tx| self.witness.is_ours(&tx.signer));
        ours.filter(|tx| parse(&tx.input).is_some_and(|(name, _)| name == message))
            .count()
    }

    async fn blocks(&mut self, count: u32) {
        for _ in 0..count {
            self.block().await;
        }
    }
}

/// Terms whose callback says that it takes next to nothing.
fn cheap_callback(terms: &mut Terms) {
    if let Some(limits) = &mut terms.callback {
        limits.storage_deposit = 1;
    }
}

#[test]
fn a_callback_takes_no_more_than_its_terms_say() {
    in_simulation(1, None, async {
        let mut run = Run::new(plan(1));
        run.at_genesis(|state| {
            state.consumer = Consumer {
                takes: 10 * UNIT,
                ..Consumer::default()
            };
        });
        let before = run.total_worth();
        run.start();
        run.ask_with(Kind::Delivered, cheap_callback);
        for _ in 0..60 {
            run.block().await;
        }
        let after = run.total_worth();
        assert!(after >= before, "{before} became {after}");
        run.well();
    });
}

/// A reveal that nobody signed.
fn made_up(request_id: RequestId, slot: u32) -> RevealEntry {
    RevealEntry {
        request_id,
        slot,
        answer: Answer::Bool(true),
        confidence: 50,
        salt: [1; 32],
        signature: [2; 64],
    }
}

#[test]
fn made_up_reveals_of_strangers_cost_a_bounded_number_of_calls() {
    /// Calls of the node in ten blocks, with so many made-up reveals in a call in each of them.
    fn calls(entries: u64, txs: u64) -> u64 {
        in_simulation(1, None, async move {
            let mut run = Run::new(plan(1));
            run.start();
            run.ask_with(Kind::Plain, |terms| {
                (terms.commit_blocks, terms.reveal_blocks) = (400, 400);
            });
            run.blocks(20).await;
            let before = lock(&run.world).questions;
            for _ in 0..10 {
                for tx in 0..txs {
                    // Of requests that never were, that are, and of slots that never were.
                    let entry = |n: u64| match n % 3 {
                        0 => made_up(1_000_000 + tx * entries + n, 0),
                        1 => made_up(0, u32::try_from(1_000 + tx * entries + n).unwrap()),
                        _ => made_up(0, 2),
                    };
                    let entries: Vec<_> = (0..entries).map(entry).collect();
                    let call = messages::reveal_batch(&entries);
                    lock(&run.world).send(ASKER, 0, call.input());
                }
                run.block().await;
            }
            // Whatever waits is looked at.
            run.blocks(10).await;
            run.well();
            let after = lock(&run.world).questions;
            after - before
        })
    }
    let quiet = calls(0, 0);
    for (entries, txs) in [(64, 20), (900, 1), (34_000, 1)] {
        let spammed = calls(entries, txs);
        println!("{txs} calls with {entries}: {spammed} calls of the node, {quiet} without them");
        assert!(spammed < 3 * quiet, "{entries}: {quiet} became {spammed}");
    }
}

#[test]
fn nothing_is_sent_for_requests_that_nobody_joined() {
    in_simulation(1, None, async {
        let mut run = Run::new(plan(2));
        run.start();
        for kind in [Kind::Unserved, Kind::Cheap, Kind::Unserved, Kind::Delivered] {
            run.ask_with(kind, |terms| {
                terms.model = llm_oracle_primitives::ModelRef::Name(b"other".to_vec());
                terms.commit_blocks = 6;
            });
        }
        run.blocks(60).await;
        // Somebody settles one of them, and still nobody delivers it.
        lock(&run.world).send(ASKER, 0, messages::advance(3).input());
        run.blocks(40).await;
        assert_eq!(run.witness.seen().sends, 0);
        run.well();
    });
}

#[test]
fn a_callback_that_fails_in_its_block_is_paid_for_and_tried_once() {
    in_simulation(1, None, async {
        let mut run = Run::new(plan(2));
        run.at_genesis(|state| {
            // The dry run sees the block before.
            state.consumer.fails_in = Some(|block| block % 2 == 1);
        });
        let before = run.total_worth();
        run.start();
        for _ in 0..6 {
            run.ask_with(Kind::Delivered, cheap_callback);
        }
        run.blocks(200).await;
        let mut world = lock(&run.world);
        let finalized = world.finalized;
        for id in 0..6 {
            let view = world.request(finalized, id).unwrap();
            let delivery = view.summary.delivery;
            let once = [DeliveryStatus::Delivered, DeliveryStatus::Failed(1)];
            assert!(once.contains(&delivery), "{id}: {delivery:?}");
        }
        drop(world);
        assert!(run.sent("deliver") <= 6, "{}", run.sent("deliver"));
        let after = run.total_worth();
        assert!(after > before, "{before} became {after}");
        run.well();
    });
}

#[test]
fn what_somebody_else_has_done_is_not_sent_although_it_is_not_final() {
    for act in ["advance", "deliver"] {
        in_simulation(1, None, async move {
            let mut run = Run::new(plan(1));
            run.start();
            let kind = match act {
                "advance" => Kind::Unfilled,
                _ => Kind::Delivered,
            };
            run.ask_with(kind, |terms| {
                terms.seats = 2;
                terms.threshold = 2;
                (terms.commit_blocks, terms.reveal_blocks) = (10, 10);
            });
            for _ in 0..80 {
                let call = match act {
                    "advance" => messages::advance(0).input().to_vec(),
                    _ => messages::deliver(0).input().to_vec(),
                };
                // In the pool before ours, block for block; finality is two blocks behind.
                lock(&run.world).send(ASKER, 0, &call);
                run.block().await;
            }
            assert_eq!(run.sent(act), 0, "{act}");
            run.well();
        });
    }
}

#[test]
fn a_window_shorter_than_the_lag_takes_no_bond() {
    in_simulation(1, None, async {
        let mut run = Run::new(plan(2));
        run.finality = 6;
        run.start();
        run.blocks(20).await;
        let before = run.total_worth();
        for reveal_blocks in [4, 5, 6, 7] {
            run.ask_with(Kind::Plain, |terms| {
                (terms.commit_blocks, terms.reveal_blocks) = (20, reveal_blocks);
            });
        }
        // One that can be met.
        run.ask_with(Kind::Plain, |terms| {
            (terms.commit_blocks, terms.reveal_blocks) = (20, 12);
        });
        run.blocks(80).await;
        let mut world = lock(&run.world);
        let finalized = world.finalized;
        let seats: Vec<usize> = (0..5)
            .map(|id| world.request(finalized, id).unwrap().seats.len())
            .collect();
        drop(world);
        assert_eq!(seats, [0, 0, 0, 0, 2]);
        let after = run.total_worth();
        assert!(after > before, "{before} became {after}");
        run.well();
    });
}

#[test]
fn one_requester_locks_half_of_a_bond_and_pays_for_no_model_beyond_it() {
    in_simulation(1, None, async {
        let mut run = Run::new(plan(1));
        run.at_genesis(|state| {
            let bonds = state.host.view(|oracle| oracle.config()).params;
            // Three least bonds of 100 seats each: as many as a test has time for.
            assert_eq!(bonds.min_bond / bonds.seat_bond, 100);
        });
        run.limits.max_concurrent_model_requests = 64;
        run.start();
        for _ in 0..160 {
            // They can only expire.
            run.ask_with(Kind::Unfilled, |terms| {
                (terms.commit_blocks, terms.reveal_blocks) = (400, 400);
            });
            run.block().await;
        }
        run.blocks(20).await;
        let operator = run.operators()[0];
        let mut world = lock(&run.world);
        let best = world.best;
        let view = world.operator(best, &operator).unwrap();
        assert!(view.locked > 0 && view.locked <= view.bond / 2, "{view:?}");
        drop(world);
        let jobs = run.disk.memory.jobs(1_000).unwrap().len();
        assert!(jobs <= 151, "{jobs} answers for at most 150 seats");
        run.well();
    });
}

/// What strangers do beside asking, in any order.
fn disturb(run: &mut Run) {
    let id = run.rng.below(run.asked.max(1));
    let call = match run.rng.below(4) {
        0 => messages::advance(id).input().to_vec(),
        1 => messages::deliver(id).input().to_vec(),
        2 => messages::prune(id).input().to_vec(),
        _ => messages::reveal_batch(&[made_up(id, 0), made_up(id + 1, 9)])
            .input()
            .to_vec(),
    };
    lock(&run.world).send(ASKER, 0, &call);
}

/// Blocks in which callbacks fail, one kind for each run.
const FAILING: [fn(BlockNumber) -> bool; 4] = [
    |_| false,
    |block| block % 2 == 1,
    |block| block % 3 == 0,
    |_| true,
];

#[test]
fn no_unpaid_work() {
    let runs = std::env::var("LLM_ORACLE_SEEDS").ok();
    let runs: u64 = runs.and_then(|runs| runs.parse().ok()).unwrap_or(40);
    for seed in 0..runs {
        in_simulation(seed, None, async move {
            let mut plan = plan(1 + u8::try_from(seed % 2).unwrap());
            plan.seed = seed;
            let mut run = Run::new(plan);
            run.at_genesis(|state| {
                state.consumer.takes = Balance::from(seed % 3) * UNIT;
                state.consumer.fails_in = Some(FAILING[usize::try_from(seed % 4).unwrap()]);
            });
            run.finality = 1 + u32::try_from(seed % 7).unwrap();
            let before = run.total_worth();
            run.start();
            for block in 0..220 {
                if block < 120 && run.rng.chance(1, 5) {
                    let kind = *run.rng.pick(&Kind::ALL).unwrap();
                    run.ask_with(kind, |terms| {
                        cheap_callback(terms);
                        (terms.commit_blocks, terms.reveal_blocks) = (12, 14);
                    });
                }
                if run.rng.chance(1, 8) {
                    disturb(&mut run);
                }
                run.block().await;
            }
            let after = run.total_worth();
            assert!(after >= before, "seed {seed}: {before} became {after}");
            run.well();
        });
    }
}
