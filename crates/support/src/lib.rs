//! Helpers that several crates share: amounts, addresses, clock, random bytes, credentials.
//!
//! **Architecture invariant:** nothing here knows a node, a server, a model or a database.

pub mod address;
pub mod amount;
pub mod blocking;
pub mod clock;
pub mod credential;
pub mod exit_code;
pub mod random;
#[cfg(feature = "simulation")]
pub mod simulated;
pub mod toml_errors;

use llm_oracle_primitives::digest;

/// ink!'s default selector: the first four bytes of the name's `blake2_256`.
pub fn selector(name: &str) -> [u8; 4] {
    let [a, b, c, d, ..] = digest::blake2(name.as_bytes());
    [a, b, c, d]
}
