//! What a chain says about its coin and its addresses.

use super::{connection::Connection, error::ChainError};
use llm_oracle_primitives::Balance;
use llm_oracle_support::address::DEVELOPMENT_PREFIX;
use serde_json::Value;
use subxt::dynamic::constant;

/// Decimal places of the coin of a chain that states none.
const DECIMALS: u8 = 12;
/// Name of the coin of a chain that states none.
const SYMBOL: &str = "UNIT";
/// Longest name of a coin that is shown, characters.
const SYMBOL_CHARS_MAX: usize = 12;
/// Most decimal places with which amounts still fit.
const DECIMALS_MAX: u8 = 24;

/// The coin and the addresses of a chain. By default those of a development chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainProperties {
    /// Name of the coin.
    pub symbol: String,
    /// Decimal places: a coin is 10 to the power of them, planck; at most 24.
    pub decimals: u8,
    /// The prefix of SS58 addresses.
    pub ss58_prefix: u16,
}

impl Default for ChainProperties {
    fn default() -> Self {
        Self {
            symbol: SYMBOL.to_owned(),
            decimals: DECIMALS,
            ss58_prefix: DEVELOPMENT_PREFIX,
        }
    }
}

impl ChainProperties {
    /// One coin, planck.
    pub fn unit(&self) -> Balance {
        Balance::from(10_u8).saturating_pow(self.decimals.into())
    }
}

/// What the chain says about its coin and its addresses.
pub(super) async fn read(connection: &Connection) -> Result<ChainProperties, ChainError> {
    let stated = connection.rpc.system_properties().await;
    let stated = stated.map_err(|error| connection.lift("the properties of the chain", &error))?;
    let decimals_stated = stated.get("tokenDecimals").unwrap_or(&Value::Null);
    let decimals = decimals(decimals_stated).ok_or_else(|| {
        let reason =
            format!("tokenDecimals is {decimals_stated}; at most {DECIMALS_MAX} are known");
        ChainError::decode("the properties of the chain", reason)
    })?;
    let ss58_prefix = match prefix(stated.get("ss58Format")) {
        Some(prefix) => prefix,
        None => prefix_of_the_runtime(connection).await?,
    };
    Ok(ChainProperties {
        symbol: symbol(stated.get("tokenSymbol")),
        decimals,
        ss58_prefix,
    })
}

/// What the runtime's constant says; a runtime without it has the prefix of development chains.
async fn prefix_of_the_runtime(connection: &Connection) -> Result<u16, ChainError> {
    let best = connection.best().await?;
    let at = connection.at(best.hash).await?;
    let stated = at
        .constants()
        .entry(constant::<u16>("System", "SS58Prefix"));
    Ok(stated.unwrap_or(DEVELOPMENT_PREFIX))
}

/// The prefix for `ss58Format`, if that is one.
fn prefix(stated: Option<&Value>) -> Option<u16> {
    u16::try_from(stated?.as_u64()?).ok()
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

/// The decimal places for `tokenDecimals`, which is a number or a list with one for each coin, the chain's own
/// first.
fn decimals(stated: &Value) -> Option<u8> {
    let first = match stated {
        Value::Array(each) => each.first().unwrap_or(&Value::Null),
        other => other,
    };
    let decimals = match first {
        Value::Null => DECIMALS,
        stated => u8::try_from(stated.as_u64()?).ok()?,
    };
    (decimals <= DECIMALS_MAX).then_some(decimals)
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
            (json!(null), Some(12)),
            (json!(9), Some(9)),
            (json!([18, 6]), Some(18)),
            (json!([]), Some(12)),
            (json!(25), None),
            (json!(256), None),
            (json!("12"), None),
        ] {
            assert_eq!(decimals(&stated), found, "{stated}");
        }
        assert_eq!(ChainProperties::default().unit(), 1_000_000_000_000);
    }

    #[test]
    fn a_prefix_is_a_number_of_two_bytes() {
        assert_eq!(prefix(Some(&json!(0))), Some(0));
        assert_eq!(prefix(Some(&json!(2254))), Some(2254));
        assert_eq!(prefix(Some(&json!(65_536))), None);
        assert_eq!(prefix(Some(&json!(null))), None);
        assert_eq!(prefix(None), None);
    }
}
