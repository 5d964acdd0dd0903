//! Entries of batches: what each operator brings to a commit, a reveal or a one-step answer.

use super::request_facts::RequestFacts;
use crate::{error::RelayerError, operators::Operators};
use llm_oracle_chain::{messages, BatchResults, Call};
use llm_oracle_peers::{Payload, SignedEntry};
use llm_oracle_primitives::{
    digest, limits, AnswerEntry, CommitEntry, DeploymentId, Hash, RequestView, RevealEntry,
    Signature,
};
use llm_oracle_signing::{AnswerToSign, SeatToSign, SignerError};
use llm_oracle_store::{Answered, Job, Purpose, SeatId, Store};
use scale::Encode;

/// Bytes that an entry takes at most, without an open answer.
const ENTRY_BYTES: usize = 220;

/// One operator's part in a batch.
#[derive(Debug, Clone)]
pub(crate) struct OwnSeat {
    /// Position of the operator in this process.
    pub(crate) operator: usize,
    pub(crate) answered: Answered,
    pub(crate) request: RequestFacts,
}

impl OwnSeat {
    /// `None` without a recorded answer, which `decide` rules out.
    pub(crate) fn new(operator: usize, view: &RequestView, job: Option<Job>) -> Option<Self> {
        Some(Self {
            operator,
            answered: job?.answered,
            request: RequestFacts::of(view),
        })
    }

    pub(crate) fn entry(&self) -> SeatId {
        SeatId {
            request_id: self.answered.request_id,
            operator: self.answered.operator,
        }
    }

    /// Bytes that its entry takes in a batch, at most.
    fn size(&self, purpose: Purpose) -> usize {
        let answer = match purpose {
            Purpose::Reveal | Purpose::Answer => self.answered.answer.encoded_size(),
            _ => 0,
        };
        answer.saturating_add(ENTRY_BYTES)
    }
}

/// An entry that a peer has handed over, checked.
#[derive(Debug, Clone)]
pub(crate) struct PeerEntry {
    pub(crate) handed: SignedEntry,
    pub(crate) request: RequestFacts,
}

/// One entry of a batch.
#[derive(Debug, Clone)]
pub(crate) enum BatchEntry {
    /// For one of our operators.
    Own(OwnSeat),
    /// For a peer's.
    Peer(PeerEntry),
}

impl BatchEntry {
    pub(crate) fn entry(&self) -> SeatId {
        match self {
            Self::Own(seat) => seat.entry(),
            Self::Peer(entry) => {
                let key = entry.handed.key();
                SeatId {
                    request_id: key.request_id,
                    operator: key.operator,
                }
            }
        }
    }

    pub(crate) fn own(&self) -> Option<&OwnSeat> {
        match self {
            Self::Own(seat) => Some(seat),
            Self::Peer(_) => None,
        }
    }

    pub(crate) fn request(&self) -> &RequestFacts {
        match self {
            Self::Own(seat) => &seat.request,
            Self::Peer(entry) => &entry.request,
        }
    }

    fn size(&self, purpose: Purpose) -> usize {
        match self {
            Self::Own(seat) => seat.size(purpose),
            Self::Peer(entry) => entry.handed.encoded_size(),
        }
    }

    fn commit(&self) -> Option<&CommitEntry> {
        match self {
            Self::Peer(PeerEntry {
                handed:
                    SignedEntry {
                        payload: Payload::Commit(entry),
                        ..
                    },
                ..
            }) => Some(entry),
            _ => None,
        }
    }

    fn reveal(&self) -> Option<&RevealEntry> {
        match self {
            Self::Peer(PeerEntry {
                handed:
                    SignedEntry {
                        payload: Payload::Reveal(entry),
                        ..
                    },
                ..
            }) => Some(entry),
            _ => None,
        }
    }
}

/// Splits seats into batches that fit the contract's buffer, in their order.
pub(crate) fn split(purpose: Purpose, seats: Vec<BatchEntry>) -> Vec<Vec<BatchEntry>> {
    let (most, room) = (
        limits::MAX_BATCH_ENTRIES as usize,
        limits::MAX_BATCH_BYTES as usize,
    );
    let (mut batches, mut batch, mut used) = (Vec::new(), Vec::new(), 0usize);
    for seat in seats {
        let size = seat.size(purpose);
        if batch.len() >= most || used.saturating_add(size) > room {
            batches.push(std::mem::take(&mut batch));
            used = 0;
        }
        used = used.saturating_add(size);
        batch.push(seat);
    }
    batches.push(batch);
    batches.retain(|batch| !batch.is_empty());
    batches
}

/// Makes and signs what operators bring to batches.
pub(crate) struct SeatSigner<'a> {
    pub(crate) operators: &'a Operators,
    pub(crate) store: &'a Store,
    pub(crate) deployment: DeploymentId,
}

impl SeatSigner<'_> {
    pub(crate) fn call(
        &self,
        purpose: Purpose,
        parts: &[BatchEntry],
        sender: usize,
    ) -> Result<Call<BatchResults>, RelayerError> {
        let own = parts.iter().filter_map(BatchEntry::own);
        Ok(match purpose {
            Purpose::Reveal => {
                let mut entries = Vec::with_capacity(parts.len());
                for part in parts {
                    entries.extend(part.reveal().cloned());
                    if let Some(seat) = part.own() {
                        entries.push(self.reveal_entry(seat)?);
                    }
                }
                messages::reveal_batch(&entries)
            }
            Purpose::Answer => {
                let entries: Result<Vec<_>, _> = own.map(|seat| self.answer_entry(seat)).collect();
                messages::answer_batch(&entries?)
            }
            _ => {
                let mut entries = Vec::with_capacity(parts.len());
                for part in parts {
                    entries.extend(part.commit().cloned());
                    if let Some(seat) = part.own() {
                        entries.push(self.commit_entry(seat, Some(sender))?);
                    }
                }
                messages::commit_batch(&entries)
            }
        })
    }

    fn context(&self, seat: &OwnSeat) -> digest::Context {
        let answered = &seat.answered;
        let Answered {
            request_id,
            terms_digest,
            operator,
            ..
        } = *answered;
        self.deployment.context(request_id, terms_digest, operator)
    }

    /// With a permission for any transmitter, unless the operator itself sends it.
    pub(crate) fn commit_entry(
        &self,
        seat: &OwnSeat,
        sender: Option<usize>,
    ) -> Result<CommitEntry, RelayerError> {
        let Answered {
            request_id,
            commitment,
            evidence,
            ..
        } = seat.answered;
        let operator = &self.operators[seat.operator];
        // Who sends its own commit needs no permission from itself.
        let signature = (sender != Some(seat.operator)).then(|| {
            let valid_until = seat.request.commit_deadline;
            let signed = operator.key.sign_seat(&SeatToSign {
                context: self.context(seat),
                commitment,
                evidence,
                valid_until,
            });
            let signed = signed.map_err(|error| unsigned(seat, error));
            signed.map(|signature| (valid_until, signature))
        });
        Ok(CommitEntry {
            request_id,
            slot: operator.slot,
            commitment,
            evidence,
            signature: signature.transpose()?,
        })
    }

    /// The seat's answer with the salt that opens it, and the operator's signature over both.
    fn opened(
        &self,
        seat: &OwnSeat,
        salt: Hash,
    ) -> Result<(AnswerToSign, Signature), RelayerError> {
        let opened = AnswerToSign {
            context: self.context(seat),
            answer: seat.answered.answer.clone(),
            confidence: seat.answered.confidence,
            evidence: seat.answered.evidence,
            salt,
        };
        let signed = self.operators[seat.operator].key.sign_answer(&opened);
        let signature = signed.map_err(|error| unsigned(seat, error))?;
        Ok((opened, signature))
    }

    pub(crate) fn reveal_entry(&self, seat: &OwnSeat) -> Result<RevealEntry, RelayerError> {
        let secret = self.store.secrets().get(seat.answered.salt_secret);
        let secret = secret.map_err(|error| RelayerError::Unopened {
            entry: seat.entry(),
            error,
        })?;
        let salt = digest::salt(secret, &self.context(seat));
        let (opened, signature) = self.opened(seat, salt)?;
        Ok(RevealEntry {
            request_id: seat.answered.request_id,
            slot: self.operators[seat.operator].slot,
            answer: opened.answer,
            // The contract does not look at it where it was not committed to.
            confidence: opened.confidence.unwrap_or_default(),
            salt: opened.salt,
            signature,
        })
    }

    fn answer_entry(&self, seat: &OwnSeat) -> Result<AnswerEntry, RelayerError> {
        let (opened, signature) = self.opened(seat, digest::ONE_STEP_SALT)?;
        Ok(AnswerEntry {
            request_id: seat.answered.request_id,
            slot: self.operators[seat.operator].slot,
            answer: opened.answer,
            confidence: opened.confidence.unwrap_or_default(),
            evidence: opened.evidence,
            salt: opened.salt,
            signature,
        })
    }
}

fn unsigned(seat: &OwnSeat, error: SignerError) -> RelayerError {
    RelayerError::Unsigned {
        entry: seat.entry(),
        error,
    }
}

#[cfg(test)]
pub(super) fn sample(request_id: u64) -> BatchEntry {
    BatchEntry::Own(tests::seat(
        request_id,
        llm_oracle_primitives::Answer::Bool(true),
    ))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use llm_oracle_primitives::Answer;

    pub(super) fn seat(request_id: u64, answer: Answer) -> OwnSeat {
        OwnSeat {
            operator: 0,
            answered: Answered {
                request_id,
                operator: [1; 32],
                terms_digest: [2; 32],
                answer,
                confidence: Some(50),
                document: Vec::new(),
                evidence: [3; 32],
                salt_secret: 1,
                commitment: [4; 32],
                model: String::new(),
                model_ms: 0,
                seen_at_ms: 0,
            },
            request: RequestFacts::sample(),
        }
    }

    fn sizes(purpose: Purpose, answer: &Answer, count: u64) -> Vec<usize> {
        let seats = (0..count).map(|id| BatchEntry::Own(seat(id, answer.clone())));
        let seats = seats.collect();
        split(purpose, seats).iter().map(Vec::len).collect()
    }

    #[test]
    fn batches_fit_the_contracts_buffer() {
        let (closed, open) = (Answer::Bool(true), Answer::Text(vec![b'x'; 2_048]));
        assert_eq!(sizes(Purpose::Commit, &closed, 70), [64, 6]);
        // The answer is not part of a commit.
        assert_eq!(sizes(Purpose::Commit, &open, 70), [64, 6]);
        assert_eq!(sizes(Purpose::Reveal, &closed, 65), [64, 1]);
        assert_eq!(sizes(Purpose::Reveal, &open, 8), [6, 2]);
        assert_eq!(sizes(Purpose::Answer, &open, 1), [1]);
        assert!(sizes(Purpose::Reveal, &open, 0).is_empty());
    }

    #[test]
    fn an_entry_is_never_larger_than_computed() {
        for answer in [Answer::Number(i128::MIN), Answer::Text(vec![b'x'; 2_048])] {
            let entry = AnswerEntry {
                request_id: 1,
                slot: 2,
                answer: answer.clone(),
                confidence: 3,
                evidence: [4; 32],
                salt: [5; 32],
                signature: [6; 64],
            };
            assert!(entry.encoded_size() <= seat(1, answer).size(Purpose::Answer));
        }
        let entry = CommitEntry {
            request_id: 1,
            slot: 2,
            commitment: [4; 32],
            evidence: [5; 32],
            signature: Some((6, [7; 64])),
        };
        assert!(entry.encoded_size() <= ENTRY_BYTES);
        let handed = SignedEntry {
            operator: [1; 32],
            payload: Payload::Commit(entry.clone()),
        };
        let part = BatchEntry::Peer(PeerEntry {
            handed,
            request: RequestFacts::sample(),
        });
        assert!(entry.encoded_size() <= part.size(Purpose::Commit));
    }
}
