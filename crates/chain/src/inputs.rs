//! The inputs of all calls of a contract in a block, whether they succeeded or not.

use super::{
    connection::{AtBlock, Connection},
    error::ChainError,
};
use llm_oracle_primitives::{AccountId, Hash};
use llm_oracle_support::address::account32;
use subxt::{
    client::OnlineClientAtBlockImpl,
    config::SubstrateConfig,
    ext::scale_value::{At, Composite, Value, ValueDef},
    extrinsics::Extrinsic,
    utils::{AccountId32, MultiAddress, H256},
};

#[derive(subxt::ext::scale_decode::DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct ContractCallFields {
    dest: MultiAddress<AccountId32, ()>,
    data: Vec<u8>,
}

#[derive(subxt::ext::scale_decode::DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct BatchFields {
    calls: Vec<Value<()>>,
}

/// Selector and arguments of every call of a contract in a block: failed calls too, and calls in batches
/// of the pallet Utility. A transaction that does not decode is skipped: it is not a call of ours.
pub(super) async fn contract_inputs(
    connection: &Connection,
    contract: &AccountId,
    block: Hash,
) -> Result<Vec<Vec<u8>>, ChainError> {
    let what = "a block's transactions";
    let body = connection.rpc.chain_get_block(Some(H256(block))).await;
    let body = body.map_err(|error| connection.lift(what, &error))?;
    let body = body.ok_or_else(|| connection.lift(what, &"it has no such block"))?;
    let bytes = body.block.extrinsics.into_iter();
    let bytes = bytes.map(|extrinsic| extrinsic.0).collect();
    let runtime: &AtBlock = &*connection.executed_by(block).await?;
    let all = runtime.extrinsics().from_bytes(bytes).await;
    let ours = account32(contract);
    Ok(all
        .iter()
        .filter_map(Result::ok)
        .flat_map(|extrinsic| inputs_of(&ours, &extrinsic))
        .collect())
}

type BlockExtrinsic<'a> = Extrinsic<'a, SubstrateConfig, OnlineClientAtBlockImpl<SubstrateConfig>>;

fn inputs_of(ours: &AccountId32, extrinsic: &BlockExtrinsic<'_>) -> Vec<Vec<u8>> {
    match (extrinsic.pallet_name(), extrinsic.call_name()) {
        ("Contracts", "call") => {
            let called = extrinsic.decode_call_data_fields_unchecked_as::<ContractCallFields>();
            let called = called.ok().filter(|called| match &called.dest {
                MultiAddress::Id(dest) => dest == ours,
                _ => false,
            });
            called.map(|called| called.data).into_iter().collect()
        }
        ("Utility", "batch" | "batch_all" | "force_batch") => {
            let batch = extrinsic.decode_call_data_fields_unchecked_as::<BatchFields>();
            let calls = batch.map(|batch| batch.calls).unwrap_or_default();
            calls.iter().filter_map(|call| nested(ours, call)).collect()
        }
        _ => Vec::new(),
    }
}

/// The input of a call inside another one, if it calls our contract.
fn nested(ours: &AccountId32, call: &Value<()>) -> Option<Vec<u8>> {
    let inner = variant(call, "Contracts")?.values().next()?;
    let fields = variant(inner, "call")?;
    let dest = bytes(variant(fields.at("dest")?, "Id")?.values().next()?)?;
    (dest == ours.0).then(|| bytes(fields.at("data")?))?
}

fn variant<'a>(value: &'a Value<()>, name: &str) -> Option<&'a Composite<()>> {
    match &value.value {
        ValueDef::Variant(variant) if variant.name == name => Some(&variant.values),
        _ => None,
    }
}

/// Bytes of a dynamic value: a list of numbers, possibly in a wrapper of one field.
fn bytes(value: &Value<()>) -> Option<Vec<u8>> {
    let ValueDef::Composite(parts) = &value.value else {
        return None;
    };
    let mut values = parts.values();
    match (values.next(), values.len()) {
        (Some(only), 0) if only.as_u128().is_none() => bytes(only),
        _ => parts
            .values()
            .map(|part| u8::try_from(part.as_u128()?).ok())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(dest: &AccountId32, data: &[u8]) -> Value<()> {
        // An account is a wrapper of one field around its bytes.
        let dest = Value::unnamed_composite([Value::from_bytes(dest.0)]);
        let fields = [
            ("dest", Value::unnamed_variant("Id", [dest])),
            ("value", Value::u128(0)),
            ("data", Value::from_bytes(data)),
        ];
        Value::unnamed_variant("Contracts", [Value::named_variant("call", fields)])
    }

    #[test]
    fn a_call_inside_a_batch_is_found_by_its_contract() {
        let (ours, other) = (AccountId32([7; 32]), AccountId32([8; 32]));
        assert_eq!(nested(&ours, &call(&ours, &[1, 2, 3])), Some(vec![1, 2, 3]));
        assert_eq!(nested(&ours, &call(&ours, &[])), Some(Vec::new()));
        assert_eq!(nested(&ours, &call(&other, &[1])), None);
        let remark = Value::unnamed_variant("System", [Value::u128(1)]);
        assert_eq!(nested(&ours, &remark), None);
    }
}
