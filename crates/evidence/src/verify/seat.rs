//! One seat: its commitment, its signature, its evidence.

use super::{document, Findings, OnChainRequest, SeatFinding};
use llm_oracle_primitives::{digest, Answer, Hash, SeatAnswer, SeatView};
use llm_oracle_signing::verifies;
use llm_oracle_support::address::hex0x;

/// Checks a seat against the chain and its evidence document. A seat that passes is
/// [`SeatFinding::Consistent`]; only asking the model again can make it `Reproduced`. Without a document
/// what the chain has is checked, and the seat is `NotChecked`.
pub fn check_seat(
    subject: &OnChainRequest,
    seat: &SeatView,
    document: Option<&[u8]>,
) -> (SeatFinding, Findings) {
    let mut found = Findings::default();
    let revealed = (&seat.answer, seat.salt, seat.signature, seat.confidence);
    let (Some(stated), Some(salt), Some(signature), Some(_)) = revealed else {
        if revealed != (&None, None, None, None) {
            found.wrong("it is opened in part only");
            return (SeatFinding::Wrong, found);
        }
        found.note("its answer was not revealed");
        return (SeatFinding::Unrevealed, found);
    };
    let context = subject.context(seat.operator);
    let confidence = subject.signed_confidence(seat);
    let stated = digest_of(stated);
    let message = digest::answer_message_of(&context, &stated, confidence, &seat.evidence);
    if !verifies(&signature, &message, &seat.operator) {
        found.wrong("the operator's signature does not stand under its answer");
    }
    let bound =
        |answer: &Answer| digest::commitment(&context, answer, confidence, &seat.evidence, &salt);
    let Some(document) = document else {
        // The chain has the whole answer of most forms: its commitment needs no evidence.
        if let Some(SeatAnswer::Whole(answer)) = &seat.answer {
            same_commitment(seat, bound(answer), &mut found);
        }
        found.note(format!(
            "not checked: no evidence with the digest {} was found; give --evidence or --from",
            hex0x(&seat.evidence)
        ));
        return match found.wrong.is_empty() {
            true => (SeatFinding::NotChecked, found),
            false => (SeatFinding::Wrong, found),
        };
    };
    let digest = digest::evidence(&salt, document);
    found.same(
        "the digest of its evidence",
        hex0x(&digest),
        hex0x(&seat.evidence),
    );
    let answer = document::check(subject, &context, confidence, document, &mut found)
        .filter(|answer| digest::answer_digest(answer) == stated);
    match answer {
        Some(answer) => same_commitment(seat, bound(&answer), &mut found),
        None => found.wrong("its evidence does not hold the answer that it revealed"),
    }
    let verdict = if found.wrong.is_empty() {
        SeatFinding::Consistent
    } else {
        SeatFinding::Wrong
    };
    (verdict, found)
}

fn same_commitment(seat: &SeatView, bound: Hash, found: &mut Findings) {
    found.same("its commitment", hex0x(&seat.commitment), hex0x(&bound));
}

fn digest_of(answer: &SeatAnswer) -> Hash {
    match answer {
        SeatAnswer::Whole(answer) => digest::answer_digest(answer),
        SeatAnswer::Digest(digest) => *digest,
    }
}
