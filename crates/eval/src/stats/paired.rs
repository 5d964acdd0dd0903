//! Two that answered the same questions: is one of them better?

use super::{real, rng::SeededRng};
use serde::Serialize;

/// Samples of the bootstrap.
const SAMPLES: usize = 2_000;

/// Difference of two accuracies over the same questions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PairedDifference {
    /// Accuracy of the first less that of the second, -1 to 1.
    pub difference: f64,
    /// Lower end of the interval of 95 % (percentile bootstrap over questions; Efron, 1979).
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Questions that only the first has right.
    pub only_first: usize,
    /// Questions that only the second has right.
    pub only_second: usize,
    /// Probability of a difference as large by chance alone: exact test of McNemar (1947), two-sided.
    pub p_value: f64,
}

/// Compares them; each pair says whether the first and the second are right.
pub fn compare(pairs: &[(bool, bool)], seed: u64) -> PairedDifference {
    let only_first = pairs.iter().filter(|pair| pair.0 && !pair.1).count();
    let only_second = pairs.iter().filter(|pair| !pair.0 && pair.1).count();
    let all = real(pairs.len().max(1));
    let mut rng = SeededRng::new(seed);
    let mut means: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let drawn = (0..pairs.len()).map(|_| match pairs.get(rng.index(pairs.len())) {
                Some((true, false)) => 1.0,
                Some((false, true)) => -1.0,
                _ => 0.0,
            });
            drawn.sum::<f64>() / all
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let at = |rank: usize| means.get(rank).copied().unwrap_or_default();
    PairedDifference {
        difference: (real(only_first) - real(only_second)) / all,
        low: at(SAMPLES / 40),
        high: at(SAMPLES.saturating_sub(SAMPLES / 40).saturating_sub(1)),
        only_first,
        only_second,
        p_value: mcnemar(only_first, only_second),
    }
}

/// Twice the tail of a fair coin, at most 1.
fn mcnemar(one: usize, other: usize) -> f64 {
    let (least, all) = (one.min(other), one.saturating_add(other));
    // ln of C(all, k) / 2^all, from k to k + 1.
    let mut term = -real(all) * std::f64::consts::LN_2;
    let mut tail = 0.0;
    for k in 0..=least {
        tail += term.exp();
        term += (real(all.saturating_sub(k)) / real(k.saturating_add(1))).ln();
    }
    (2.0 * tail).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mcnemar_is_the_tail_of_a_coin() {
        assert!((mcnemar(1, 9) - 22.0 / 1024.0).abs() < 1e-12);
        assert!((mcnemar(0, 5) - 2.0 / 32.0).abs() < 1e-12);
        assert_eq!(mcnemar(0, 0), 1.0);
        assert_eq!(mcnemar(4, 4), 1.0);
        assert!(mcnemar(1_000, 1_300) < 1e-6);
    }

    #[test]
    fn a_difference_lies_in_its_interval_and_equal_ones_have_none() {
        let mut pairs = vec![(true, true); 60];
        pairs.extend([(true, false); 25]);
        pairs.extend([(false, true); 5]);
        pairs.extend([(false, false); 10]);
        let found = compare(&pairs, 7);
        assert!((found.difference - 0.2).abs() < 1e-12);
        assert!(found.low > 0.05 && found.high < 0.35 && found.low < 0.2 && found.high > 0.2);
        assert_eq!(found, compare(&pairs, 7));
        let same = compare(&[(true, true); 9], 7);
        assert_eq!((same.low, same.high, same.p_value), (0.0, 0.0, 1.0));
        assert_eq!(compare(&[], 7).difference, 0.0);
    }
}
