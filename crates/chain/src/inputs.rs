//! The inputs of all calls of a contract in a block, whether they succeeded or not.
//!
//! A block is full of what strangers wrote. So nothing of it is decoded by the chain's metadata, which
//! makes a tree of it that is hundreds of times as large: the encoded bytes are searched for the
//! contract's address, and what follows it is read as the rest of a call. That finds calls inside of other
//! calls at any depth. It may also find what never ran; whoever uses an input looks at its signatures.

use super::{connection::Connection, error::ChainError};
use llm_oracle_primitives::{limits::MAX_BATCH_BYTES, AccountId, Hash};
use scale::{Compact, Decode};
use subxt::utils::H256;

/// Longest input that is given out, bytes: the contract refuses longer ones before it looks at a signature.
const INPUT_BYTES_MAX: usize = MAX_BATCH_BYTES as usize + SELECTOR_BYTES;
/// Bytes in front of a message's arguments.
const SELECTOR_BYTES: usize = 4;
/// Most bytes of inputs of one block, each counted with [`INPUT_OVERHEAD_BYTES`]. More are left out.
const BLOCK_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What one input counts beside its bytes.
const INPUT_OVERHEAD_BYTES: usize = 64;
/// Bytes that any transaction has at most; blocks of this kind of chain hold 5 MiB in all.
const EXTRINSIC_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Selector and arguments of every call of a contract in a block: failed calls too, and calls inside of
/// other calls. Bounded: inputs that the contract is sure to refuse for their length are not among them.
pub(super) async fn contract_inputs(
    connection: &Connection,
    contract: &AccountId,
    block: Hash,
) -> Result<Vec<Vec<u8>>, ChainError> {
    let what = "a block's transactions";
    let body = connection.rpc.chain_get_block(Some(H256(block))).await;
    let body = body.map_err(|error| connection.lift(what, &error))?;
    let body = body.ok_or_else(|| connection.lift(what, &"it has no such block"))?;
    let extrinsics = body.block.extrinsics.iter();
    let extrinsics = extrinsics.map(|extrinsic| extrinsic.0.as_slice());
    Ok(inputs_within(contract, extrinsics, BLOCK_BYTES_MAX))
}

/// The inputs in these transactions, as many as fit.
fn inputs_within<'a>(
    contract: &AccountId,
    extrinsics: impl Iterator<Item = &'a [u8]>,
    bytes_max: usize,
) -> Vec<Vec<u8>> {
    let mut left = bytes_max;
    let mut found = Vec::new();
    let short = extrinsics.filter(|bytes| bytes.len() <= EXTRINSIC_BYTES_MAX);
    for input in short.flat_map(|bytes| inputs_of(contract, bytes)) {
        let Some(rest) = left.checked_sub(input.len().saturating_add(INPUT_OVERHEAD_BYTES)) else {
            tracing::warn!(
                bytes_max,
                "a block has more calls of the contract than are looked at"
            );
            break;
        };
        left = rest;
        found.push(input.to_vec());
    }
    found
}

/// The inputs of all calls of a contract in one encoded transaction.
fn inputs_of<'a>(contract: &AccountId, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut needle = vec![ADDRESS_IS_ID];
    needle.extend_from_slice(contract.as_ref());
    let mut rest = bytes;
    std::iter::from_fn(move || loop {
        let at = memchr::memmem::find(rest, &needle)?;
        rest = rest.get(at.saturating_add(needle.len())..)?;
        if let Some(input) = input_at(rest) {
            return Some(input);
        }
    })
}

/// The variant of an address that is an account's id, as `MultiAddress` encodes it.
const ADDRESS_IS_ID: u8 = 0;

/// The input of a call whose destination stands right before these bytes.
fn input_at(mut bytes: &[u8]) -> Option<&[u8]> {
    let rest = &mut bytes;
    let _value = Compact::<u128>::decode(rest).ok()?;
    let (_ref_time, _proof_size) = <(Compact<u64>, Compact<u64>)>::decode(rest).ok()?;
    let _deposit_limit = Option::<Compact<u128>>::decode(rest).ok()?;
    let length = usize::try_from(Compact::<u32>::decode(rest).ok()?.0).ok()?;
    let input = rest.get(..length)?;
    (SELECTOR_BYTES..=INPUT_BYTES_MAX)
        .contains(&length)
        .then_some(input)
}

#[cfg(test)]
#[path = "inputs_tests.rs"]
mod tests;
