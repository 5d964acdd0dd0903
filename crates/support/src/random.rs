//! Random bytes and jitter. All randomness is drawn here, so that a simulation can be replayed from
//! its seed.

#[cfg(feature = "simulation")]
use crate::simulated;
use backon::ExponentialBuilder;

/// Fills a buffer with random bytes.
///
/// # Errors
/// The operating system's error when it has no random bytes.
pub fn fill(buffer: &mut [u8]) -> Result<(), getrandom::Error> {
    #[cfg(feature = "simulation")]
    if simulated::fill(buffer) {
        return Ok(());
    }
    getrandom::fill(buffer)
}

/// Adds jitter to a backoff, so that many relayers do not retry at the same time.
pub fn jitter(pauses: ExponentialBuilder) -> ExponentialBuilder {
    #[cfg(feature = "simulation")]
    if let Some(seed) = simulated::seed() {
        return pauses.with_jitter().with_jitter_seed(seed);
    }
    pauses.with_jitter()
}
