//! The protocol between a relayer and the signing daemon: one request and one response on each connection.
//! Each is a frame: four bytes of length (little-endian), one byte of version, and the SCALE encoding.

use crate::{AnswerToSign, PeerMessageToSign, RegistrationToSign, SeatToSign};
use llm_oracle_primitives::{AccountId, Signature};
use scale::{Decode, DecodeAll, Encode};

/// Version of the protocol.
pub const VERSION: u8 = 2;
/// Longest frame without its length field, bytes. The input of a call is at most 16 KiB.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;

/// What the relayer sends.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub enum SignRequest {
    /// List the accounts that the daemon signs for.
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
    Registration(RegistrationToSign),
    /// Sign the payload of a contract call.
    #[codec(index = 4)]
    Call {
        /// The account that signs.
        account: AccountId,
        /// The whole payload, also when its digest is signed.
        payload: Vec<u8>,
    },
    /// Sign a message to another relayer, or the acknowledgement of one.
    #[codec(index = 5)]
    PeerMessage(PeerMessageToSign),
}

/// What the daemon sends back.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum SignResponse {
    /// The response to [`SignRequest::Accounts`].
    #[codec(index = 0)]
    Accounts(Vec<AccountId>),
    /// The signature, for every other request.
    #[codec(index = 1)]
    Signed(Signature),
    /// Nothing was signed.
    #[codec(index = 2)]
    Refused {
        /// Machine-readable name.
        name: String,
        /// Text for people, with the remedy.
        reason: String,
    },
}

/// Malformed frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Over [`FRAME_BYTES_MAX`], or empty.
    #[error("a frame of {0} bytes; 1 to {FRAME_BYTES_MAX} are allowed")]
    Length(usize),
    /// Another version of the protocol.
    #[error("version {0} of the protocol, and this program has version {VERSION}; use relayer and signing daemon of the same version")]
    Version(u8),
    /// The body does not decode.
    #[error("a frame that does not decode")]
    Unreadable,
}

/// Encodes a frame with its length field.
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

/// Decodes the length field.
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

/// Decodes a frame without its length field.
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
        let response = SignResponse::Signed([7; 64]);
        let frame = pack(&response).unwrap();
        let (prefix, rest) = frame.split_first_chunk::<4>().unwrap();
        assert_eq!(length(*prefix), Ok(rest.len()));
        assert_eq!(unpack::<SignResponse>(rest), Ok(response));
        assert_eq!(length([0; 4]), Err(FrameError::Length(0)));
        assert_eq!(length([1, 0, 1, 0]), Err(FrameError::Length(65_537)));
        let big = vec![0u8; FRAME_BYTES_MAX];
        assert!(matches!(pack(&big), Err(FrameError::Length(_))));
    }

    #[test]
    fn what_is_no_frame_of_this_version_is_named() {
        assert_eq!(unpack::<SignResponse>(&[1, 0]), Err(FrameError::Version(1)));
        assert_eq!(unpack::<SignResponse>(&[]), Err(FrameError::Length(0)));
        for body in [&[VERSION][..], &[VERSION, 9], &[VERSION, 0, 0, 0]] {
            assert_eq!(unpack::<SignResponse>(body), Err(FrameError::Unreadable));
        }
        // The inner length is greater than what follows.
        assert!(unpack::<SignRequest>(&[VERSION, 4, 1, 2, 3]).is_err());
    }
}
