//! Random bytes and jitter, in one place, so that a simulation can be run again as it was.

use backon::ExponentialBuilder;

/// Fills a buffer with random bytes.
///
/// # Errors
/// What the system says when it has none.
pub(crate) fn fill(buffer: &mut [u8]) -> Result<(), getrandom::Error> {
    #[cfg(test)]
    if simulated::fill(buffer) {
        return Ok(());
    }
    getrandom::fill(buffer)
}

/// Jitter on pauses, so that many relayers don't come back at one moment.
pub(crate) fn jitter(pauses: ExponentialBuilder) -> ExponentialBuilder {
    #[cfg(test)]
    if let Some(seed) = simulated::seed() {
        return pauses.with_jitter().with_jitter_seed(seed);
    }
    pauses.with_jitter()
}

/// Time and chance of a simulation. They belong to its thread: other tests don't see them.
#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
pub(crate) mod simulated {
    use std::cell::RefCell;
    use tokio::time::Instant;

    /// A generator of numbers by seed (splitmix64).
    #[derive(Debug, Clone)]
    pub(crate) struct Dice(u64);

    impl Dice {
        pub(crate) fn new(seed: u64) -> Self {
            Self(seed)
        }

        pub(crate) fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }

        /// A number below `sides`.
        pub(crate) fn roll(&mut self, sides: u64) -> u64 {
            self.next() % sides.max(1)
        }

        /// Whether something that happens `times` in `of` happens now.
        pub(crate) fn chance(&mut self, times: u64, of: u64) -> bool {
            self.roll(of) < times
        }

        /// One of several.
        pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
            of.get(usize::try_from(self.roll(of.len() as u64)).unwrap_or(0))
        }
    }

    struct World {
        dice: Dice,
        /// When tokio's clock showed what, and what the wall clock is ahead of it.
        began: Instant,
        began_ms: i64,
    }

    thread_local! {
        static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
    }

    /// Ends the simulation of this thread when it is dropped.
    pub(crate) struct Simulated;

    impl Drop for Simulated {
        fn drop(&mut self) {
            WORLD.with_borrow_mut(|world| *world = None);
        }
    }

    /// From here on this thread's time follows tokio's, and its chance the seed.
    pub(crate) fn begin(seed: u64) -> Simulated {
        WORLD.with_borrow_mut(|world| {
            *world = Some(World {
                dice: Dice::new(seed),
                began: Instant::now(),
                began_ms: 1_700_000_000_000,
            });
        });
        Simulated
    }

    /// Sets the wall clock forward or back, milliseconds.
    pub(crate) fn jump(by_ms: i64) {
        WORLD.with_borrow_mut(|world| {
            if let Some(world) = world {
                world.began_ms += by_ms;
            }
        });
    }

    pub(crate) fn now_ms() -> Option<i64> {
        WORLD.with_borrow(|world| {
            let world = world.as_ref()?;
            Some(world.began_ms + i64::try_from(world.began.elapsed().as_millis()).ok()?)
        })
    }

    pub(super) fn fill(buffer: &mut [u8]) -> bool {
        WORLD.with_borrow_mut(|world| {
            let Some(world) = world else { return false };
            for byte in buffer {
                *byte = world.dice.next().to_le_bytes()[0];
            }
            true
        })
    }

    pub(super) fn seed() -> Option<u64> {
        WORLD.with_borrow_mut(|world| Some(world.as_mut()?.dice.next()))
    }
}
