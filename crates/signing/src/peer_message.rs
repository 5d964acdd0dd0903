//! Messages between relayers and their acknowledgements. They never reach the chain.
//!
//! Their tags differ from the tags of everything that the contract verifies. The caller chooses none of the
//! first bytes, so a signed peer message can't be a transaction either.

use llm_oracle_primitives::{BlockNumber, DeploymentId, Hash};
use scale::{Decode, Encode};

const MESSAGE_TAG: &[u8] = b"llm-oracle/peer/1";
const ACKNOWLEDGEMENT_TAG: &[u8] = b"llm-oracle/peer-receipt/1";

/// The 32 bytes of an operator's account, which are its sr25519 public key.
pub type OperatorId = [u8; 32];

/// Sender, receiver and time of a peer message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct PeerMessageHeader {
    /// The operator that signs the message.
    pub sender: OperatorId,
    /// An operator of the receiving relayer.
    pub receiver: OperatorId,
    /// Random, used once.
    pub nonce: [u8; 16],
    /// Number of the sender's latest finalized block.
    pub block: BlockNumber,
}

/// A message to a peer, or the acknowledgement of one, as its operator signs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct PeerMessageToSign {
    /// The deployment.
    pub deployment: DeploymentId,
    /// Header of the message.
    pub header: PeerMessageHeader,
    /// Digest of the message's encoded entries.
    pub entries_digest: Hash,
    /// In an acknowledgement: digest of which entries the receiver accepted. `None` in a message. The
    /// receiver signs acknowledgements, the sender signs messages.
    pub acknowledged_digest: Option<Hash>,
}

impl PeerMessageToSign {
    /// The bytes that are signed.
    pub fn message(&self) -> Vec<u8> {
        let tag = if self.acknowledged_digest.is_some() {
            ACKNOWLEDGEMENT_TAG
        } else {
            MESSAGE_TAG
        };
        let mut bytes = tag.to_vec();
        (self.deployment, self.header, self.entries_digest).encode_to(&mut bytes);
        bytes.extend(self.acknowledged_digest.iter().flatten());
        bytes
    }

    /// The operator that signs it.
    pub fn signer(&self) -> OperatorId {
        match self.acknowledged_digest {
            Some(_) => self.header.receiver,
            None => self.header.sender,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use llm_oracle_primitives::digest::{self, Context};
    use llm_oracle_support::address::hex0x;

    fn message(acknowledged_digest: Option<Hash>) -> PeerMessageToSign {
        PeerMessageToSign {
            deployment: DeploymentId {
                domain: [1; 32],
                contract: [2; 32],
            },
            header: PeerMessageHeader {
                sender: [3; 32],
                receiver: [4; 32],
                nonce: [5; 16],
                block: 0x0706_0504,
            },
            entries_digest: [8; 32],
            acknowledged_digest,
        }
    }

    #[test]
    fn the_bytes_of_a_peer_message_and_a_receipt_never_change() {
        let deployment = ["01".repeat(32), "02".repeat(32)].concat();
        let head = ["03".repeat(32), "04".repeat(32), "05".repeat(16)].concat();
        let rest = [deployment, head, "04050607".to_owned(), "08".repeat(32)].concat();
        let tag = "6c6c6d2d6f7261636c652f706565722f31";
        assert_eq!(hex0x(&message(None).message()), format!("0x{tag}{rest}"));
        let tag = "6c6c6d2d6f7261636c652f706565722d726563656970742f31";
        let taken = "09".repeat(32);
        assert_eq!(
            hex0x(&message(Some([9; 32])).message()),
            format!("0x{tag}{rest}{taken}")
        );
    }

    #[test]
    fn no_peer_message_or_receipt_is_the_beginning_of_a_message_of_the_chain() {
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
            digest::answer_message(&context, &answer, Some(50), &[6; 32]),
            digest::register_message(
                &[1; 32],
                &[2; 32].into(),
                &[3; 32].into(),
                &[3; 32].into(),
                b"",
            ),
        ];
        for ours in [message(None), message(Some([9; 32]))] {
            let ours = ours.message();
            for theirs in &of_chain {
                // They differ within their tags, whatever follows.
                assert_ne!(
                    ours[.."llm-oracle/peer".len()],
                    theirs[.."llm-oracle/peer".len()]
                );
            }
        }
        let [message, acknowledgement] =
            [message(None), message(Some([9; 32]))].map(|one| one.message());
        assert_ne!(
            message[..MESSAGE_TAG.len()],
            acknowledgement[..MESSAGE_TAG.len()]
        );
    }
}
