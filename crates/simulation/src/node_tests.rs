//! What a relayer does about nodes that show another contract.
#![allow(clippy::unwrap_used)]

use super::{
    faults::quiet,
    run::{in_simulation, Plan, Run},
    scenario::Kind,
};
use crate::network::{lock, CODE};

const OTHER_CODE: [u8; 32] = [0xbd; 32];

fn plan() -> Plan {
    Plan {
        seed: 11,
        operators: 2,
        nodes: 1,
        rates: quiet(),
        mutant: None,
        keep_trace: false,
        fixed: true,
    }
}

/// Seats taken and revealed of a request.
fn seats(run: &Run, id: u64) -> (u8, u8) {
    let mut world = lock(&run.world);
    let best = world.best;
    let view = world.request(best, id);
    view.map_or((0, 0), |view| {
        (view.summary.committed, view.summary.revealed)
    })
}

/// From now on every node shows this code, on new connections.
fn show(run: &Run, code: [u8; 32]) {
    let mut world = lock(&run.world);
    world.code = code;
    world.cut_lines(0);
}

/// A run in which both seats of the first request are taken and none is revealed.
async fn committed() -> Run {
    let mut run = Run::new(plan());
    run.start();
    run.block().await;
    run.ask_with(Kind::Plain, |terms| {
        (terms.commit_blocks, terms.reveal_blocks) = (60, 60);
    });
    for _ in 0..40 {
        run.block().await;
        if seats(&run, 0) == (2, 0) {
            return run;
        }
    }
    panic!("not committed: {:?}", seats(&run, 0));
}

fn violations(run: &Run) -> Vec<String> {
    run.witness.seen().violations.clone()
}

#[test]
fn another_code_is_confirmed_before_the_relayer_ends_and_seats_are_revealed() {
    in_simulation(11, None, async {
        let mut run = committed().await;
        show(&run, OTHER_CODE);
        run.ask(Kind::Plain);
        for _ in 0..40 {
            run.block().await;
        }
        assert_eq!(seats(&run, 0), (2, 2), "what was taken is revealed");
        assert_eq!(seats(&run, 1), (0, 0), "nothing is begun");
        for _ in 0..100 {
            run.block().await;
        }
        assert_eq!(violations(&run), Vec::<String>::new());
        for _ in 0..100 {
            run.block().await;
        }
        let ended = violations(&run);
        assert!(
            ended.iter().any(|end| end.contains("OtherCode")),
            "{ended:?}"
        );
    });
}

#[test]
fn a_code_that_was_wrong_for_a_minute_ends_nothing() {
    in_simulation(11, None, async {
        let mut run = committed().await;
        show(&run, OTHER_CODE);
        for _ in 0..60 {
            run.block().await;
        }
        show(&run, CODE);
        run.ask_with(Kind::Plain, |terms| {
            (terms.commit_blocks, terms.reveal_blocks) = (60, 60);
        });
        for _ in 0..250 {
            run.block().await;
        }
        assert_eq!(seats(&run, 1), (2, 2));
        assert_eq!(violations(&run), Vec::<String>::new());
    });
}
