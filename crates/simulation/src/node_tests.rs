//! What a relayer does about nodes that show another contract.
#![allow(clippy::unwrap_used)]

use super::{
    faults::quiet,
    model::Model,
    run::{in_simulation, Plan, Run},
    scenario::Kind,
};
use crate::network::{lock, CODE};
use llm_oracle_relayer::{LiveSettings, ReloadReport};
use std::sync::Arc;

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
    started(Run::new(plan())).await
}

async fn started(mut run: Run) -> Run {
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
fn an_upgrade_to_a_code_that_is_accepted_too_is_worked_through() {
    in_simulation(11, None, async {
        let mut run = Run::new(plan());
        run.codes = vec![CODE, OTHER_CODE];
        let mut run = started(run).await;
        show(&run, OTHER_CODE);
        run.ask(Kind::Plain);
        for _ in 0..250 {
            run.block().await;
        }
        assert_eq!((seats(&run, 0), seats(&run, 1)), ((2, 2), (2, 2)));
        assert_eq!(violations(&run), Vec::<String>::new());
    });
}

/// Hands the settings of a run to the relayer that runs.
fn reload(run: &Run) {
    let model = Model {
        world: run.world.clone(),
        witness: run.witness.clone(),
        fixed: true,
    };
    let report = ReloadReport::default();
    let settings = LiveSettings::new(&run.config(), Arc::new(model), report).unwrap();
    run.reloader.as_ref().unwrap().hand_in(settings);
}

#[test]
fn a_reload_changes_what_is_accepted_and_what_is_answered() {
    in_simulation(11, None, async {
        let mut run = Run::new(plan());
        run.limits.min_reward = u128::MAX;
        run.start();
        run.block().await;
        run.ask(Kind::Plain);
        for _ in 0..20 {
            run.block().await;
        }
        assert_eq!(seats(&run, 0), (0, 0), "it pays too little");
        run.limits.min_reward = 0;
        run.codes.push(OTHER_CODE);
        reload(&run);
        show(&run, OTHER_CODE);
        run.ask(Kind::Plain);
        for _ in 0..250 {
            run.block().await;
        }
        assert_eq!(seats(&run, 1), (2, 2), "what came after the reload");
        run.codes = vec![CODE];
        reload(&run);
        run.ask(Kind::Plain);
        for _ in 0..40 {
            run.block().await;
        }
        assert_eq!(seats(&run, 2), (0, 0), "the code is not accepted any more");
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
