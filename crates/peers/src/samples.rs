//! Samples for the tests of this module.
#![allow(clippy::unwrap_used)]

use super::*;
use llm_oracle_fixtures::request as fixtures;
use llm_oracle_primitives::{
    digest::{self, Context},
    Answer, CommitEntry, Phase, RevealEntry, SeatState, SeatView,
};
use llm_oracle_signing::{account_of, Keypair};
use std::str::FromStr;

pub(super) const DEPLOYMENT: DeploymentId = DeploymentId {
    domain: [0xd0; 32],
    contract: [0xc0; 32],
};

/// Slot of everybody who commits.
pub(super) const SLOT: Slot = 1;

const TERMS: Hash = [0x7e; 32];
const EVIDENCE: Hash = [0xe5; 32];
const SALT: Hash = [0x5a; 32];
const ANSWER: Answer = Answer::Bool(true);
const CONFIDENCE: Option<u8> = Some(80);

/// Key of operator number `n`.
pub(super) fn key(n: u8) -> Keypair {
    let uri = subxt_signer::SecretUri::from_str(&format!("//peer{n}")).unwrap();
    Keypair::from_uri(&uri).unwrap()
}

pub(super) fn id(n: u8) -> OperatorId {
    *account_of(&key(n)).as_ref()
}

pub(super) fn own(n: u8) -> (OperatorId, Arc<dyn Signer>) {
    (id(n), Arc::new(key(n)))
}

fn context(request_id: RequestId, operator: OperatorId) -> Context {
    DEPLOYMENT.context(request_id, TERMS, operator)
}

/// A good commit of operator `n`, valid until block 100.
pub(super) fn commit(request_id: RequestId, n: u8) -> SignedEntry {
    let context = context(request_id, id(n));
    let commitment = digest::commitment(&context, &ANSWER, CONFIDENCE, &EVIDENCE, &SALT);
    let message = digest::seat_message(&context, &commitment, &EVIDENCE, 100);
    let payload = Payload::Commit(CommitEntry {
        request_id,
        slot: SLOT,
        commitment,
        evidence: EVIDENCE,
        signature: Some((100, key(n).sign(&message).0)),
    });
    SignedEntry {
        operator: id(n),
        payload,
    }
}

/// A good reveal of operator `n`.
pub(super) fn reveal(request_id: RequestId, n: u8) -> SignedEntry {
    let message =
        digest::answer_message(&context(request_id, id(n)), &ANSWER, CONFIDENCE, &EVIDENCE);
    let payload = Payload::Reveal(RevealEntry {
        request_id,
        slot: SLOT,
        answer: ANSWER,
        confidence: 80,
        salt: SALT,
        signature: key(n).sign(&message).0,
    });
    SignedEntry {
        operator: id(n),
        payload,
    }
}

/// A request of three seats, of which these are accepted.
pub(super) fn view(request_id: RequestId, phase: Phase, seats: &[OperatorId]) -> RequestView {
    let seats = seats.iter().map(|id| seat(request_id, *id)).collect();
    RequestView {
        terms_digest: TERMS,
        ..fixtures::view(request_id, phase, seats)
    }
}

fn seat(request_id: RequestId, operator: OperatorId) -> SeatView {
    let context = context(request_id, operator);
    SeatView {
        operator: operator.into(),
        slot: SLOT,
        state: SeatState::Committed,
        family: [0; 4],
        commitment: digest::commitment(&context, &ANSWER, CONFIDENCE, &EVIDENCE, &SALT),
        evidence: EVIDENCE,
        answer: None,
        confidence: None,
        signature: None,
        salt: None,
        paid: 0,
        forfeited: 0,
    }
}

/// A message between two operators.
pub(super) fn message(from: u8, to: u8, block: u32, entries: &[SignedEntry]) -> PeerMessage {
    let sides = (id(from), id(to));
    let signed = PeerMessage::sign(&DEPLOYMENT, sides, block, entries, &key(from));
    signed.unwrap()
}

/// Operator 1 is here; 2 and 3 are one peer, 4 another one.
pub(super) fn directory() -> PeerDirectory {
    let peer = |port: u16, operators: &[u8]| Peer {
        url: format!("http://127.0.0.1:{port}/entries").parse().unwrap(),
        operators: operators.iter().map(|n| id(*n)).collect(),
    };
    PeerDirectory {
        own: vec![id(1)],
        peers: vec![peer(1, &[2, 3]), peer(2, &[4])],
    }
}
