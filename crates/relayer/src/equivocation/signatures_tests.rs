//! What counts as two answers to one question.

#![allow(clippy::arithmetic_side_effects)]

use super::*;
use llm_oracle_chain::messages;
use llm_oracle_primitives::{limits, Answer};
use scale::Encode;

fn signed(answer: u8, evidence: u8) -> SignedAnswer {
    SignedAnswer {
        answer: [answer; 32],
        confidence: Some(evidence),
        evidence: [evidence; 32],
        signature: [evidence; 64],
    }
}

const SIGNED_FOR: SignedFor = (1, 2);

fn always(_: &SignedAnswer) -> bool {
    true
}

#[test]
fn only_another_answer_at_the_same_place_is_an_equivocation() {
    let mut signatures = Signatures::default();
    assert_eq!(signatures.note(SIGNED_FOR, signed(1, 1), always), None);
    // The same answer again, and with another evidence and signature.
    assert_eq!(signatures.note(SIGNED_FOR, signed(1, 1), always), None);
    assert_eq!(signatures.note(SIGNED_FOR, signed(1, 9), always), None);
    // Another request, operator.
    for place in [(2, 2), (1, 3)] {
        assert_eq!(signatures.note(place, signed(2, 1), always), None);
    }
    let both = signatures.note(SIGNED_FOR, signed(2, 1), always);
    assert_eq!(both, Some((signed(1, 1), signed(2, 1))));
}

/// Signatures of this byte are good.
const GOOD: u8 = 7;

fn is_good(signed: &SignedAnswer) -> bool {
    signed.signature[0] == GOOD
}

#[test]
fn what_is_not_signed_accuses_nobody_and_hides_nothing() {
    let (good, other) = (signed(1, GOOD), signed(2, GOOD));
    for forged in [signed(1, 1), signed(2, 1), signed(3, 1)] {
        let mut signatures = Signatures::default();
        // Before, between and after what is signed.
        assert_eq!(signatures.note(SIGNED_FOR, forged.clone(), is_good), None);
        assert_eq!(signatures.note(SIGNED_FOR, good.clone(), is_good), None);
        assert_eq!(signatures.note(SIGNED_FOR, forged.clone(), is_good), None);
        let both = signatures.note(SIGNED_FOR, other.clone(), is_good);
        assert_eq!(both, Some((good.clone(), other.clone())), "{forged:?}");
        assert_eq!(signatures.note(SIGNED_FOR, forged, is_good), None);
    }
}

#[test]
fn what_is_remembered_is_bounded_and_the_oldest_request_goes_first() {
    let mut signatures = Signatures::default();
    for id in 0..=MOST_SEEN as u64 {
        signatures.note((id, 0), signed(1, 1), always);
    }
    assert_eq!(signatures.seen.len(), MOST_SEEN);
    assert_eq!(signatures.note((0, 0), signed(2, 2), always), None);
    let both = signatures.note((9, 0), signed(2, 2), always);
    assert!(both.is_some());
}

fn reveal(request_id: RequestId) -> RevealEntry {
    RevealEntry {
        request_id,
        slot: 4,
        answer: Answer::Bool(true),
        confidence: 3,
        salt: [5; 32],
        signature: [6; 64],
    }
}

#[test]
fn claims_are_read_from_each_message_that_brings_signed_answers() {
    let claim = |request_id, evidence| Claim {
        request_id,
        slot: 4,
        answer: digest::answer_digest(&Answer::Bool(true)),
        confidence: 3,
        signature: [6; 64],
        evidence,
    };
    let answer = AnswerEntry {
        request_id: 3,
        slot: 4,
        answer: Answer::Bool(true),
        confidence: 3,
        evidence: [8; 32],
        salt: [5; 32],
        signature: [6; 64],
    };
    let stated = Some([8; 32]);
    for (input, found) in [
        (messages::reveal(&reveal(1)).input(), vec![claim(1, None)]),
        (
            messages::reveal_batch(&[reveal(1), reveal(2)]).input(),
            vec![claim(1, None), claim(2, None)],
        ),
        (messages::answer(&answer).input(), vec![claim(3, stated)]),
        (
            messages::answer_batch(std::slice::from_ref(&answer)).input(),
            vec![claim(3, stated)],
        ),
        (messages::advance(1).input(), Vec::new()),
        (&[1, 2][..], Vec::new()),
    ] {
        assert_eq!(claims(input), found);
    }
    // Bytes that are left over make it no call of ours.
    let mut long = messages::reveal(&reveal(1)).input().to_vec();
    0u8.encode_to(&mut long);
    assert!(claims(&long).is_empty());
}

#[test]
fn what_the_contract_refuses_for_its_length_brings_no_claims() {
    let batch = |count: u64| {
        let entries: Vec<RevealEntry> = (0..count).map(reveal).collect();
        messages::reveal_batch(&entries).input().to_vec()
    };
    let most = u64::from(limits::MAX_BATCH_ENTRIES);
    assert_eq!(claims(&batch(most)).len(), 64);
    assert_eq!(claims(&batch(most + 1)), Vec::new());
    assert_eq!(claims(&batch(34_000)), Vec::new());
    let mut long = reveal(1);
    long.answer = Answer::Text(vec![b'a'; limits::MAX_BATCH_BYTES as usize]);
    assert_eq!(claims(messages::reveal(&long).input()), Vec::new());
}
