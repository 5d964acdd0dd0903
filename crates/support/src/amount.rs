//! Amounts of money in settings.

use serde::{de::Error as _, Deserialize, Deserializer};

/// Reads an amount of planck: TOML's integers end at 2^63, and amounts may not.
///
/// # Errors
/// When it is neither a number nor a string of one.
pub fn planck<'de, D: Deserializer<'de>>(input: D) -> Result<u128, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Amount {
        Number(u64),
        Text(String),
    }
    match Amount::deserialize(input)? {
        Amount::Number(number) => Ok(number.into()),
        // Not quoted: nobody knows what has been put here.
        Amount::Text(text) => text.parse().map_err(|_| {
            D::Error::custom("no amount of planck: give a whole number, or a string of one")
        }),
    }
}
