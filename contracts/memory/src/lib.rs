//! `memcpy` and its sisters for contracts, eight bytes at a time.
//!
//! ink! links the crate `rlibc`, whose loops move a byte at a time. On a chain each step of a loop is
//! paid for, and a contract moves much: these loops halved what a seat costs (see
//! `docs/decisions/0017-memory.md`). Wasm allows loads and stores at any address, so nothing has to
//! be aligned first.
#![cfg_attr(not(test), no_std)]
// The functions' contracts are those of C's `string.h`.
#![allow(clippy::missing_safety_doc)]

/// Bytes of a step.
const STEP: usize = 8;
/// Bytes of a stride: cells of operators have 12 KiB, and every turn of a loop is paid for.
const STRIDE: usize = 4 * STEP;

/// Copies forwards.
#[cfg_attr(target_arch = "wasm32", no_mangle)]
pub unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    let mut done: usize = 0;
    // SAFETY: the caller vouches for `count` bytes behind both pointers, and no step goes further.
    unsafe {
        while count.wrapping_sub(done) >= STRIDE {
            let (from, to) = (from.add(done).cast::<u64>(), to.add(done).cast::<u64>());
            to.write_unaligned(from.read_unaligned());
            to.add(1).write_unaligned(from.add(1).read_unaligned());
            to.add(2).write_unaligned(from.add(2).read_unaligned());
            to.add(3).write_unaligned(from.add(3).read_unaligned());
            done = done.wrapping_add(STRIDE);
        }
        while count.wrapping_sub(done) >= STEP {
            let step = from.add(done).cast::<u64>().read_unaligned();
            to.add(done).cast::<u64>().write_unaligned(step);
            done = done.wrapping_add(STEP);
        }
        while done < count {
            *to.add(done) = *from.add(done);
            done = done.wrapping_add(1);
        }
    }
    to
}

/// Copies between ranges that may overlap.
#[cfg_attr(target_arch = "wasm32", no_mangle)]
pub unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // SAFETY: as in `memcpy`. Each step is read whole before it is written, so copying towards the
    // side that the target lies on never reads what it has overwritten.
    unsafe {
        if to.addr().wrapping_sub(from.addr()) >= count {
            return memcpy(to, from, count);
        }
        let mut left = count;
        while left >= STEP {
            left = left.wrapping_sub(STEP);
            let step = from.add(left).cast::<u64>().read_unaligned();
            to.add(left).cast::<u64>().write_unaligned(step);
        }
        while left > 0 {
            left = left.wrapping_sub(1);
            *to.add(left) = *from.add(left);
        }
    }
    to
}

/// Fills with the lowest byte of `value`.
#[cfg_attr(target_arch = "wasm32", no_mangle)]
pub unsafe extern "C" fn memset(to: *mut u8, value: i32, count: usize) -> *mut u8 {
    let [byte, ..] = value.to_le_bytes();
    let step = u64::from_ne_bytes([byte; STEP]);
    let mut done: usize = 0;
    // SAFETY: as in `memcpy`.
    unsafe {
        while count.wrapping_sub(done) >= STEP {
            to.add(done).cast::<u64>().write_unaligned(step);
            done = done.wrapping_add(STEP);
        }
        while done < count {
            *to.add(done) = byte;
            done = done.wrapping_add(1);
        }
    }
    to
}

/// Difference of the first bytes that differ, 0 when none does.
#[cfg_attr(target_arch = "wasm32", no_mangle)]
pub unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    let mut same: usize = 0;
    // SAFETY: as in `memcpy`.
    unsafe {
        while count.wrapping_sub(same) >= STEP {
            let step = left.add(same).cast::<u64>().read_unaligned();
            if step != right.add(same).cast::<u64>().read_unaligned() {
                break;
            }
            same = same.wrapping_add(STEP);
        }
        while same < count {
            let (one, other) = (*left.add(same), *right.add(same));
            if one != other {
                return i32::from(one).wrapping_sub(i32::from(other));
            }
            same = same.wrapping_add(1);
        }
    }
    0
}

/// As [`memcmp`], for who asks only whether there is a difference.
#[cfg_attr(target_arch = "wasm32", no_mangle)]
pub unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    // SAFETY: the same contract.
    unsafe { memcmp(left, right, count) }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Room for two ranges at any distance and alignment.
    const ROOM: usize = 96;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), ROOM)
    }

    fn range() -> impl Strategy<Value = (usize, usize, usize)> {
        (0..ROOM, 0..ROOM)
            .prop_flat_map(|(to, from)| (Just(to), Just(from), 0..=ROOM - to.max(from)))
    }

    proptest! {
        #[test]
        fn copies_are_those_of_slices(mut memory in bytes(), source in bytes(), (to, from, count) in range()) {
            let mut expected = memory.clone();
            expected[to..to + count].copy_from_slice(&source[from..from + count]);
            // SAFETY: the ranges are inside the vectors.
            let end = unsafe { memcpy(memory.as_mut_ptr().add(to), source.as_ptr().add(from), count) };
            prop_assert_eq!(end.cast_const(), memory[to..].as_ptr());
            prop_assert_eq!(memory, expected);
        }

        #[test]
        fn overlapping_moves_are_those_of_slices(mut memory in bytes(), (to, from, count) in range()) {
            let mut expected = memory.clone();
            expected.copy_within(from..from + count, to);
            let start = memory.as_mut_ptr();
            // SAFETY: the ranges are inside the vector.
            unsafe { memmove(start.add(to), start.add(from), count) };
            prop_assert_eq!(memory, expected);
        }

        #[test]
        fn fills_are_those_of_slices(mut memory in bytes(), value in any::<i32>(), (to, _, count) in range()) {
            let mut expected = memory.clone();
            expected[to..to + count].fill(value.to_le_bytes()[0]);
            // SAFETY: the range is inside the vector.
            unsafe { memset(memory.as_mut_ptr().add(to), value, count) };
            prop_assert_eq!(memory, expected);
        }

        #[test]
        fn comparisons_are_those_of_slices(left in bytes(), mut right in bytes(), (at, _, count) in range(), same in 0..ROOM) {
            right[..same].copy_from_slice(&left[..same]);
            let (one, other) = (&left[at..at + count], &right[at..at + count]);
            // SAFETY: the ranges are inside the vectors.
            let (order, differ) = unsafe {
                (memcmp(one.as_ptr(), other.as_ptr(), count), bcmp(one.as_ptr(), other.as_ptr(), count))
            };
            prop_assert_eq!(order.cmp(&0), one.cmp(other));
            prop_assert_eq!(differ == 0, one == other);
        }
    }
}
