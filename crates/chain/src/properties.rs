//! What a chain says about its coin.

use super::{chain::Chain, error::ChainError};
use llm_oracle_primitives::Balance;
use serde_json::Value;

/// Decimal places of the coin of a chain that states none.
const DECIMALS: u32 = 12;
/// Name of the coin of a chain that states none.
const SYMBOL: &str = "UNIT";
/// Longest name of a coin that is shown, characters.
const SYMBOL_CHARS_MAX: usize = 12;
/// Most decimal places with which amounts still fit.
const DECIMALS_MAX: u32 = 24;

impl Chain {
    /// Planck of one coin: 10 to the power of the decimal places that the chain states.
    ///
    /// # Errors
    /// `Decode` when it states more than 24, connection errors.
    pub async fn coin_unit(&self) -> Result<Balance, ChainError> {
        Ok(self.coin().await?.1)
    }

    /// Name of the chain's coin and planck of one.
    ///
    /// # Errors
    /// As [`Self::coin_unit`].
    pub async fn coin(&self) -> Result<(String, Balance), ChainError> {
        let properties = self.connection.rpc.system_properties().await;
        let properties = properties
            .map_err(|error| self.connection.lift("the properties of the chain", &error))?;
        let stated = properties.get("tokenDecimals").unwrap_or(&Value::Null);
        let unit = unit(stated).ok_or_else(|| {
            let reason = format!("tokenDecimals is {stated}; at most {DECIMALS_MAX} are known");
            ChainError::decode("the properties of the chain", reason)
        })?;
        Ok((symbol(properties.get("tokenSymbol")), unit))
    }
}

/// The name for `tokenSymbol`, which is a text or a list; one that is no plain word is not used.
fn symbol(stated: Option<&Value>) -> String {
    let first = match stated {
        Some(Value::Array(each)) => each.first(),
        other => other,
    };
    let named = first.and_then(Value::as_str).unwrap_or(SYMBOL);
    let plain = named.starts_with(|c: char| c.is_ascii_alphabetic())
        && named.len() <= SYMBOL_CHARS_MAX
        && named.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain { named } else { SYMBOL }.to_owned()
}

/// The unit for `tokenDecimals`, which is a number or a list with one for each coin, the chain's own first.
fn unit(stated: &Value) -> Option<Balance> {
    let first = match stated {
        Value::Array(each) => each.first().unwrap_or(&Value::Null),
        other => other,
    };
    let decimals = match first {
        Value::Null => DECIMALS,
        stated => u32::try_from(stated.as_u64()?).ok()?,
    };
    (decimals <= DECIMALS_MAX).then_some(())?;
    Balance::from(10_u8).checked_pow(decimals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_coin_is_called_what_the_chain_says_if_that_is_a_word() {
        for (stated, name) in [
            (None, "UNIT"),
            (Some(json!("DOT")), "DOT"),
            (Some(json!(["ASTR", "x"])), "ASTR"),
            (Some(json!([])), "UNIT"),
            (Some(json!("\u{1b}[31m")), "UNIT"),
            (Some(json!("")), "UNIT"),
            (Some(json!("4EVER")), "UNIT"),
            (Some(json!("x".repeat(99))), "UNIT"),
        ] {
            assert_eq!(symbol(stated.as_ref()), name, "{stated:?}");
        }
    }

    #[test]
    fn decimals_are_a_number_or_a_list_and_twelve_where_none_are_stated() {
        for (stated, found) in [
            (json!(null), Some(1_000_000_000_000)),
            (json!(9), Some(1_000_000_000)),
            (json!([18, 6]), Some(1_000_000_000_000_000_000)),
            (json!([]), Some(1_000_000_000_000)),
            (json!(25), None),
            (json!("12"), None),
        ] {
            assert_eq!(unit(&stated), found, "{stated}");
        }
    }
}
