//! A share with its interval.

use super::{real, Z95};
use serde::Serialize;

/// A share of something, with the Wilson score interval of 95 % (Wilson, 1927).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Proportion {
    /// How many.
    pub count: usize,
    /// Of how many.
    pub of: usize,
    /// `count / of`, 0 to 1; 0 of nothing.
    pub share: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Proportion {
    /// So many of so many.
    pub fn new(count: usize, of: usize) -> Self {
        Self::of_mean(real(count), of)
    }

    /// A count that is a mean, of so many.
    pub fn of_mean(mean: f64, of: usize) -> Self {
        // Not below 0 and not above `of`.
        let count = mean.round() as usize;
        if of == 0 {
            return Self {
                count,
                of,
                share: 0.0,
                low: 0.0,
                high: 1.0,
            };
        }
        let (share, n) = (mean / real(of), real(of));
        let square = Z95 * Z95;
        let middle = share + square / (2.0 * n);
        let half = Z95 * (share * (1.0 - share) / n + square / (4.0 * n * n)).sqrt();
        let whole = 1.0 + square / n;
        Self {
            count,
            of,
            share,
            low: ((middle - half) / whole).max(0.0),
            high: ((middle + half) / whole).min(1.0),
        }
    }

    /// How many of the items are true.
    pub fn of(items: impl Iterator<Item = bool>) -> Self {
        let (mut count, mut of) = (0_usize, 0_usize);
        for item in items {
            of = of.saturating_add(1);
            count = count.saturating_add(usize::from(item));
        }
        Self::new(count, of)
    }

    /// Whether a value is in the interval.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Newcombe (1998), table I, method 3.
    #[test]
    fn wilson_is_as_published() {
        for (count, of, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let share = Proportion::new(count, of);
            assert!((share.low - low).abs() < 5e-5, "{share:?}");
            assert!((share.high - high).abs() < 5e-5, "{share:?}");
        }
        let none = Proportion::new(0, 0);
        assert!(none.contains(0.0) && none.contains(1.0));
    }
}
