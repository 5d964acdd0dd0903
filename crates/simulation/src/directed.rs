//! Scenarios that find one mutant each, which chance finds too seldom.

use super::{
    faults::quiet,
    run::{in_simulation, Plan, Run},
    scenario::Kind,
};
use crate::network::{lock, parse, Tx};

/// Whether a transaction opens seats.
pub fn is_reveal(tx: &Tx) -> bool {
    parse(&tx.input).is_some_and(|(name, _)| name == "reveal_batch")
}

/// Whoever carries both reveals of a request can't pay any more, and the pools drop them. Says how many are
/// revealed in the end.
pub fn revealed_after_refusals(mutant: Option<&'static str>) -> u8 {
    in_simulation(1, mutant, async {
        let mut run = Run::new(Plan {
            seed: 5,
            operators: 2,
            nodes: 1,
            rates: quiet(),
            mutant,
            keep_trace: false,
            fixed: true,
        });
        run.start();
        run.ask_with(Kind::Plain, |terms| {
            (terms.commit_blocks, terms.reveal_blocks) = (40, 40);
        });
        let mut sender = None;
        for _ in 0..90 {
            {
                let mut world = lock(&run.world);
                let found = world.pool.iter().find(|tx| is_reveal(tx));
                if let (None, Some(tx)) = (sender, found) {
                    let signer = tx.signer;
                    sender = Some(signer);
                    world.pool.retain(|tx| tx.signer != signer);
                    world.set_balance(signer, 0);
                }
            }
            run.block().await;
        }
        assert!(sender.is_some(), "no reveal was sent");
        let violations = run.witness.seen().violations.clone();
        assert!(mutant.is_some() || violations.is_empty(), "{violations:?}");
        let mut world = lock(&run.world);
        let finalized = world.finalized;
        let view = world.request(finalized, 0);
        view.map_or(0, |view| view.summary.revealed)
    })
}

/// Whether a scenario finds a bug; `None`: there is none for it.
#[cfg(feature = "mutants")]
pub fn finds(mutant: &'static str) -> Option<bool> {
    match mutant {
        "wait_for_the_era" => Some(revealed_after_refusals(Some(mutant)) < 2),
        _ => None,
    }
}
