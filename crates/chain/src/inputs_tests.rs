//! Finding a contract's calls in the bytes of a block.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use super::*;
use scale::Encode;

const OURS: AccountId = AccountId([7; 32]);
const OTHER: AccountId = AccountId([8; 32]);

/// `Contracts::call` as a transaction has it, with its two indices.
fn call(dest: &AccountId, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![9, 6, ADDRESS_IS_ID];
    bytes.extend_from_slice(dest.as_ref());
    (Compact(5_u128), Compact(1_000_000_u64), Compact(70_000_u64)).encode_to(&mut bytes);
    (Some(Compact(3_u128)), data.to_vec()).encode_to(&mut bytes);
    bytes
}

fn found(extrinsics: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let extrinsics = extrinsics.iter().map(Vec::as_slice);
    inputs_within(&OURS, extrinsics, BLOCK_BYTES_MAX)
}

#[test]
fn calls_are_found_alone_and_inside_of_other_calls() {
    let one = [1, 2, 3, 4, 5];
    let head = vec![0x84, 0, 1, 2];
    let alone = [head.clone(), call(&OURS, &one)].concat();
    assert_eq!(found(&[alone]), [one]);
    // A batch of three, in a batch: its calls stand one behind the other.
    let parts = [call(&OURS, &one), call(&OTHER, &one), call(&OURS, &[6; 4])];
    let batch = [head, vec![3, 0, 3 << 2], parts.concat()].concat();
    assert_eq!(
        found(std::slice::from_ref(&batch)),
        [one.to_vec(), vec![6; 4]]
    );
    assert_eq!(found(&[call(&OTHER, &one), batch]).len(), 2);
}

#[test]
fn what_is_no_call_or_too_long_for_the_contract_is_left_out() {
    // A transfer to the contract, a call that is cut off, no selector.
    let cut = &call(&OURS, &[1; 90])[..100];
    let transfer = [vec![5, 0, ADDRESS_IS_ID], vec![7; 32], vec![4]].concat();
    for bytes in [cut.to_vec(), transfer, call(&OURS, &[1; 3])] {
        assert_eq!(found(&[bytes]), Vec::<Vec<u8>>::new());
    }
    let longest = vec![1; INPUT_BYTES_MAX];
    assert_eq!(
        found(&[call(&OURS, &longest)]),
        std::slice::from_ref(&longest)
    );
    let over = vec![1; INPUT_BYTES_MAX + 1];
    assert_eq!(found(&[call(&OURS, &over)]), Vec::<Vec<u8>>::new());
}

#[test]
fn what_a_block_of_strangers_takes_is_bounded() {
    // 3.7 MB of a remark in a batch, and a call behind it: no byte of the remark is kept.
    let mut batch = vec![3, 0, 2 << 2, 0, 0];
    vec![0_u8; 3_700_000].encode_to(&mut batch);
    batch.extend(call(&OURS, &[9; 70]));
    assert_eq!(found(&[batch]), [[9; 70]]);
    // Calls without end.
    let many = call(&OURS, &[9; 68]).repeat(50_000);
    let kept = inputs_within(&OURS, [many.as_slice()].into_iter(), 1_000_000);
    assert_eq!(kept.len(), 1_000_000 / (68 + INPUT_OVERHEAD_BYTES));
}
