//! What committees come to in theory, for questions with two answers.
//!
//! The model of correlated errors is the common cause: with probability `correlation` one draw decides for
//! all seats, otherwise each draws for itself. Any two seats then correlate with `correlation`.

use super::real;

/// Seats that are wrong with the same probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeatTheory {
    /// Probability of a wrong answer, 0 to 1.
    pub error: f64,
    /// Correlation of any two seats' errors, 0 to 1.
    pub correlation: f64,
}

impl SeatTheory {
    /// Probability that at least `threshold` of `seats` are right (Condorcet, for any threshold).
    pub fn right(&self, seats: usize, threshold: usize) -> f64 {
        self.mixed(
            1.0 - self.error,
            at_least(seats, threshold, 1.0 - self.error),
        )
    }

    /// Probability that at least `threshold` of `seats` are wrong, and so agree where there are two answers.
    pub fn wrong(&self, seats: usize, threshold: usize) -> f64 {
        self.mixed(self.error, at_least(seats, threshold, self.error))
    }

    /// Probability that every one of `seats` is wrong.
    pub fn all_wrong(&self, seats: usize) -> f64 {
        self.wrong(seats, seats)
    }

    /// Of a seat that is hostile with probability `hostile` and then always wrong; honest seats as here,
    /// with independent errors.
    pub fn with_hostile(&self, hostile: f64) -> Self {
        Self {
            error: hostile + (1.0 - hostile) * self.error,
            correlation: 0.0,
        }
    }

    fn mixed(&self, together: f64, apart: f64) -> f64 {
        self.correlation * together + (1.0 - self.correlation) * apart
    }
}

/// Probability of at least `least` successes in `trials` (binomial).
fn at_least(trials: usize, least: usize, success: f64) -> f64 {
    // Number of successes after each trial; committees are small.
    let mut chances = vec![0.0; trials.saturating_add(1)];
    if let Some(none) = chances.first_mut() {
        *none = 1.0;
    }
    for _ in 0..trials {
        let mut before = 0.0;
        for chance in &mut chances {
            let here = *chance;
            *chance = here * (1.0 - success) + before * success;
            before = here;
        }
    }
    chances.iter().skip(least).sum()
}

/// Mean of the values; 0 of none.
pub fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0_usize);
    for value in values {
        sum += value;
        count = count.saturating_add(1);
    }
    sum / real(count.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committees_are_as_condorcet_has_them() {
        let apart = SeatTheory {
            error: 0.3,
            correlation: 0.0,
        };
        let near = |value: f64, expected: f64| (value - expected).abs() < 1e-12;
        // p³ + 3 p² (1 - p) with p = 0.7.
        assert!(near(apart.right(3, 2), 0.343 + 3.0 * 0.49 * 0.3));
        assert!(near(apart.right(3, 2) + apart.wrong(3, 2), 1.0));
        assert!(near(apart.all_wrong(3), 0.027));
        let together = SeatTheory {
            correlation: 1.0,
            ..apart
        };
        assert!(near(together.right(9, 5), 0.7) && near(together.all_wrong(9), 0.3));
        assert!(near(apart.with_hostile(0.5).error, 0.65));
    }
}
