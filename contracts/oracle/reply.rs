//! How a message ends.
//!
//! ink! encodes what a message returns once for each type, and writes the root struct back over
//! whatever a callback wrote, at the price of a storage write. Here a message ends by itself, with
//! the same bytes and flags, through one function: a tenth less code, one write less, and nothing
//! written after the rules have finished.

use ink::env::{self, ReturnFlags};
use llm_oracle_primitives::Error;
use llm_oracle_rules::{codec, Refusal};
use scale::Encode;

/// First byte of what every message returns: it could be read and was carried out.
const UNDERSTOOD: u8 = 0;
/// Then, for messages that can be refused: `Result::Ok`.
const OK: u8 = 0;
/// Or `Result::Err`.
const ERR: u8 = 1;

/// Bytes that are encoded already.
struct Encoded<'a>(&'a [u8]);

impl Encode for Encoded<'_> {
    fn encode_to<W: scale::Output + ?Sized>(&self, output: &mut W) {
        output.write(self.0);
    }
}

/// Ends the call with a value.
pub fn reply<T: Encode>(value: &T) -> ! {
    end(ReturnFlags::empty(), &codec::encode(&(UNDERSTOOD, value)))
}

/// Ends the call with a result.
pub fn reply_result<T: Encode>(result: Result<T, Refusal>) -> ! {
    match result {
        Ok(value) => reply(&(OK, value)),
        Err(refusal) => refused(&refusal),
    }
}

/// Ends the call with a refusal, which undoes what the call changed.
#[inline(never)]
pub fn refused(error: &Error) -> ! {
    let bytes = codec::encode(&(UNDERSTOOD, ERR, error));
    end(ReturnFlags::REVERT, &bytes)
}

#[inline(never)]
fn end(flags: ReturnFlags, bytes: &[u8]) -> ! {
    env::return_value(flags, &Encoded(bytes))
}
