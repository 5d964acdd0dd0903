//! What a relayer and a signer process say to each other: one question and one answer on each
//! connection, each a frame of four bytes of length (little-endian), a version, and SCALE.

use super::{AnswerToSign, PeerToSign, SeatToSign};
use llm_oracle_primitives::{AccountId, Hash, Signature};
use scale::{Decode, DecodeAll, Encode};

/// Version of this conversation.
pub const VERSION: u8 = 1;
/// Greatest frame without its length, bytes: a call's input is at most 16 KiB.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;

/// A question.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub enum Ask {
    /// Which accounts are signed for?
    #[codec(index = 0)]
    Accounts,
    /// Sign a seat message.
    #[codec(index = 1)]
    Seat(SeatToSign),
    /// Sign an answer message.
    #[codec(index = 2)]
    Answer(AnswerToSign),
    /// Sign the message of a registration.
    #[codec(index = 3)]
    Registration {
        /// The deployment.
        domain: Hash,
        /// The oracle.
        contract: AccountId,
        /// Who registers and signs.
        operator: AccountId,
    },
    /// Sign the payload of a contract call.
    #[codec(index = 4)]
    Call {
        /// Who signs.
        account: AccountId,
        /// The whole payload, however long.
        payload: Vec<u8>,
    },
    /// Sign a letter or a receipt for another relayer.
    #[codec(index = 5)]
    Peer(PeerToSign),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Told {
    /// To [`Ask::Accounts`].
    #[codec(index = 0)]
    Accounts(Vec<AccountId>),
    /// To everything else.
    #[codec(index = 1)]
    Signed(Signature),
    /// Nothing was signed.
    #[codec(index = 2)]
    Refused {
        /// Name for machines.
        name: String,
        /// For people, with the remedy.
        reason: String,
    },
}

/// A frame is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Over [`FRAME_BYTES_MAX`], or empty.
    #[error("a frame of {0} bytes; 1 to {FRAME_BYTES_MAX} are allowed")]
    Length(usize),
    /// Of another version.
    #[error("version {0} of the conversation; this program speaks {VERSION}: let relayer and signer be of one version")]
    Version(u8),
    /// Not what the version says.
    #[error("a frame that does not decode")]
    Unreadable,
}

/// The bytes of a frame, its length first.
///
/// # Errors
/// `Length` when it is too long.
pub fn pack(message: &impl Encode) -> Result<Vec<u8>, FrameError> {
    let body = message.encode();
    let length = body.len().saturating_add(1);
    if length > FRAME_BYTES_MAX {
        return Err(FrameError::Length(length));
    }
    // At most FRAME_BYTES_MAX.
    let prefix = u32::try_from(length).map_err(|_| FrameError::Length(length))?;
    Ok([&prefix.to_le_bytes()[..], &[VERSION], &body].concat())
}

/// The length that the first four bytes tell.
///
/// # Errors
/// `Length` when it is out of bounds.
pub fn length(prefix: [u8; 4]) -> Result<usize, FrameError> {
    match usize::try_from(u32::from_le_bytes(prefix)) {
        Ok(length @ 1..=FRAME_BYTES_MAX) => Ok(length),
        Ok(length) => Err(FrameError::Length(length)),
        Err(_) => Err(FrameError::Length(usize::MAX)),
    }
}

/// Reads a frame without its length.
///
/// # Errors
/// `Version`, `Unreadable`.
pub fn unpack<T: Decode>(frame: &[u8]) -> Result<T, FrameError> {
    match frame.split_first() {
        Some((&VERSION, mut body)) => T::decode_all(&mut body).map_err(|_| FrameError::Unreadable),
        Some((other, _)) => Err(FrameError::Version(*other)),
        None => Err(FrameError::Length(0)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn frames_read_back_and_are_bounded() {
        let told = Told::Signed([7; 64]);
        let frame = pack(&told).unwrap();
        let (prefix, rest) = frame.split_first_chunk::<4>().unwrap();
        assert_eq!(length(*prefix), Ok(rest.len()));
        assert_eq!(unpack::<Told>(rest), Ok(told));
        assert_eq!(length([0; 4]), Err(FrameError::Length(0)));
        assert_eq!(length([1, 0, 1, 0]), Err(FrameError::Length(65_537)));
        let big = vec![0u8; FRAME_BYTES_MAX];
        assert!(matches!(pack(&big), Err(FrameError::Length(_))));
    }

    #[test]
    fn what_is_no_frame_of_this_version_is_named() {
        assert_eq!(unpack::<Told>(&[2, 0]), Err(FrameError::Version(2)));
        assert_eq!(unpack::<Told>(&[]), Err(FrameError::Length(0)));
        for body in [&[VERSION][..], &[VERSION, 9], &[VERSION, 0, 0, 0]] {
            assert_eq!(unpack::<Told>(body), Err(FrameError::Unreadable));
        }
        // A length that promises more than there is.
        assert!(unpack::<Ask>(&[VERSION, 4, 1, 2, 3]).is_err());
    }
}
