//! Amounts as users write and read them: planck internally, UNIT in text.

use std::{fmt, str::FromStr};

/// Decimal places of a UNIT on the usual dev chain.
const DECIMALS: usize = 12;
/// Planck in a UNIT.
const UNIT: u128 = 1_000_000_000_000;

/// An amount in planck, read from `5000000000`, `0.02UNIT` or `20mUNIT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Planck(pub u128);

impl FromStr for Planck {
    type Err = String;

    fn from_str(input: &str) -> Result<Self, String> {
        let wrong = || {
            format!("'{input}' is not an amount: give planck as an integer, or a decimal with UNIT or mUNIT, such as 0.02UNIT")
        };
        let text: String = input.chars().filter(|c| !matches!(c, '_' | ' ')).collect();
        let (number, places) = if let Some(number) = text.strip_suffix("mUNIT") {
            (number, DECIMALS.saturating_sub(3))
        } else if let Some(number) = text.strip_suffix("UNIT") {
            (number, DECIMALS)
        } else {
            (text.as_str(), 0)
        };
        let (whole, fraction) = match number.split_once('.') {
            Some((whole, fraction)) if places > 0 && !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(wrong()),
            None => (number, ""),
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > places {
            return Err(wrong());
        }
        // The fraction is padded to all places, so that the digits together are planck.
        format!("{whole}{fraction:0<places$}")
            .parse()
            .map(Self)
            .map_err(|_| wrong())
    }
}

impl fmt::Display for Planck {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / UNIT, self.0 % UNIT);
        if rest == 0 {
            return write!(out, "{whole} UNIT");
        }
        let fraction = format!("{rest:0>DECIMALS$}");
        write!(out, "{whole}.{} UNIT", fraction.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_planck_or_carry_their_unit() {
        for (input, planck) in [
            ("0", 0),
            ("20000000000", 20_000_000_000),
            ("20_000_000_000", 20_000_000_000),
            ("0.02UNIT", 20_000_000_000),
            ("0.02 UNIT", 20_000_000_000),
            ("20mUNIT", 20_000_000_000),
            ("1.5mUNIT", 1_500_000_000),
            ("100UNIT", 100_000_000_000_000),
            ("0.000000000001UNIT", 1),
        ] {
            assert_eq!(input.parse(), Ok(Planck(planck)), "{input}");
        }
    }

    #[test]
    fn anything_else_is_refused_by_its_text() {
        for input in [
            "",
            "UNIT",
            "-1",
            "1e3",
            "0.5",
            "1.UNIT",
            ".5UNIT",
            "0x10",
            "1DOT",
            "0.0000000000001UNIT",
            "340282366920938463463374607431768211456",
            "340282366920938463463374607432UNIT",
        ] {
            let refused = Planck::from_str(input);
            assert!(
                refused.clone().is_err_and(|why| why.contains(input)),
                "{input}: {refused:?}"
            );
        }
    }

    #[test]
    fn amounts_are_shown_exactly() {
        for (planck, shown) in [
            (0, "0 UNIT"),
            (1, "0.000000000001 UNIT"),
            (25_000_000_000, "0.025 UNIT"),
            (100_000_000_000_000, "100 UNIT"),
        ] {
            assert_eq!(Planck(planck).to_string(), shown);
            assert_eq!(shown.parse(), Ok(Planck(planck)));
        }
    }
}
