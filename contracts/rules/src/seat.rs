//! One place in the committee, as it is stored.

use core::mem::size_of;
use llm_oracle_primitives::{
    digest, Answer, Balance, Hash, SeatAnswer, SeatState, Signature, Slot,
};
use scale::{Decode, Encode};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::codec;

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
    /// The revealed answer, encoded and padded, or the digest of an open one.
    pub(crate) answer: [u8; 32],
    /// Salt of commitment and evidence, once revealed.
    pub salt: Hash,
    /// Signature over the answer message, once revealed.
    pub signature: Signature,
    /// Slot of the holder.
    pub slot: Slot,
    /// The `model` of the context that its holder signed: 0, but in seats of earlier versions.
    pub model: u32,
    state: u8,
    digested: u8,
    /// 1: the bond is lost whatever the answer, for its holder was barred.
    pub(crate) bond_lost: u8,
    /// How sure the answer is, 0 to 100, once revealed.
    pub confidence: u8,
    /// Family of its holder's model, see [`digest::family_tag`].
    pub family: [u8; 4],
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
            digested: 0,
            bond_lost: 0,
            confidence: 0,
            family: [0; 4],
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

/// What opens a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The answer.
    pub answer: Answer,
    /// How sure it is, 0 to 100.
    pub confidence: u8,
    /// Salt of commitment and evidence.
    pub salt: Hash,
    /// Signature over the answer message.
    pub signature: Signature,
}

impl Seat {
    /// A seat that has just been taken.
    pub fn committed(slot: Slot, family: [u8; 4], commitment: Hash, evidence: Hash) -> Self {
        Self {
            slot,
            family,
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
            SeatState::Revealed
                | SeatState::Agreed
                | SeatState::Dissented
                | SeatState::Abstained
                | SeatState::Inconclusive
        )
    }

    /// Opens the seat.
    pub(crate) fn reveal(&mut self, opened: &Opened) {
        let answer = &opened.answer;
        self.digested = u8::from(is_open(answer));
        self.answer = stored(answer);
        self.confidence = opened.confidence;
        self.salt = opened.salt;
        self.signature = opened.signature;
        self.set_state(SeatState::Revealed);
    }

    /// The answer, once revealed.
    pub fn answer(&self) -> Option<SeatAnswer> {
        if !self.is_revealed() {
            None
        } else if self.digested != 0 {
            Some(SeatAnswer::Digest(self.answer))
        } else {
            codec::decode(&self.answer).map(SeatAnswer::Whole)
        }
    }

    /// Whether the end took the bond that the seat had locked.
    pub fn lost_its_bond(&self) -> bool {
        self.state() == SeatState::Silent || self.bond_lost != 0
    }
}

fn is_open(answer: &Answer) -> bool {
    matches!(answer, Answer::Text(_) | Answer::Json(_))
}

/// The answer as events and views show it.
pub(crate) fn shown(answer: Answer) -> SeatAnswer {
    if is_open(&answer) {
        SeatAnswer::Digest(digest::answer_digest(&answer))
    } else {
        SeatAnswer::Whole(answer)
    }
}

/// An answer in the 32 bytes that a seat has for it: encoded and padded, or its digest. A closed one
/// takes at most 17 bytes.
pub(crate) fn stored(answer: &Answer) -> [u8; 32] {
    if is_open(answer) {
        return digest::answer_digest(answer);
    }
    let encoded = codec::encode(answer);
    let mut bytes = [0; 32];
    for (place, byte) in bytes.iter_mut().zip(&encoded) {
        *place = *byte;
    }
    bytes
}
