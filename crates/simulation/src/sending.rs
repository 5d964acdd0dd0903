//! Transactions on a public chain: what does not get into a block, and what must not wait for it.

use super::{
    directed::{self, is_reveal},
    promises::{long, plan},
    run::{in_simulation, Run},
    scenario::Kind,
};
use crate::network::{lock, SubmitFault, Tx, ERA};
use llm_oracle_primitives::SeatState;

/// Seats in a state, at the finalized block.
fn seats(run: &Run, id: u64, state: SeatState) -> usize {
    let mut world = lock(&run.world);
    let finalized = world.finalized;
    let view = world.request(finalized, id);
    view.map_or(0, |view| {
        let seats = view.seats.iter();
        seats.filter(|seat| seat.state == state).count()
    })
}

#[test]
fn what_was_accepted_once_and_is_refused_since_is_replaced_before_its_deadline() {
    assert_eq!(directed::revealed_after_refusals(None), 2);
}

#[test]
fn deliveries_that_take_their_time_do_not_keep_reveals_waiting() {
    in_simulation(2, None, async {
        let mut run = Run::new(plan(1, 1));
        {
            let mut world = lock(&run.world);
            let genesis = world.genesis;
            let state = world.tree.state_mut(&genesis).unwrap();
            state.host.callbacks_succeed = false;
            world.ways.delivery_ms = 2_000;
        }
        run.start();
        for _ in 0..20 {
            run.ask_with(Kind::Delivered, long);
        }
        // They have all ended, and their deliveries begin.
        for _ in 0..60 {
            if (0..20).all(|id| run.agreed(id) == 1) {
                break;
            }
            run.block().await;
        }
        run.ask_with(Kind::Plain, |terms| {
            (terms.commit_blocks, terms.reveal_blocks) = (30, 20);
        });
        let found = run.until_agreed(20, 1, 80).await;
        let silent = seats(&run, 20, SeatState::Silent);
        assert!(found.is_some(), "{silent} silent");
        run.well();
    });
}

#[test]
fn a_pool_that_is_full_for_a_minute_costs_no_seat() {
    in_simulation(3, None, async {
        let mut run = Run::new(plan(1, 1));
        run.start();
        run.ask_with(Kind::Plain, |terms| {
            (terms.commit_blocks, terms.reveal_blocks) = (150, 40);
        });
        for _ in 0..70 {
            lock(&run.world).next_submit = Some(SubmitFault::Refused);
            run.block().await;
        }
        lock(&run.world).next_submit = None;
        assert!(run.until_agreed(0, 1, 60).await.is_some());
        run.well();
    });
}

#[test]
fn a_batch_that_the_pool_does_not_take_is_divided() {
    in_simulation(4, None, async {
        let mut run = Run::new(plan(1, 1));
        // Room for one entry, not for two.
        lock(&run.world).ways.most_ref_time = 9_600_000_000;
        run.limits.max_concurrent_model_requests = 8;
        run.start();
        for _ in 0..8 {
            run.ask_with(Kind::Plain, |terms| {
                (terms.commit_blocks, terms.reveal_blocks) = (60, 60);
            });
        }
        for id in 0..8 {
            let found = run.agreed(id) == 1 || run.until_agreed(id, 1, 90).await.is_some();
            assert!(found, "request {id}");
        }
        run.well();
    });
}

#[test]
fn a_signer_that_is_away_stops_its_own_operator_only() {
    in_simulation(5, None, async {
        let mut run = Run::new(plan(2, 1));
        run.signer_away = Some(0);
        run.start();
        // Each of the two is the turn of another operator.
        for _ in 0..4 {
            run.ask_with(Kind::Plain, |terms| {
                (terms.seats, terms.threshold) = (1, 1);
                (terms.commit_blocks, terms.reveal_blocks) = (60, 60);
            });
        }
        for id in [1, 3] {
            let found = run.agreed(id) == 1 || run.until_agreed(id, 1, 60).await.is_some();
            assert!(found, "request {id}");
        }
        run.well();
    });
}

#[test]
fn a_runtime_upgrade_between_commit_and_reveal_loses_nothing() {
    for blocks in 0..16 {
        in_simulation(blocks, None, async move {
            let mut run = Run::new(plan(2, 1));
            run.start();
            run.ask_with(Kind::Delivered, long);
            for _ in 0..blocks {
                run.block().await;
            }
            lock(&run.world).tree.upgrade = true;
            assert!(
                run.until_agreed(0, 2, 3 * ERA).await.is_some(),
                "after {blocks} blocks"
            );
            run.well();
        });
    }
}

#[test]
fn a_reveal_behind_a_commit_that_no_block_took_is_sent_with_its_nonce() {
    in_simulation(1, None, async {
        let mut run = Run::new(plan(1, 1));
        run.start();
        run.ask_with(Kind::Plain, |terms| {
            (terms.commit_blocks, terms.reveal_blocks) = (20, 24);
        });
        run.block().await;
        run.ask_with(Kind::Plain, |terms| terms.commit_blocks = 8);
        let is_lost = |tx: &Tx| tx.nonce == 1 && !is_reveal(tx);
        let mut lost = 0;
        for _ in 0..60 {
            {
                let mut world = lock(&run.world);
                lost += world.pool.iter().filter(|tx| is_lost(tx)).count();
                world.pool.retain(|tx| !is_lost(tx));
            }
            run.block().await;
        }
        assert!(
            lost > 0,
            "the second commit has the nonce before the reveal"
        );
        assert_eq!(
            run.agreed(0),
            1,
            "{} silent",
            seats(&run, 0, SeatState::Silent)
        );
        assert_eq!(seats(&run, 1, SeatState::Committed), 0);
        run.well();
    });
}
