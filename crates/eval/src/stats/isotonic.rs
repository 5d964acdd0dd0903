//! Isotonic regression by pool adjacent violators (Ayer et al., 1955).

use super::{calibration::Forecast, real};

/// A piece of the fit: from its least to its greatest confidence the same value.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pool {
    low: u8,
    high: u8,
    right: usize,
    of: usize,
}

impl Pool {
    fn share(&self) -> f64 {
        real(self.right) / real(self.of.max(1))
    }
}

/// The share of right answers at each confidence, 0 to 1: the closest to what was seen that never falls.
/// Between two pieces it is a straight line, before the first and after the last the nearest value.
/// `None` without answers.
pub fn fit(forecasts: &[Forecast]) -> Option<[f64; 101]> {
    let pools = pools(forecasts);
    let (first, last) = (pools.first()?, pools.last()?);
    let mut values = [0.0; 101];
    for (confidence, value) in (0_u8..).zip(values.iter_mut()) {
        let below = pools.iter().rfind(|pool| pool.low <= confidence);
        let above = pools.iter().find(|pool| pool.high >= confidence);
        *value = match (below.unwrap_or(first), above.unwrap_or(last)) {
            (below, above) if below.high >= confidence || above.low <= below.high => below.share(),
            (below, above) => {
                let width = f64::from(above.low) - f64::from(below.high);
                let part = (f64::from(confidence) - f64::from(below.high)) / width;
                below.share() + part.clamp(0.0, 1.0) * (above.share() - below.share())
            }
        };
    }
    Some(values)
}

fn pools(forecasts: &[Forecast]) -> Vec<Pool> {
    let mut pools: Vec<Pool> = Vec::new();
    for confidence in 0..=100_u8 {
        let here = forecasts.iter().filter(|(sure, _)| *sure == confidence);
        let right = here.clone().filter(|(_, right)| *right).count();
        let of = here.count();
        if of == 0 {
            continue;
        }
        let mut pool = Pool {
            low: confidence,
            high: confidence,
            right,
            of,
        };
        // Adjacent violators are pooled.
        while let Some(before) = pools.pop_if(|before| before.share() >= pool.share()) {
            pool.low = before.low;
            pool.right = pool.right.saturating_add(before.right);
            pool.of = pool.of.saturating_add(before.of);
        }
        pools.push(pool);
    }
    pools
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::stats::rng::SeededRng;

    #[test]
    fn what_falls_is_pooled() {
        let forecasts = [(10, false), (30, true), (40, false), (60, true)];
        let fit = fit(&forecasts).unwrap();
        assert_eq!(fit[0], 0.0);
        assert_eq!(fit[10], 0.0);
        assert_eq!(fit[20], 0.25);
        assert_eq!((fit[30], fit[35], fit[40]), (0.5, 0.5, 0.5));
        assert_eq!(fit[50], 0.75);
        assert_eq!((fit[60], fit[100]), (1.0, 1.0));
        assert_eq!(super::fit(&[]), None);
    }

    #[test]
    fn it_never_falls_and_keeps_the_mean() {
        for seed in 0..200 {
            let mut rng = SeededRng::new(seed);
            let count = rng.index(60).max(1);
            let forecasts: Vec<Forecast> = (0..count)
                .map(|_| (u8::try_from(rng.index(101)).unwrap(), rng.unit() < 0.6))
                .collect();
            let fit = fit(&forecasts).unwrap();
            assert!(fit.windows(2).all(|pair| pair[0] <= pair[1]), "seed {seed}");
            let fitted: f64 = forecasts
                .iter()
                .map(|(sure, _)| fit[usize::from(*sure)])
                .sum();
            let right = forecasts.iter().filter(|(_, right)| *right).count();
            assert!((fitted - real(right)).abs() < 1e-9, "seed {seed}");
        }
    }
}
