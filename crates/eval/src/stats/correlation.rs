//! Whether two make the same mistakes.

use super::{real, Z95};
use serde::Serialize;

/// Correlation of two rows of errors: the phi coefficient, with the interval of 95 % by Fisher's z.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ErrorCorrelation {
    /// -1 to 1: 0 for independent errors, 1 for the same ones.
    pub phi: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// Measures it over pairs, each whether the one and the other is wrong. `None` when one of them is always
/// right or always wrong, or with fewer than 4 pairs: then it has no meaning.
pub fn measure(pairs: &[(bool, bool)]) -> Option<ErrorCorrelation> {
    if pairs.len() < 4 {
        return None;
    }
    let share = |which: fn(&(bool, bool)) -> bool| {
        real(pairs.iter().filter(|pair| which(pair)).count()) / real(pairs.len())
    };
    let (one, other, both) = (share(|p| p.0), share(|p| p.1), share(|p| p.0 && p.1));
    let variance = one * (1.0 - one) * other * (1.0 - other);
    if variance <= 0.0 {
        return None;
    }
    let phi = ((both - one * other) / variance.sqrt()).clamp(-1.0, 1.0);
    let half = Z95 / (real(pairs.len()) - 3.0).sqrt();
    // At 1 the transform is infinite, and its inverse brings it back.
    let z = phi.atanh();
    Some(ErrorCorrelation {
        phi,
        low: (z - half).tanh(),
        high: (z + half).tanh(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_errors_correlate_and_crossed_ones_do_not() {
        let phi = |pairs: &[(bool, bool)]| measure(pairs).map(|one| one.phi);
        let same = [(true, true), (false, false), (true, true), (false, false)];
        assert_eq!(phi(&same), Some(1.0));
        let crossed = [(true, true), (true, false), (false, true), (false, false)];
        assert_eq!(phi(&crossed), Some(0.0));
        assert_eq!(phi(&[(true, false); 9]), None);
        assert_eq!(phi(&same[..3]), None);
    }
}
