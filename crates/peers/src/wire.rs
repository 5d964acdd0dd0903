//! What relayers say to each other, byte by byte.
//!
//! A letter is SCALE: head, signature of the sending operator, entries. A receipt is SCALE: for each
//! entry whether it was taken, and the signature of the operator that was written to. Both signatures
//! name both sides, the deployment and the letter's nonce, so neither is worth anything elsewhere.

use llm_oracle_primitives::{
    digest, limits, BlockNumber, CommitEntry, RequestId, RevealEntry, Signature,
};
use llm_oracle_signing::{verifies, PeerToSign, Signer};
use llm_oracle_support::random as chance;
use scale::{Decode, DecodeAll, Encode};

pub use llm_oracle_primitives::DeploymentId;
pub use llm_oracle_signing::{Head, Id};

/// Largest letter, bytes.
pub const LETTER_BYTES_MAX: usize = 16 * 1024;
/// Most entries of a letter.
pub const ENTRIES_MAX: usize = limits::MAX_BATCH_ENTRIES as usize;

/// What an entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Takes a seat.
    Commit,
    /// Opens it.
    Reveal,
}

impl Kind {
    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Reveal => "reveal",
        }
    }
}

/// One seat's commit or reveal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Which of the two.
    pub kind: Kind,
    /// The request.
    pub request_id: RequestId,
    /// The seat's operator.
    pub operator: Id,
}

/// An entry as the contract takes it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Load {
    /// Takes a seat.
    Commit(CommitEntry),
    /// Opens it.
    Reveal(RevealEntry),
}

/// An entry with the operator that has signed it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Handed {
    /// The operator.
    pub operator: Id,
    /// Its entry.
    pub load: Load,
}

impl Handed {
    /// Which seat's what it is.
    pub fn key(&self) -> Key {
        let (kind, request_id) = match &self.load {
            Load::Commit(entry) => (Kind::Commit, entry.request_id),
            Load::Reveal(entry) => (Kind::Reveal, entry.request_id),
        };
        Key {
            kind,
            request_id,
            operator: self.operator,
        }
    }
}

/// Whether the operator that it is of has signed it.
pub(super) fn is_signed(message: &PeerToSign, signature: &Signature) -> bool {
    verifies(signature, &message.message(), &message.signer().into())
}

/// What the sender of a letter signs.
pub(super) fn letter(deployment: &DeploymentId, head: &Head, entries: &[u8]) -> PeerToSign {
    PeerToSign {
        deployment: *deployment,
        head: *head,
        entries: digest::blake2(entries),
        taken: None,
    }
}

/// What the receiver of a letter signs.
pub(super) fn receipt(
    deployment: &DeploymentId,
    head: &Head,
    entries: &[u8],
    taken: &[bool],
) -> PeerToSign {
    PeerToSign {
        taken: Some(digest::blake2(&taken.encode())),
        ..letter(deployment, head, entries)
    }
}

/// A letter that is about to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its head.
    pub head: Head,
    /// Its entries, encoded.
    pub entries: Vec<u8>,
    /// How many those are.
    pub count: usize,
    /// The sender's signature.
    pub signature: Signature,
}

impl Letter {
    /// Signs a letter with a fresh nonce.
    ///
    /// # Errors
    /// When there is no randomness or no signature.
    pub fn sign(
        deployment: &DeploymentId,
        (sender, receiver): (Id, Id),
        block: BlockNumber,
        entries: &[Handed],
        key: &dyn Signer,
    ) -> Result<Self, String> {
        let mut nonce = [0; 16];
        chance::fill(&mut nonce).map_err(|error| error.to_string())?;
        let head = Head {
            sender,
            receiver,
            nonce,
            block,
        };
        let encoded = entries.encode();
        let signed = key.sign_peer(&letter(deployment, &head, &encoded));
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

    /// Head, signature and encoded entries of received bytes.
    pub(super) fn open(mut bytes: &[u8]) -> Option<(Head, Signature, &[u8])> {
        let (head, signature) = <(Head, Signature)>::decode(&mut bytes).ok()?;
        Some((head, signature, bytes))
    }
}

/// The entries of a letter, if they are nothing but that.
pub(super) fn entries(bytes: &[u8]) -> Option<Vec<Handed>> {
    let entries = Vec::<Handed>::decode_all(&mut &*bytes).ok()?;
    (1..=ENTRIES_MAX)
        .contains(&entries.len())
        .then_some(entries)
}

/// What came of a letter, as its receiver says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Receipt {
    /// Whether each entry was taken.
    pub(super) taken: Vec<bool>,
    /// The receiver's signature.
    pub(super) signature: Signature,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{super::sample, *};

    #[test]
    fn a_letter_reads_back_and_fits_its_limit_with_a_full_batch() {
        let handed = sample::commit(7, 1);
        let letter = sample::letter(1, 2, 9, std::slice::from_ref(&handed));
        let bytes = letter.bytes();
        let (head, signature, rest) = Letter::open(&bytes).unwrap();
        assert_eq!((head, signature), (letter.head, letter.signature));
        assert_eq!(entries(rest), Some(vec![handed.clone()]));
        let full = vec![handed; ENTRIES_MAX];
        let letter = sample::letter(1, 2, 9, &full);
        assert!(letter.bytes().len() <= LETTER_BYTES_MAX);
    }

    #[test]
    fn entries_are_exact_and_bounded() {
        let handed = sample::commit(7, 1);
        let one = vec![handed.clone()].encode();
        for cut in 0..one.len() {
            assert_eq!(entries(&one[..cut]), None, "{cut}");
        }
        assert_eq!(entries(&[&one[..], &[0]].concat()), None);
        assert_eq!(entries(&Vec::<Handed>::new().encode()), None);
        let many = vec![handed; ENTRIES_MAX.saturating_add(1)];
        assert_eq!(entries(&many.encode()), None);
        // A length that promises more than there is.
        assert_eq!(entries(&[0xfe, 0xff, 0xff, 0xff]), None);
    }
}
