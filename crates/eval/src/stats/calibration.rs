//! Whether answers that are `c` % sure are right in `c` % of cases.

use super::{interval::Proportion, real};
use serde::Serialize;

/// Bins of the reliability curve, of equal width.
pub const BINS: usize = 10;

/// An answer: how sure it was, 0 to 100, and whether it was right.
pub type Forecast = (u8, bool);

/// One bin of the reliability curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReliabilityBin {
    /// Mean confidence of its answers, 0 to 1.
    pub confidence: f64,
    /// How many of them were right.
    pub right: Proportion,
}

/// How far confidence is from what comes true.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CalibrationReport {
    /// Answers that say how sure they are.
    pub answers: usize,
    /// Expected calibration error, 0 to 1: mean distance of confidence and accuracy over the bins,
    /// by their answers (Naeini et al., 2015).
    pub ece: f64,
    /// Brier score, 0 to 1: mean square of confidence less outcome.
    pub brier: f64,
    /// The bins that hold answers, from low to high confidence.
    pub bins: Vec<ReliabilityBin>,
}

/// Measures it; `None` without answers. A confidence of 0 says nothing and must not be among them.
pub fn measure(forecasts: &[Forecast]) -> Option<CalibrationReport> {
    if forecasts.is_empty() {
        return None;
    }
    let all = real(forecasts.len());
    let mut bins = Vec::new();
    let mut ece = 0.0;
    for bin in 0..BINS {
        let inside = forecasts.iter().filter(|(sure, _)| bin_of(*sure) == bin);
        let inside: Vec<&Forecast> = inside.collect();
        if inside.is_empty() {
            continue;
        }
        let sum: f64 = inside
            .iter()
            .map(|(sure, _)| f64::from(*sure) / 100.0)
            .sum();
        let right = Proportion::of(inside.iter().map(|(_, right)| *right));
        let confidence = sum / real(inside.len());
        ece += (confidence - right.share).abs() * real(inside.len()) / all;
        bins.push(ReliabilityBin { confidence, right });
    }
    let square = |(sure, right): &Forecast| {
        let outcome = if *right { 1.0 } else { 0.0 };
        (f64::from(*sure) / 100.0 - outcome).powi(2)
    };
    Some(CalibrationReport {
        answers: forecasts.len(),
        ece,
        brier: forecasts.iter().map(square).sum::<f64>() / all,
        bins,
    })
}

/// Bins are open below and closed above, as usual: 10 is in the first of ten, 11 in the second.
fn bin_of(confidence: u8) -> usize {
    let above = usize::from(confidence.min(100)).saturating_sub(1);
    above.saturating_mul(BINS) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calibrated_model_has_no_error_and_a_boaster_has() {
        let good: Vec<Forecast> = (0..100).map(|at| (80, at < 80)).collect();
        let report = measure(&good);
        assert!(report
            .as_ref()
            .is_some_and(|one| one.ece < 1e-9 && one.bins.len() == 1));
        assert!(report.is_some_and(|one| (one.brier - 0.16).abs() < 1e-9));
        let boaster: Vec<Forecast> = (0..100).map(|at| (100, at < 50)).collect();
        assert!(measure(&boaster).is_some_and(|one| (one.ece - 0.5).abs() < 1e-9));
        assert_eq!(measure(&[]), None);
    }

    #[test]
    fn bins_are_closed_above() {
        let bins: Vec<_> = [1, 10, 11, 20, 91, 100].map(bin_of).into();
        assert_eq!(bins, [0, 0, 1, 1, 9, 9]);
    }
}
