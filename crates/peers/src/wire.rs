//! The peer protocol, byte by byte.
//!
//! A message is SCALE: head, signature of the sending operator, entries. An acknowledgement is SCALE: for
//! each entry whether it was accepted, and the signature of the receiving operator. Both signatures cover
//! sender, receiver, deployment and the message's nonce, so neither is valid anywhere else.

use llm_oracle_primitives::{
    digest, limits, BlockNumber, CommitEntry, RequestId, RevealEntry, Signature,
};
use llm_oracle_signing::{verifies, PeerMessageToSign, Signer};
use llm_oracle_support::random;
use scale::{Decode, DecodeAll, Encode};

pub use llm_oracle_primitives::DeploymentId;
pub use llm_oracle_signing::{OperatorId, PeerMessageHeader};

/// Largest message, bytes.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// Most entries in a message.
pub const ENTRIES_MAX: usize = limits::MAX_BATCH_ENTRIES as usize;

/// Kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryKind {
    /// Takes a seat.
    Commit,
    /// Opens it.
    Reveal,
}

impl EntryKind {
    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Reveal => "reveal",
        }
    }
}

/// Identifies the commit or the reveal of one seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryKey {
    /// Commit or reveal.
    pub kind: EntryKind,
    /// The request.
    pub request_id: RequestId,
    /// The seat's operator.
    pub operator: OperatorId,
}

/// An entry as the contract takes it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Payload {
    /// Takes a seat.
    Commit(CommitEntry),
    /// Opens it.
    Reveal(RevealEntry),
}

/// An entry with the operator that has signed it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedEntry {
    /// The operator.
    pub operator: OperatorId,
    /// The entry itself.
    pub payload: Payload,
}

impl SignedEntry {
    /// Its key.
    pub fn key(&self) -> EntryKey {
        let (kind, request_id) = match &self.payload {
            Payload::Commit(entry) => (EntryKind::Commit, entry.request_id),
            Payload::Reveal(entry) => (EntryKind::Reveal, entry.request_id),
        };
        EntryKey {
            kind,
            request_id,
            operator: self.operator,
        }
    }
}

/// Whether the operator that a message or an acknowledgement is from has signed it.
pub(super) fn is_signed_by_peer(message: &PeerMessageToSign, signature: &Signature) -> bool {
    verifies(signature, &message.message(), &message.signer().into())
}

/// What the sender of a message signs.
pub(super) fn message_to_sign(
    deployment: &DeploymentId,
    head: &PeerMessageHeader,
    entries: &[u8],
) -> PeerMessageToSign {
    PeerMessageToSign {
        deployment: *deployment,
        header: *head,
        entries_digest: digest::blake2(entries),
        acknowledged_digest: None,
    }
}

/// What the receiver of a message signs.
pub(super) fn ack_to_sign(
    deployment: &DeploymentId,
    head: &PeerMessageHeader,
    entries: &[u8],
    accepted: &[bool],
) -> PeerMessageToSign {
    PeerMessageToSign {
        acknowledged_digest: Some(digest::blake2(&accepted.encode())),
        ..message_to_sign(deployment, head, entries)
    }
}

/// A message that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerMessage {
    /// Its head.
    pub head: PeerMessageHeader,
    /// Its entries, encoded.
    pub entries: Vec<u8>,
    /// Number of entries.
    pub count: usize,
    /// The sender's signature.
    pub signature: Signature,
}

impl PeerMessage {
    /// Signs a message with a fresh nonce.
    ///
    /// # Errors
    /// When there is no randomness, or the signer does not sign; as text.
    pub fn sign(
        deployment: &DeploymentId,
        (sender, receiver): (OperatorId, OperatorId),
        block: BlockNumber,
        entries: &[SignedEntry],
        key: &dyn Signer,
    ) -> Result<Self, String> {
        let mut nonce = [0; 16];
        random::fill(&mut nonce).map_err(|error| error.to_string())?;
        let head = PeerMessageHeader {
            sender,
            receiver,
            nonce,
            block,
        };
        let encoded = entries.encode();
        let signed = key.sign_peer_message(&message_to_sign(deployment, &head, &encoded));
        let signature = signed.map_err(|error| error.to_string())?;
        Ok(Self {
            head,
            entries: encoded,
            count: entries.len(),
            signature,
        })
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = (self.head, self.signature).encode();
        bytes.extend_from_slice(&self.entries);
        bytes
    }

    /// Splits received bytes into head, signature and encoded entries.
    pub(super) fn open(mut bytes: &[u8]) -> Option<(PeerMessageHeader, Signature, &[u8])> {
        let (head, signature) = <(PeerMessageHeader, Signature)>::decode(&mut bytes).ok()?;
        Some((head, signature, bytes))
    }
}

/// Decodes the entries of a message; `None` if there are too many or none, or bytes left over.
pub(super) fn decode_entries(bytes: &[u8]) -> Option<Vec<SignedEntry>> {
    let entries = Vec::<SignedEntry>::decode_all(&mut &*bytes).ok()?;
    (1..=ENTRIES_MAX)
        .contains(&entries.len())
        .then_some(entries)
}

/// The receiver's signed answer to a message.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Acknowledgement {
    /// Whether each entry was accepted.
    pub(super) accepted: Vec<bool>,
    /// The receiver's signature.
    pub(super) signature: Signature,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{super::samples, *};

    #[test]
    fn a_message_reads_back_and_fits_its_limit_with_a_full_batch() {
        let entry = samples::commit(7, 1);
        let message = samples::message(1, 2, 9, std::slice::from_ref(&entry));
        let bytes = message.bytes();
        let (head, signature, rest) = PeerMessage::open(&bytes).unwrap();
        assert_eq!((head, signature), (message.head, message.signature));
        assert_eq!(decode_entries(rest), Some(vec![entry.clone()]));
        let full = vec![entry; ENTRIES_MAX];
        let message = samples::message(1, 2, 9, &full);
        assert!(message.bytes().len() <= MESSAGE_BYTES_MAX);
    }

    #[test]
    fn entries_are_exact_and_bounded() {
        let entry = samples::commit(7, 1);
        let one = vec![entry.clone()].encode();
        for cut in 0..one.len() {
            assert_eq!(decode_entries(&one[..cut]), None, "{cut}");
        }
        assert_eq!(decode_entries(&[&one[..], &[0]].concat()), None);
        assert_eq!(decode_entries(&Vec::<SignedEntry>::new().encode()), None);
        let many = vec![entry; ENTRIES_MAX.saturating_add(1)];
        assert_eq!(decode_entries(&many.encode()), None);
        // A length that promises more than there is.
        assert_eq!(decode_entries(&[0xfe, 0xff, 0xff, 0xff]), None);
    }
}
