//! What operators have signed, and whether it contradicts itself. No I/O.

use llm_oracle_primitives::{
    digest,
    limits::{MAX_BATCH_BYTES, MAX_BATCH_ENTRIES},
    AnswerEntry, Hash, RequestId, RequestView, RevealEntry, SeatAnswer, Signature, SignedAnswer,
    Slot,
};
use llm_oracle_support::selector;
use scale::{Compact, Decode, DecodeAll};
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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

/// The claims in the input of a call. What the contract refuses for its length has none: it was refused
/// before anybody looked at a signature, and strangers write such inputs for next to nothing.
pub(crate) fn claims(input: &[u8]) -> Vec<Claim> {
    let Some((name, args)) = input.split_at_checked(4) else {
        return Vec::new();
    };
    if args.len() > MAX_BATCH_BYTES as usize {
        return Vec::new();
    }
    let is = |message: &str| selector(message) == name;
    if is("reveal") {
        one::<RevealEntry>(args)
    } else if is("reveal_batch") {
        batch::<RevealEntry>(args)
    } else if is("answer") {
        one::<AnswerEntry>(args)
    } else if is("answer_batch") {
        batch::<AnswerEntry>(args)
    } else {
        Vec::new()
    }
}

/// What does not decode was refused as well.
fn one<T: DecodeAll + Into<Claim>>(mut args: &[u8]) -> Vec<Claim> {
    let entry = T::decode_all(&mut args);
    entry.into_iter().map(Into::into).collect()
}

fn batch<T: Decode + Into<Claim>>(mut args: &[u8]) -> Vec<Claim> {
    let count = Compact::<u32>::decode(&mut &*args).map_or(0, |count| count.0);
    if count > MAX_BATCH_ENTRIES {
        return Vec::new();
    }
    let entries = Vec::<T>::decode_all(&mut args);
    let entries = entries.unwrap_or_default().into_iter();
    entries.map(Into::into).collect()
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
