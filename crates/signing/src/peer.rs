//! What relayers that carry for each other sign: letters and receipts. They never reach the chain.
//!
//! Their tags tell them apart from everything that the contract verifies. Whoever asks for a signature
//! chooses none of the first bytes, so it can't make a transaction of one either.

use llm_oracle_primitives::{BlockNumber, DeploymentId, Hash};
use scale::{Decode, Encode};

const LETTER_TAG: &[u8] = b"llm-oracle/peer/1";
const RECEIPT_TAG: &[u8] = b"llm-oracle/peer-receipt/1";

/// An operator by the bytes of its account, which are its public key.
pub type Id = [u8; 32];

/// Who writes to whom, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Head {
    /// The operator that has signed the letter.
    pub sender: Id,
    /// An operator of the relayer that is written to.
    pub receiver: Id,
    /// Random, never used again.
    pub nonce: [u8; 16],
    /// The sender's finalized block.
    pub block: BlockNumber,
}

/// What an operator signs for its peers, and for nobody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct PeerToSign {
    /// The deployment.
    pub deployment: DeploymentId,
    /// Head of the letter.
    pub head: Head,
    /// Digest of the letter's entries.
    pub entries: Hash,
    /// In a receipt: digest of what was taken. Receipts are signed by the receiver, letters by the
    /// sender.
    pub taken: Option<Hash>,
}

impl PeerToSign {
    /// The bytes that are signed.
    pub fn message(&self) -> Vec<u8> {
        let tag = if self.taken.is_some() {
            RECEIPT_TAG
        } else {
            LETTER_TAG
        };
        let mut bytes = tag.to_vec();
        (self.deployment, self.head, self.entries).encode_to(&mut bytes);
        bytes.extend(self.taken.iter().flatten());
        bytes
    }

    /// Who signs it.
    pub fn signer(&self) -> Id {
        match self.taken {
            Some(_) => self.head.receiver,
            None => self.head.sender,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use llm_oracle_primitives::digest::{self, Context};
    use llm_oracle_support::address::hex0x;

    fn letter(taken: Option<Hash>) -> PeerToSign {
        PeerToSign {
            deployment: DeploymentId {
                domain: [1; 32],
                contract: [2; 32],
            },
            head: Head {
                sender: [3; 32],
                receiver: [4; 32],
                nonce: [5; 16],
                block: 0x0706_0504,
            },
            entries: [8; 32],
            taken,
        }
    }

    #[test]
    fn the_bytes_of_a_letter_and_a_receipt_never_change() {
        let deployment = ["01".repeat(32), "02".repeat(32)].concat();
        let head = ["03".repeat(32), "04".repeat(32), "05".repeat(16)].concat();
        let rest = [deployment, head, "04050607".to_owned(), "08".repeat(32)].concat();
        let tag = "6c6c6d2d6f7261636c652f706565722f31";
        assert_eq!(hex0x(&letter(None).message()), format!("0x{tag}{rest}"));
        let tag = "6c6c6d2d6f7261636c652f706565722d726563656970742f31";
        let taken = "09".repeat(32);
        assert_eq!(
            hex0x(&letter(Some([9; 32])).message()),
            format!("0x{tag}{rest}{taken}")
        );
    }

    #[test]
    fn no_letter_or_receipt_is_the_beginning_of_a_message_of_the_chain() {
        let context = Context {
            domain: [1; 32],
            contract: [2; 32].into(),
            request_id: 3,
            terms_digest: [4; 32],
            round: 0,
            phase: 0,
            operator: [3; 32].into(),
            model: 0,
        };
        let answer = llm_oracle_primitives::Answer::Bool(true);
        let of_chain = [
            digest::seat_message(&context, &[5; 32], &[6; 32], 7),
            digest::answer_message(&context, &answer, &[6; 32]),
            digest::register_message(&[1; 32], &[2; 32].into(), &[3; 32].into()),
        ];
        for ours in [letter(None), letter(Some([9; 32]))] {
            let ours = ours.message();
            for theirs in &of_chain {
                // They differ within their tags, whatever follows.
                assert_ne!(
                    ours[.."llm-oracle/peer".len()],
                    theirs[.."llm-oracle/peer".len()]
                );
            }
        }
        let [letter, receipt] = [letter(None), letter(Some([9; 32]))].map(|one| one.message());
        assert_ne!(letter[..LETTER_TAG.len()], receipt[..LETTER_TAG.len()]);
    }
}
