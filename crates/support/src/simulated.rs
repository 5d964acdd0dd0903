//! Time and chance of a simulation. They belong to its thread: other tests don't see them.
#![allow(clippy::arithmetic_side_effects)]

use llm_oracle_fixtures::SimRng;

use std::cell::RefCell;
use tokio::time::Instant;

struct SimulatedWorld {
    rng: SimRng,
    /// When tokio's clock showed what, and what the wall clock is ahead of it.
    began: Instant,
    began_ms: i64,
}

thread_local! {
    static WORLD: RefCell<Option<SimulatedWorld>> = const { RefCell::new(None) };
}

/// Ends the simulation of this thread when it is dropped.
pub struct Simulated;

impl Drop for Simulated {
    fn drop(&mut self) {
        WORLD.with_borrow_mut(|world| *world = None);
    }
}

/// From here on this thread's time follows tokio's, and its chance the seed.
pub fn begin(seed: u64) -> Simulated {
    WORLD.with_borrow_mut(|world| {
        *world = Some(SimulatedWorld {
            rng: SimRng::new(seed),
            began: Instant::now(),
            began_ms: 1_700_000_000_000,
        });
    });
    Simulated
}

/// Sets the wall clock forward or back, milliseconds.
pub fn jump(by_ms: i64) {
    WORLD.with_borrow_mut(|world| {
        if let Some(world) = world {
            world.began_ms += by_ms;
        }
    });
}

/// What the wall clock shows in the simulation; `None` outside of one.
pub fn now_ms() -> Option<i64> {
    WORLD.with_borrow(|world| {
        let world = world.as_ref()?;
        Some(world.began_ms + i64::try_from(world.began.elapsed().as_millis()).ok()?)
    })
}

pub(crate) fn fill(buffer: &mut [u8]) -> bool {
    WORLD.with_borrow_mut(|world| {
        let Some(world) = world else { return false };
        for byte in buffer {
            *byte = world.rng.next_u64().to_le_bytes()[0];
        }
        true
    })
}

pub(crate) fn seed() -> Option<u64> {
    WORLD.with_borrow_mut(|world| Some(world.as_mut()?.rng.next_u64()))
}
