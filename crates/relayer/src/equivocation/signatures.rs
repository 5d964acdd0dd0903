//! What operators have signed, and whether it contradicts itself. No I/O.

use llm_oracle_primitives::{
    digest, AnswerEntry, Hash, RequestId, RequestView, RevealEntry, SeatAnswer, Signature,
    SignedAnswer, Slot,
};
use llm_oracle_support::selector;
use scale::DecodeAll;
use std::collections::BTreeMap;

/// Signed answers that are remembered; those to the oldest requests go first.
const MOST_SEEN: usize = 4_096;
/// Request and operator's slot: with the deployment these are the context of a signature.
pub(super) type SignedFor = (RequestId, Slot);

/// What has been signed so far.
#[derive(Default)]
pub(super) struct Signatures {
    seen: BTreeMap<SignedFor, SignedAnswer>,
}

impl Signatures {
    /// Notes an answer. Returns both, if another one was noted before and both are signed. Only what differs
    /// from what was noted has its signature looked at, and hardly ever does anything.
    pub(super) fn note(
        &mut self,
        place: SignedFor,
        signed: SignedAnswer,
        is_signed: impl Fn(&SignedAnswer) -> bool,
    ) -> Option<(SignedAnswer, SignedAnswer)> {
        let known = self.seen.get(&place);
        match known {
            Some(known) if *known == signed || !is_signed(&signed) => None,
            Some(known) if is_signed(known) => {
                (known.answer != signed.answer).then(|| (known.clone(), signed))
            }
            // Nothing was noted, or what anybody can put into a call.
            _ => {
                self.seen.insert(place, signed);
                if self.seen.len() > MOST_SEEN {
                    self.seen.pop_first();
                }
                None
            }
        }
    }
}

/// An answer that a call brought, with a signature that may be anything.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(super) request_id: RequestId,
    pub(super) slot: Slot,
    pub(super) answer: Hash,
    pub(super) confidence: u8,
    pub(super) signature: Signature,
    /// Its evidence; a reveal leaves it to its seat.
    pub(super) evidence: Option<Hash>,
}

impl From<RevealEntry> for Claim {
    fn from(entry: RevealEntry) -> Self {
        Self {
            request_id: entry.request_id,
            slot: entry.slot,
            answer: digest::answer_digest(&entry.answer),
            confidence: entry.confidence,
            signature: entry.signature,
            evidence: None,
        }
    }
}

impl From<AnswerEntry> for Claim {
    fn from(entry: AnswerEntry) -> Self {
        Self {
            request_id: entry.request_id,
            slot: entry.slot,
            answer: digest::answer_digest(&entry.answer),
            confidence: entry.confidence,
            signature: entry.signature,
            evidence: Some(entry.evidence),
        }
    }
}

/// The claims in the input of a call.
pub(crate) fn claims(input: &[u8]) -> Vec<Claim> {
    fn all<T: DecodeAll + Into<Claim>>(entries: Vec<T>) -> Vec<Claim> {
        entries.into_iter().map(Into::into).collect()
    }
    let Some((name, mut args)) = input.split_at_checked(4) else {
        return Vec::new();
    };
    let is = |message: &str| selector(message) == name;
    let read = if is("reveal") {
        RevealEntry::decode_all(&mut args).map(|entry| all(vec![entry]))
    } else if is("reveal_batch") {
        Vec::<RevealEntry>::decode_all(&mut args).map(all)
    } else if is("answer") {
        AnswerEntry::decode_all(&mut args).map(|entry| all(vec![entry]))
    } else if is("answer_batch") {
        Vec::<AnswerEntry>::decode_all(&mut args).map(all)
    } else {
        return Vec::new();
    };
    // What does not decode was refused before anybody looked at a signature.
    read.unwrap_or_default()
}

/// The answer of a seat as its operator signed it, once the contract has taken it.
pub(super) fn taken(view: &RequestView, slot: Slot) -> Option<SignedAnswer> {
    let seat = view.seats.iter().find(|seat| seat.slot == slot)?;
    let answer = match seat.answer.as_ref()? {
        SeatAnswer::Whole(answer) => digest::answer_digest(answer),
        SeatAnswer::Digest(digest) => *digest,
    };
    Some(SignedAnswer {
        answer,
        confidence: view.signed_confidence(seat.confidence?),
        evidence: seat.evidence,
        signature: seat.signature?,
    })
}

#[cfg(test)]
#[path = "signatures_tests.rs"]
mod tests;
