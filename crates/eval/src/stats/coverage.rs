//! Accuracy of the surest answers: risk against coverage (El-Yaniv and Wiener, 2010).

use super::{calibration::Forecast, interval::Proportion, real};
use serde::Serialize;

/// What is gained by taking only answers that are at least so sure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CoveragePoint {
    /// Least confidence of an answer that is taken, 0 to 100.
    pub min_confidence: u8,
    /// Share of all questions that then have an answer, 0 to 1.
    pub coverage: f64,
    /// How many of those answers are right.
    pub right: Proportion,
}

/// The curve from the surest answers to all. `asked` is the number of all questions, those without an
/// answer included.
pub fn curve(forecasts: &[Forecast], asked: usize) -> Vec<CoveragePoint> {
    let mut levels: Vec<u8> = forecasts.iter().map(|(sure, _)| *sure).collect();
    levels.sort_unstable();
    levels.dedup();
    let point = |min_confidence: u8| {
        let taken = forecasts.iter().filter(|(sure, _)| *sure >= min_confidence);
        let right = Proportion::of(taken.map(|(_, right)| *right));
        CoveragePoint {
            min_confidence,
            coverage: real(right.of) / real(asked.max(1)),
            right,
        }
    };
    levels.into_iter().rev().map(point).collect()
}

/// Area under the curve of risk against coverage, 0 to 1, less is better; 0 without answers. Between
/// two levels of confidence the risk is taken as linear.
pub fn area(points: &[CoveragePoint]) -> f64 {
    let (mut before, mut sum, mut last) = (0_usize, 0.0, 0.0);
    for point in points {
        let risk = 1.0 - point.right.share;
        let new = real(point.right.of.saturating_sub(before));
        let from = if before == 0 { risk } else { last };
        sum += new * (from + risk) / 2.0;
        (before, last) = (point.right.of, risk);
    }
    if before == 0 {
        0.0
    } else {
        sum / real(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surest_answers_come_first() {
        let forecasts = [(90, true), (90, true), (60, false), (50, true)];
        let points = curve(&forecasts, 5);
        let shown: Vec<_> = points
            .iter()
            .map(|one| (one.min_confidence, one.right.count, one.right.of))
            .collect();
        assert_eq!(shown, [(90, 2, 2), (60, 2, 3), (50, 3, 4)]);
        assert!((points[2].coverage - 0.8).abs() < 1e-12);
        let turned = [(90, false), (90, false), (60, true), (50, false)];
        assert!(area(&points) < area(&curve(&turned, 5)));
        assert!(curve(&[], 3).is_empty() && area(&[]) == 0.0);
    }
}
