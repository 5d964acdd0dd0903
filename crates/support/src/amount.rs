//! Amounts of planck in settings.

use serde::{de::Error as _, Deserialize, Deserializer};

/// Reads an amount of planck from a number or a string. TOML's integers end at 2^63, larger amounts
/// are strings.
///
/// # Errors
/// When it is neither a whole number nor a string of one.
pub fn planck<'de, D: Deserializer<'de>>(input: D) -> Result<u128, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum PlanckInput {
        Number(u64),
        Text(String),
    }
    match PlanckInput::deserialize(input)? {
        PlanckInput::Number(number) => Ok(number.into()),
        // The text is not quoted: it may be a secret in the wrong place.
        PlanckInput::Text(text) => text.parse().map_err(|_| {
            D::Error::custom("no amount of planck: give a whole number, or a string of one")
        }),
    }
}

/// The same for an amount that may be left out.
///
/// # Errors
/// As [`planck`].
pub fn some_planck<'de, D: Deserializer<'de>>(input: D) -> Result<Option<u128>, D::Error> {
    planck(input).map(Some)
}
