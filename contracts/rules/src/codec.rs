//! Small code for the SCALE codec.
//!
//! The derived codec checks for an error after each field and is compiled once for each kind of
//! input and output: it would be half of the contract's code. Here a decoder notes an overrun and
//! goes on with zeros, so that there is one check at the end, and encoders write through one
//! dynamic output. Bytes and type information are those of plain SCALE.

use ink::prelude::vec::Vec;
use scale::{Decode, Encode, Error, Input, Output};

/// Decodes a whole value; `None` when the bytes are not one.
pub fn decode<T: Decode>(mut bytes: &[u8]) -> Option<T> {
    decode_from(&mut bytes).ok()
}

/// Encodes a value.
pub fn encode<T: Encode>(value: &T) -> Vec<u8> {
    encode_in(64, value)
}

/// Encodes a value of about `room` bytes: a list that outgrows its room is copied, at a price.
pub fn encode_in<T: Encode>(room: usize, value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(room);
    let output: &mut dyn Output = &mut bytes;
    value.encode_to(output);
    bytes
}

#[inline(never)]
fn decode_from<T: Decode, I: Input>(input: &mut I) -> Result<T, Error> {
    let mut lenient = Lenient {
        input,
        overran: false,
    };
    let value = T::decode(&mut lenient)?;
    if lenient.overran {
        return Err("too few bytes".into());
    }
    Ok(value)
}

/// Input that yields zeros past its end and remembers that it did.
struct Lenient<'a, I> {
    input: &'a mut I,
    overran: bool,
}

impl<I: Input> Lenient<'_, I> {
    // Kept out of line: it is called once for each field of everything decoded.
    #[inline(never)]
    fn fill(&mut self, into: &mut [u8]) {
        if self.overran || self.input.read(into).is_err() {
            self.overran = true;
            into.fill(0);
        }
    }
}

impl<I: Input> Input for Lenient<'_, I> {
    fn remaining_len(&mut self) -> Result<Option<usize>, Error> {
        // Bounds what a list may reserve: past the end there is nothing left.
        if self.overran {
            Ok(Some(0))
        } else {
            self.input.remaining_len()
        }
    }

    fn read(&mut self, into: &mut [u8]) -> Result<(), Error> {
        self.fill(into);
        Ok(())
    }
}

/// A value of a message, decoded and encoded with the small code above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Small<T>(pub T);

impl<T: Decode> Decode for Small<T> {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        decode_from(input).map(Self)
    }
}

impl<T: Encode> Encode for Small<T> {
    fn encode_to<W: Output + ?Sized>(&self, output: &mut W) {
        output.write(&encode(&self.0));
    }
}

#[cfg(feature = "std")]
impl<T: scale_info::TypeInfo> scale_info::TypeInfo for Small<T> {
    type Identity = T::Identity;

    fn type_info() -> scale_info::Type {
        T::type_info()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Value = (u32, Option<u128>, Vec<u16>);

    #[test]
    fn bytes_are_those_of_plain_scale() {
        let value: Value = (7, Some(u128::MAX), vec![1, 2, 3]);
        assert_eq!(encode(&value), value.encode());
        assert_eq!(Small(value.clone()).encode(), value.encode());
        assert_eq!(decode(&value.encode()), Some(value));
    }

    #[test]
    fn a_cut_value_is_refused_at_every_length() {
        let bytes = (7u32, Some(u128::MAX), vec![1u16, 2, 3]).encode();
        for length in 0..bytes.len() {
            assert_eq!(decode::<Value>(&bytes[..length]), None, "{length} bytes");
        }
        // A list that claims more items than there are bytes.
        assert_eq!(decode::<Vec<u64>>(&[0xfe, 0xff, 0xff, 0xff]), None);
    }

    #[test]
    fn arguments_after_one_another_are_read_in_order() {
        let bytes = (1u8, 2u128).encode();
        let read = <(Small<u8>, Small<u128>)>::decode(&mut &bytes[..]);
        assert_eq!(read, Ok((Small(1), Small(2))));
    }
}
