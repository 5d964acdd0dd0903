//! One place in the committee, as it is stored.

use core::mem::size_of;
use llm_oracle_primitives::{Answer, Balance, Error, Hash, SeatState, Signature, Slot};
use scale::{Decode, Encode};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::{codec, Refusal};

/// One place in the committee, as it lies in the request's cell: the same bytes, whatever its state.
#[derive(Clone, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Seat {
    /// Credited at the end, planck.
    pub paid: Balance,
    /// What was committed to.
    pub commitment: Hash,
    /// Digest of how the answer was made.
    pub evidence: Hash,
    /// The revealed answer, encoded and padded.
    pub answer: [u8; 32],
    /// Salt of commitment and evidence, once revealed.
    pub salt: Hash,
    /// Signature over the answer message, once revealed.
    pub signature: Signature,
    /// Slot of the holder.
    pub slot: Slot,
    /// Entry of the model registry, 0: undeclared.
    pub model: u32,
    state: u8,
    reserved: [u8; 7],
}

/// Bytes of one seat.
pub const SEAT_STRIDE: usize = 224;

const _: () = assert!(size_of::<Seat>() == SEAT_STRIDE);

impl Default for Seat {
    fn default() -> Self {
        Self {
            paid: 0,
            commitment: [0; 32],
            evidence: [0; 32],
            answer: [0; 32],
            salt: [0; 32],
            signature: [0; 64],
            slot: 0,
            model: 0,
            state: 0,
            reserved: [0; 7],
        }
    }
}

impl Encode for Seat {
    fn encode_to<W: scale::Output + ?Sized>(&self, output: &mut W) {
        output.write(self.as_bytes());
    }
}

impl Decode for Seat {
    fn decode<I: scale::Input>(input: &mut I) -> Result<Self, scale::Error> {
        let mut bytes = [0; SEAT_STRIDE];
        input.read(&mut bytes)?;
        Ok(zerocopy::transmute!(bytes))
    }
}

impl Seat {
    /// A seat that has just been taken.
    pub fn committed(slot: Slot, model: u32, commitment: Hash, evidence: Hash) -> Self {
        Self {
            slot,
            model,
            commitment,
            evidence,
            state: SeatState::Committed as u8,
            ..Self::default()
        }
    }

    /// Its state.
    pub fn state(&self) -> SeatState {
        // Only `set_state` writes the byte.
        codec::decode(&[self.state]).unwrap_or_default()
    }

    pub(crate) fn set_state(&mut self, state: SeatState) {
        self.state = state as u8;
    }

    /// Whether its answer is public.
    pub fn is_revealed(&self) -> bool {
        matches!(
            self.state(),
            SeatState::Revealed | SeatState::Agreed | SeatState::Dissented | SeatState::Abstained
        )
    }

    /// The answer, once revealed.
    pub fn answer(&self) -> Option<Answer> {
        self.is_revealed().then(|| unpad(&self.answer)).flatten()
    }
}

/// An answer in the 32 bytes that a seat has for it.
///
/// # Errors
/// `NotSupportedYet` for an answer that takes more.
pub(crate) fn pad(answer: &Answer) -> Result<[u8; 32], Refusal> {
    let encoded = codec::encode(answer);
    let mut bytes = [0; 32];
    bytes
        .get_mut(..encoded.len())
        .ok_or(Error::NotSupportedYet)?
        .copy_from_slice(&encoded);
    Ok(bytes)
}

/// The answer that [`pad`] put there.
pub(crate) fn unpad(bytes: &[u8]) -> Option<Answer> {
    codec::decode(bytes)
}
