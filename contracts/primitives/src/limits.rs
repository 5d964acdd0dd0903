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
/// An encoded answer that is stored as it is, bytes: the greatest is a tag and an `i128`.
pub const MAX_INLINE_ANSWER_BYTES: usize = 32;
/// Entries of one batch of any kind; with the largest entry still inside ink!'s 16 KiB buffer.
pub const MAX_BATCH_ENTRIES: u32 = 64;
/// Encoded arguments of a batch, bytes.
pub const MAX_BATCH_BYTES: u32 = 14 * 1024;
/// Items a paged view looks at in one call.
pub const MAX_PAGE: u32 = 50;

/// Callback execution time, picoseconds (0.5 s): delivery must fit one extrinsic of a 2 s block.
pub const MAX_CALLBACK_REF_TIME: u64 = 500_000_000_000;
/// Callback storage proof, bytes.
pub const MAX_CALLBACK_PROOF_SIZE: u64 = 1024 * 1024;
/// Callback storage deposit, planck (10 UNIT of 12 decimals).
pub const MAX_CALLBACK_DEPOSIT: u128 = 10_000_000_000_000;

/// Gas that must be left before a batch tries an entry, picoseconds: enough to finish one reveal that
/// settles a full request. A carrier adds it to the gas that the dry run asks for.
pub const BATCH_RESERVE_REF_TIME: u64 = 8_000_000_000;
/// Gas that must be left above a callback's own limit before it is called, picoseconds: the call
/// itself and the bookkeeping after it.
pub const DELIVERY_RESERVE_REF_TIME: u64 = 3_000_000_000;

/// Parts per million in a whole.
pub const PPM: u32 = 1_000_000;

/// Share `ppm` of `amount`, rounded down, without overflow for any amount.
///
/// `ppm` above [`PPM`] counts as the whole.
#[inline(never)]
pub fn share(amount: u128, ppm: u32) -> u128 {
    const WHOLE: u128 = PPM as u128;
    let ppm = u128::from(ppm.min(PPM));
    // Split so that no product can wrap: (x / 10^6) * p <= x and (x mod 10^6) * p < 10^12.
    let millions = (amount / WHOLE).wrapping_mul(ppm);
    let rest = (amount % WHOLE).wrapping_mul(ppm) / WHOLE;
    millions.wrapping_add(rest)
}
