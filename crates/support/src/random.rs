//! Random bytes and jitter, in one place, so that a simulation can be run again as it was.

#[cfg(feature = "simulation")]
use crate::simulated;
use backon::ExponentialBuilder;

/// Fills a buffer with random bytes.
///
/// # Errors
/// What the system says when it has none.
pub fn fill(buffer: &mut [u8]) -> Result<(), getrandom::Error> {
    #[cfg(feature = "simulation")]
    if simulated::fill(buffer) {
        return Ok(());
    }
    getrandom::fill(buffer)
}

/// Jitter on pauses, so that many relayers don't come back at one moment.
pub fn jitter(pauses: ExponentialBuilder) -> ExponentialBuilder {
    #[cfg(feature = "simulation")]
    if let Some(seed) = simulated::seed() {
        return pauses.with_jitter().with_jitter_seed(seed);
    }
    pauses.with_jitter()
}
