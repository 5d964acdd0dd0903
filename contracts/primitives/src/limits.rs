//! Hard limits, each with its unit. Inputs over a limit are refused, never cut.

/// Most seats of a request.
pub const MAX_SEATS: u8 = 32;
/// Encoded terms, bytes: with the other arguments they must fit ink!'s 16 KiB buffer.
pub const MAX_TERMS_BYTES: u32 = 12 * 1024;
/// An inline prompt, bytes.
pub const MAX_PROMPT_BYTES: u32 = 8 * 1024;
/// A model's name, bytes.
pub const MAX_MODEL_BYTES: u32 = 64;
/// Options of a choice.
pub const MAX_OPTIONS: u8 = 32;
/// One option of a choice, bytes.
pub const MAX_OPTION_BYTES: u32 = 64;
/// Decimal places of a number: `10^36` still leaves two digits of an `i128` before the point.
pub const MAX_SCALE: u8 = 36;
/// A text or a JSON document given as an answer, bytes.
pub const MAX_ANSWER_BYTES: u32 = 2 * 1024;
/// A JSON schema, bytes.
pub const MAX_SCHEMA_BYTES: u32 = 4 * 1024;
/// Entries of one batch of any kind; with the largest entry still inside ink!'s 16 KiB buffer.
pub const MAX_BATCH_ENTRIES: u32 = 64;
/// Encoded arguments of a batch, bytes.
pub const MAX_BATCH_BYTES: u32 = 14 * 1024;
/// Operators that a request names itself.
pub const MAX_NAMED: u8 = 32;
/// Operators of a published set.
pub const MAX_SET: u32 = 256;
/// A model family's name, bytes.
pub const MAX_FAMILY_BYTES: u32 = 32;
/// Sources of a request.
pub const MAX_SOURCES: u8 = 8;
/// One source, bytes.
pub const MAX_SOURCE_BYTES: u32 = 2 * 1024 * 1024;
/// The address of a source, bytes.
pub const MAX_URI_BYTES: u32 = 512;
/// The media type of a source, bytes.
pub const MAX_MEDIA_BYTES: u32 = 64;
/// The greatest confidence: sure.
pub const MAX_CONFIDENCE: u8 = 100;
/// Planck of one coin: the least and the greatest that the constructor takes.
pub const UNITS: core::ops::RangeInclusive<u128> = 1_000_000..=1_000_000_000_000_000_000_000_000;
/// Items a paged view looks at in one call.
pub const MAX_PAGE: u32 = 50;

/// Callback execution time, picoseconds (50 ms).
pub const MAX_CALLBACK_REF_TIME: u64 = 50_000_000_000;
/// Callback storage proof, bytes.
pub const MAX_CALLBACK_PROOF_SIZE: u64 = 1024 * 1024;
/// Callback storage deposit, coins.
pub const MAX_CALLBACK_COINS: u8 = 10;
/// A stranger adds at least the least bond divided by this to an operator's bond.
pub const STRANGERS_BOND_DIVISOR: u128 = 16;

/// Gas that must be left before a batch tries an entry, picoseconds: enough to finish one reveal that
/// settles a full request. A carrier adds it to the gas that the dry run asks for.
pub const BATCH_RESERVE_REF_TIME: u64 = 8_000_000_000;
/// Gas that must be left above a callback's own limit before it is called, picoseconds: the call
/// itself and the bookkeeping after it.
pub const DELIVERY_RESERVE_REF_TIME: u64 = 3_000_000_000;
/// What an attempt to deliver takes besides the callback's own time, with the chain's part of the
/// transaction, picoseconds. The escrow pays for it, so that a callback that fails at once costs its
/// transmitter nothing.
pub const DELIVERY_CALL_REF_TIME: u64 = 4_000_000_000;

/// Parts per million in a whole.
pub const PPM: u32 = 1_000_000;

/// Share `ppm` of `amount`, rounded down, without overflow for any amount.
///
/// `ppm` above [`PPM`] counts as the whole.
#[inline(never)]
pub fn share(amount: u128, ppm: u32) -> u128 {
    let ppm = u128::from(ppm.min(PPM));
    let (millions, rest) = divide_by_million(amount);
    // Split so that no product can wrap: (x / 10^6) * p <= x and (x mod 10^6) * p < 10^12.
    let (rest, _) = divide_by_million(rest.wrapping_mul(ppm));
    millions.wrapping_mul(ppm).wrapping_add(rest)
}

/// Quotient and remainder, limb by limb as on paper: the general division of 128 bits would be the
/// largest function of the contract's arithmetic.
#[allow(clippy::arithmetic_side_effects)] // The divisor is a constant; `rest` is below 10^6.
#[inline(never)]
fn divide_by_million(amount: u128) -> (u128, u128) {
    const WHOLE: u64 = PPM as u64;
    let (mut quotient, mut rest) = (0u128, 0u64);
    for shift in [96, 64, 32, 0] {
        let limb = (amount >> shift) as u32;
        let part = (rest << 32) | u64::from(limb);
        quotient = (quotient << 32) | u128::from(part / WHOLE);
        rest = part % WHOLE;
    }
    (quotient, u128::from(rest))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn division_by_limbs_is_division(amount: u128) {
            let whole = u128::from(PPM);
            prop_assert_eq!(divide_by_million(amount), (amount / whole, amount % whole));
        }

        #[test]
        fn a_share_is_exact_and_never_more_than_the_whole(amount in 0..u128::MAX / 1_000_000, ppm in 0..=PPM) {
            prop_assert_eq!(share(amount, ppm), amount * u128::from(ppm) / u128::from(PPM));
        }
    }
}
