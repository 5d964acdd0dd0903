//! What a chain says about its coin.

use super::{chain::Chain, error::ChainError};
use llm_oracle_primitives::Balance;
use serde_json::Value;

/// Decimal places of the coin of a chain that states none.
const DECIMALS: u32 = 12;
/// Most decimal places with which amounts still fit.
const DECIMALS_MAX: u32 = 24;

impl Chain {
    /// Planck of one coin: 10 to the power of the decimal places that the chain states.
    ///
    /// # Errors
    /// `Decode` when it states more than 24, connection errors.
    pub async fn coin_unit(&self) -> Result<Balance, ChainError> {
        let properties = self.connection.rpc.system_properties().await;
        let properties = properties
            .map_err(|error| self.connection.lift("the properties of the chain", &error))?;
        let stated = properties.get("tokenDecimals").unwrap_or(&Value::Null);
        unit(stated).ok_or_else(|| {
            let reason = format!("tokenDecimals is {stated}; at most {DECIMALS_MAX} are known");
            ChainError::decode("the properties of the chain", reason)
        })
    }
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
