//! Single promises, each on a network of its own.

use super::{
    faults::quiet,
    kill::{KillKind as Place, Side},
    run::{in_simulation, Plan, Run},
    scenario::{Kind, ASKER},
};
use crate::network::{lock, SubmitFault, ERA};
use llm_oracle_chain::messages;
use llm_oracle_primitives::{AccountId, Balance, BlockNumber, Phase, RequestId, SeatState, Terms};
use llm_oracle_signing::account_of;
use llm_oracle_store::database::Database;
use std::sync::atomic::Ordering;

pub(super) fn plan(operators: u8, nodes: usize) -> Plan {
    Plan {
        seed: 5,
        operators,
        nodes,
        rates: quiet(),
        mutant: None,
        keep_trace: false,
        fixed: true,
    }
}

pub(super) fn long(terms: &mut Terms) {
    (terms.commit_blocks, terms.reveal_blocks) = (9_000, 400);
}

impl Run {
    /// Goes on until a request is settled at a finalized block with so many agreeing seats; says after
    /// how many blocks.
    pub(super) async fn until_agreed(
        &mut self,
        id: RequestId,
        seats: usize,
        most: u32,
    ) -> Option<u32> {
        for block in 0..most {
            self.block().await;
            if self.agreed(id) == seats {
                return Some(block);
            }
        }
        None
    }

    pub(super) fn agreed(&self, id: RequestId) -> usize {
        let mut world = lock(&self.world);
        let finalized = world.finalized;
        let view = world.request(finalized, id);
        view.map_or(0, |view| {
            let seats = view.seats.iter();
            seats.filter(|seat| seat.state == SeatState::Agreed).count()
        })
    }

    /// The requester takes away what is long over.
    fn prune_old(&mut self) {
        let mut world = lock(&self.world);
        let finalized = world.finalized;
        let over = (0..self.asked).rev().skip(12).take(60).filter(|id| {
            let view = world.request(finalized, *id);
            view.is_some_and(|view| view.summary.settled)
        });
        let over: Vec<_> = over.collect();
        for id in over.into_iter().take(2) {
            world.send(ASKER, 0, messages::prune(id).input());
        }
    }

    pub(super) fn well(&self) {
        let seen = self.witness.seen();
        assert!(seen.violations.is_empty(), "{:?}", seen.violations);
    }

    pub(super) fn live(&self) -> usize {
        self.disk.memory.live_attempts().unwrap().len()
    }
}

#[test]
fn no_gap_loses_a_request() {
    for (gap, running) in [1, 2, 3, 10, 50, 299, 301, 1_000, 5_000]
        .into_iter()
        .flat_map(|gap| [(gap, true), (gap, false)])
    {
        in_simulation(gap, None, async move {
            let mut run = Run::new(plan(2, 1));
            run.start();
            run.ask_with(Kind::Plain, long);
            assert!(run.until_agreed(0, 2, 30).await.is_some());
            // The node is away, or the process is.
            match running {
                true => {
                    let mut world = lock(&run.world);
                    world.nodes[0].cut = true;
                    world.cut_lines(0);
                }
                false => run.stop(),
            }
            run.ask_with(Kind::Plain, long);
            run.ask_with(Kind::Unfilled, |terms| terms.commit_blocks = 4);
            run.ask_with(Kind::Delivered, long);
            {
                let mut world = lock(&run.world);
                for block in 0..gap {
                    world.block();
                    world.finalize(2);
                    if block == 400 {
                        // Its end was settled and taken away by somebody else.
                        world.send(ASKER, 0, messages::prune(2).input());
                    }
                }
                world.nodes[0].cut = false;
                world.follow();
                let jump = world.height() + 5_000;
                run.witness.blocks_jump.store(jump, Ordering::Relaxed);
            }
            for id in [1, 3] {
                let found = run.until_agreed(id, 2, 90).await;
                assert!(found.is_some(), "gap {gap}: request {id} was not answered");
            }
            // What nobody could fill is settled by those that have a seat, unless it is gone.
            for _ in 0..30 {
                run.block().await;
            }
            let mut world = lock(&run.world);
            let finalized = world.finalized;
            let view = world.request(finalized, 2);
            let over = view.is_none_or(|view| view.summary.settled || view.seats.is_empty());
            assert!(over, "gap {gap}: what expired was not settled");
            drop(world);
            run.well();
            assert_eq!(run.live(), 0, "gap {gap}");
        });
    }
}

#[test]
fn nonce_never_jams() {
    let faults = [
        None,
        Some(SubmitFault::Refused),
        Some(SubmitFault::Lost),
        Some(SubmitFault::CutAfter),
        Some(SubmitFault::CutBefore),
    ];
    let sides = [Side::Before, Side::After];
    // From the question for the nonce to the note that the bytes were sent.
    let writes = (0..9).map(|number| (Place::Write, number));
    let places = writes.chain([(Place::Send, 0), (Place::Send, 1)]);
    let mut deaths: Vec<_> = places
        .flat_map(|(kind, number)| sides.map(|side| Some((kind, number, side))))
        .collect();
    deaths.push(None);
    let blocks = |fault, death| {
        let blocks = in_simulation(1, None, async move {
            let mut run = Run::new(plan(1, 1));
            lock(&run.world).next_submit = fault;
            run.kill.arm(death);
            run.start();
            run.ask_with(Kind::Plain, long);
            let first = run.until_agreed(0, 1, 4 * ERA).await;
            // And another one after it.
            run.ask_with(Kind::Plain, long);
            let second = run.until_agreed(1, 1, 30).await;
            for _ in 0..3 {
                run.block().await;
            }
            run.well();
            assert_eq!(run.live(), 0);
            first.zip(second).map(|(first, second)| first.max(second))
        });
        blocks.unwrap_or_else(|| panic!("{fault:?} {death:?}: no progress"))
    };
    let usual = blocks(None, None);
    let all = faults
        .into_iter()
        .flat_map(|fault| deaths.iter().map(move |death| (fault, *death)));
    let longest = all.map(|(fault, death)| blocks(fault, death)).max();
    let more = longest.unwrap_or_default().saturating_sub(usual);
    let count = 5 * deaths.len();
    println!("{count} failures, at most {more} blocks more than the usual {usual}");
    assert!(more <= 2 * ERA, "{more} blocks are over two eras");
}

#[test]
fn dropped_then_included_has_no_double_effect() {
    // The first bytes are lost or refused, another transaction takes their place, and then they come
    // back, before or after it.
    for (fault, first) in [
        (SubmitFault::Lost, true),
        (SubmitFault::Refused, true),
        (SubmitFault::Refused, false),
    ] {
        in_simulation(1, None, async move {
            let mut run = Run::new(plan(1, 1));
            run.start();
            run.ask_with(Kind::Plain, long);
            let mut taken: Vec<crate::network::Tx> = Vec::new();
            let mut refused = false;
            for _ in 0..4 * ERA {
                {
                    let mut world = lock(&run.world);
                    // Nothing of ours stays in the pool until two have left.
                    let ours = world
                        .pool
                        .iter()
                        .filter(|tx| run.witness.is_ours(&tx.signer));
                    let ours: Vec<_> = ours.cloned().collect();
                    for tx in ours {
                        if !taken.contains(&tx) {
                            taken.push(tx);
                        }
                    }
                    if taken.len() < 2 {
                        let witness = run.witness.clone();
                        world.pool.retain(|tx| !witness.is_ours(&tx.signer));
                        if taken.len() == 1 && fault == SubmitFault::Refused && !refused {
                            world.next_submit = Some(fault);
                            refused = true;
                        }
                    } else {
                        let old = taken[0].clone();
                        world.pool.retain(|tx| *tx != old);
                        let place = if first { 0 } else { world.pool.len() };
                        world.pool.insert(place, old);
                    }
                }
                run.block().await;
                if taken.len() >= 2 && run.agreed(0) == 1 {
                    break;
                }
            }
            assert!(taken.len() >= 2, "{fault:?}: only {} left", taken.len());
            assert!(run.until_agreed(0, 1, 60).await.is_some() || run.agreed(0) == 1);
            for _ in 0..ERA + 4 {
                run.block().await;
            }
            run.well();
            assert_eq!(run.live(), 0, "{fault:?}");
            let mut world = lock(&run.world);
            let finalized = world.finalized;
            let view = world.request(finalized, 0).unwrap();
            assert_eq!(view.seats.len(), 1);
        });
    }
}

#[test]
fn reveal_only_after_finality() {
    for depth in (1..=20_u32).chain([30, 40, 50, 60, 70, 80, 90, 99, 100]) {
        in_simulation(depth.into(), None, async move {
            let mut run = Run::new(plan(2, 1));
            run.start();
            run.ask_with(Kind::Plain, long);
            let mut open = false;
            // The question becomes final, and then nothing any more.
            while !open {
                run.block().await;
                let mut world = lock(&run.world);
                let finalized = world.finalized;
                open = world.request(finalized, 0).is_some();
            }
            run.finality = BlockNumber::MAX;
            let base = lock(&run.world).height();
            let revealing = |run: &Run| {
                let mut world = lock(&run.world);
                let best = world.best;
                let view = world.request(best, 0);
                view.is_some_and(|view| view.summary.phase == Phase::Revealing)
            };
            while lock(&run.world).height() < base + depth {
                run.block().await;
            }
            for _ in 0..20 {
                if revealing(&run) {
                    break;
                }
                run.block().await;
            }
            assert!(
                revealing(&run),
                "depth {depth}: no commits in the best block"
            );
            assert_eq!(run.witness.seen().reveals, 0, "depth {depth}");
            {
                // The whole commit round is taken back.
                let mut world = lock(&run.world);
                let deep = world.height() - world.final_height();
                world.reorganise(deep, false);
                world.follow();
            }
            run.block().await;
            assert_eq!(run.witness.seen().reveals, 0, "depth {depth}");
            run.finality = 2;
            assert!(
                run.until_agreed(0, 2, 4 * ERA).await.is_some(),
                "depth {depth}"
            );
            run.well();
        });
    }
}

#[test]
fn valid_spam_is_never_unprofitable() {
    // 24 hours of blocks of 6 s; time passes faster here, which changes nothing about fees.
    const HOURS: u32 = 24;
    const BLOCKS: u32 = 600;
    in_simulation(9, None, async {
        let mut run = Run::new(plan(2, 1));
        {
            let mut world = lock(&run.world);
            let genesis = world.genesis;
            world
                .tree
                .state_mut(&genesis)
                .unwrap()
                .host
                .callbacks_succeed = false;
        }
        run.limits.poll_interval_ms = 60_000;
        run.limits.report_equivocations = false;
        run.start();
        let keys = &super::scenario::genesis().0;
        let accounts: Vec<AccountId> = keys.iter().take(2).map(account_of).collect();
        let sum = |run: &Run| -> Balance { accounts.iter().map(|one| run.worth(one)).sum() };
        let (start, mut last) = (sum(&run), sum(&run));
        for hour in 0..HOURS {
            for block in 0..BLOCKS {
                // What earns the least: seats in requests that can't be filled, that nobody agrees
                // on, that come to nothing, or whose callback fails.
                if block % 6 == 0 && block < BLOCKS - 100 {
                    let kind = match run.rng.below(4) {
                        0 | 1 => Kind::Unfilled,
                        2 => Kind::Delivered,
                        _ => Kind::Narrow,
                    };
                    run.ask_with(kind, |terms| {
                        (terms.commit_blocks, terms.reveal_blocks) = (8, 8);
                    });
                }
                if block % 6 == 3 {
                    run.prune_old();
                }
                run.block().await;
            }
            let now = sum(&run);
            assert!(now >= last, "hour {hour}: {last} became {now}");
            last = now;
        }
        println!("{} requests, earned {} planck", run.asked, last - start);
        assert!(last > start);
        run.well();
    });
}

#[test]
fn one_subsystem_error_stops_no_other() {
    // The model gives no answer to one question, for as long as it is asked.
    in_simulation(1, None, async {
        let mut run = Run::new(plan(1, 1));
        run.start();
        run.ask_with(Kind::Hopeless, long);
        run.ask_with(Kind::Plain, long);
        assert!(run.until_agreed(1, 1, 40).await.is_some(), "model");
        run.well();
    });
    // Callbacks fail.
    in_simulation(2, None, async {
        let mut run = Run::new(plan(1, 1));
        {
            let mut world = lock(&run.world);
            let genesis = world.genesis;
            world
                .tree
                .state_mut(&genesis)
                .unwrap()
                .host
                .callbacks_succeed = false;
        }
        run.start();
        run.ask_with(Kind::Delivered, long);
        run.ask_with(Kind::Plain, long);
        assert!(run.until_agreed(1, 1, 40).await.is_some(), "callback");
        run.ask_with(Kind::Plain, long);
        assert!(run.until_agreed(2, 1, 40).await.is_some(), "callback");
        run.well();
    });
    // One of two operators can't pay for a transaction.
    in_simulation(3, None, async {
        let mut run = Run::new(plan(2, 1));
        {
            let mut world = lock(&run.world);
            let genesis = world.genesis;
            let unfunded = account_of(&super::scenario::genesis().0[0]);
            let state = world.tree.state_mut(&genesis).unwrap();
            state.balances.insert(unfunded, 0);
        }
        run.start();
        for id in 0..2 {
            run.ask_with(Kind::Plain, long);
            assert!(run.until_agreed(id, 2, 60).await.is_some(), "balance {id}");
        }
        run.well();
    });
    // One of two nodes is away, and the other one comes and goes.
    in_simulation(4, None, async {
        let mut run = Run::new(plan(1, 2));
        run.start();
        lock(&run.world).nodes[0].cut = true;
        run.ask_with(Kind::Plain, long);
        assert!(run.until_agreed(0, 1, 40).await.is_some(), "node");
        run.well();
    });
}
