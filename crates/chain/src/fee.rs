//! What a transaction may cost, and how much weight it may have.

use super::{
    connection::{AtBlock, Connection},
    error::ChainError,
    types::Weight,
};
use llm_oracle_primitives::Balance;
use scale::{Compact, Decode, Encode};
use subxt::utils::H256;

/// The most that signed bytes can cost beside deposits, planck, as the chain estimates it: for the whole of
/// their gas limit, of which the unused part is paid back. Nothing is sent.
///
/// # Errors
/// Connection errors; `Decode` when the chain encodes the fee in another way.
pub(super) async fn fee_of(connection: &Connection, bytes: &[u8]) -> Result<Balance, ChainError> {
    let best = connection.best().await?;
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let parameters = [bytes, &length.encode()].concat();
    let api = "TransactionPaymentApi_query_info";
    let rpc = &connection.rpc;
    let answer = rpc.state_call(api, Some(&parameters), Some(H256(best.hash)));
    let answer = answer.await;
    read_fee(&answer.map_err(|error| connection.lift("the fee", &error))?)
}

/// Decodes weight, class and fee, planck. Chains differ in the width of their balances.
fn read_fee(answer: &[u8]) -> Result<Balance, ChainError> {
    let unreadable = || ChainError::decode("the fee", format!("{} bytes", answer.len()));
    let mut rest = answer;
    <(Compact<u64>, Compact<u64>, u8)>::decode(&mut rest).map_err(|_| unreadable())?;
    match *rest {
        [a, b, c, d, e, f, g, h] => Ok(u64::from_le_bytes([a, b, c, d, e, f, g, h]).into()),
        _ => rest
            .try_into()
            .map(Balance::from_le_bytes)
            .map_err(|_| unreadable()),
    }
}

/// Greatest weight of one transaction on this chain, if it has a limit.
pub(super) fn max_extrinsic(at: &AtBlock) -> Result<Option<Weight>, ChainError> {
    let address = subxt::dynamic::constant::<BlockWeights>("System", "BlockWeights");
    match at.constants().entry(address) {
        Ok(weights) => Ok(weights.per_class.normal.max_extrinsic),
        Err(error) => Err(ChainError::decode("the chain's block weights", error)),
    }
}

#[derive(subxt::ext::scale_decode::DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct BlockWeights {
    per_class: PerClass,
}

#[derive(subxt::ext::scale_decode::DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct PerClass {
    normal: ClassWeights,
}

#[derive(subxt::ext::scale_decode::DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct ClassWeights {
    max_extrinsic: Option<Weight>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_is_read_whatever_its_width() {
        let head = (Compact(7_u64), Compact(8_u64), 0_u8).encode();
        let wide = [&head[..], &u128::MAX.encode()].concat();
        let narrow = [&head[..], &5_u64.encode()].concat();
        assert!(matches!(read_fee(&wide), Ok(u128::MAX)));
        assert!(matches!(read_fee(&narrow), Ok(5)));
        for wrong in [&head[..], &[], &[&head[..], &[1; 9]].concat()] {
            assert!(matches!(read_fee(wrong), Err(ChainError::Decode { .. })));
        }
    }
}
