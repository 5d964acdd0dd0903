//! Amounts as users write and read them: planck internally, the chain's coin in text.

use crate::exit::CliError;
use std::{fmt, str::FromStr, sync::OnceLock};

/// What one coin is called in an amount, whatever the chain calls it.
const ANY_COIN: &str = "UNIT";
/// Decimal places that `m` in front of the coin's name takes off.
const MILLI: usize = 3;

/// The coin of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coin {
    /// Its name in text.
    pub symbol: String,
    /// Decimal places: a coin is 10 to the power of them, planck.
    pub decimals: usize,
}

/// The coin of the chain that this process talks to; one process talks to one chain.
static COIN: OnceLock<Coin> = OnceLock::new();

/// Notes what the chain says of its coin; the first one counts.
pub fn note_coin(coin: Coin) {
    COIN.get_or_init(|| coin);
}

/// The chain's coin. Before a chain has been asked, that of a development chain.
fn coin() -> Coin {
    COIN.get().cloned().unwrap_or_else(|| Coin {
        symbol: ANY_COIN.to_owned(),
        decimals: 12,
    })
}

/// One coin of the chain, planck.
pub fn unit() -> u128 {
    let decimals = u32::try_from(coin().decimals).unwrap_or(u32::MAX);
    10_u128.saturating_pow(decimals)
}

/// An amount in planck, shown in the chain's coin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Planck(pub u128);

impl fmt::Display for Planck {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&shown(self.0, &coin()))
    }
}

fn shown(planck: u128, coin: &Coin) -> String {
    let Coin { symbol, decimals } = coin;
    let digits = format!("{planck:0>width$}", width = decimals.saturating_add(1));
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(*decimals));
    match fraction.trim_end_matches('0') {
        "" => format!("{whole} {symbol}"),
        fraction => format!("{whole}.{fraction} {symbol}"),
    }
}

/// An amount as it is written: `5000000000` planck, or `0.02UNIT` and `20mUNIT`, or with the name of the
/// chain's coin. How much that is only the chain can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmountInput {
    /// As it was written.
    text: String,
    whole: String,
    fraction: String,
    /// The name behind the number, with its `m`; empty: planck.
    name: String,
}

impl FromStr for AmountInput {
    type Err = String;

    fn from_str(input: &str) -> Result<Self, String> {
        let text: String = input.chars().filter(|c| !matches!(c, '_' | ' ')).collect();
        let end = text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len());
        let (number, name) = text.split_at(end);
        let (whole, fraction) = match number.split_once('.') {
            Some((whole, fraction)) if !name.is_empty() && !fraction.is_empty() => {
                (whole, fraction)
            }
            Some(_) => return Err(wrong(input)),
            None => (number, ""),
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let named = name.is_empty() || name.chars().all(char::is_alphanumeric);
        if whole.is_empty() || !digits(whole) || !digits(fraction) || !named {
            return Err(wrong(input));
        }
        let amount = Self {
            text: input.to_owned(),
            whole: whole.to_owned(),
            fraction: fraction.to_owned(),
            name: name.to_owned(),
        };
        // Planck that are too many are found before a chain is asked.
        if name.is_empty() {
            amount.planck()?;
        }
        Ok(amount)
    }
}

impl AmountInput {
    /// How much it is on the chain that this process talks to, planck.
    ///
    /// # Errors
    /// When the chain has another coin, or not so many decimal places, or it is too much.
    pub fn planck(&self) -> Result<u128, String> {
        self.planck_of(&coin())
    }

    /// The same for a command that has connected.
    ///
    /// # Errors
    /// As [`Self::planck`], as a usage error.
    pub fn read(&self) -> Result<u128, CliError> {
        self.planck().map_err(CliError::usage)
    }

    fn planck_of(&self, chain: &Coin) -> Result<u128, String> {
        let Self {
            text,
            whole,
            fraction,
            name,
        } = self;
        let Coin { symbol, decimals } = chain;
        let is_coin = |name: &str| name == symbol || name == ANY_COIN;
        // A coin's own name may begin with an m.
        let places = match name.strip_prefix('m') {
            _ if name.is_empty() => 0,
            _ if is_coin(name) => *decimals,
            Some(name) if is_coin(name) => {
                decimals.checked_sub(MILLI).ok_or_else(|| wrong(text))?
            }
            _ => {
                return Err(format!(
                    "'{text}' is in {name}, and this chain's coin is {symbol} with {decimals} decimals: give planck or {symbol}"
                ));
            }
        };
        if fraction.len() > places {
            return Err(format!(
                "'{text}' has {} decimals, and this chain's coin has {places} there",
                fraction.len()
            ));
        }
        // The fraction is padded to all places, so that the digits together are planck.
        let digits = format!("{whole}{fraction:0<places$}");
        digits.parse().map_err(|_| wrong(text))
    }
}

fn wrong(input: &str) -> String {
    format!("'{input}' is not an amount: give planck as an integer, or a decimal with the coin, such as 0.02UNIT or 20mUNIT")
}

#[cfg(test)]
#[path = "money_tests.rs"]
mod tests;
