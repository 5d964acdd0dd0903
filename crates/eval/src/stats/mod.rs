//! Statistics of answers that are right or wrong. Pure, and the same on every run: what is random comes
//! from a seed.

pub mod calibration;
pub mod correlation;
pub mod coverage;
pub mod interval;
pub mod isotonic;
pub mod paired;
pub mod rng;
pub mod theory;

/// The 97.5 % point of the normal distribution: intervals are of 95 %.
pub const Z95: f64 = 1.959_963_984_540_054;

/// A count as a number to calculate with.
pub fn real(count: usize) -> f64 {
    count as f64
}
