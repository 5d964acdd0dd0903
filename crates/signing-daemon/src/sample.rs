//! Settings, keys and messages for tests.
#![allow(clippy::unwrap_used)]

use crate::{config::SigningDaemonConfig, daemon::SigningDaemon};
use llm_oracle_chain::messages;
use llm_oracle_primitives::{digest::Context, Answer, CommitEntry, DeploymentId, Hash};
use llm_oracle_signing::{
    wire::{SignRequest, SignResponse},
    AnswerToSign, KeySource, Keypair, PeerMessageHeader, PeerMessageToSign, RegistrationToSign,
    SeatToSign, Signer as _,
};
use llm_oracle_support::address::hex0x;
use scale::{Compact, Encode};
use std::path::Path;
use tempfile::TempDir;

pub(crate) const CONTRACT: [u8; 32] = [2; 32];
pub(crate) const DOMAIN: Hash = [3; 32];
pub(crate) const CONTRACTS_CALL: [u8; 2] = [7, 6];

pub(crate) fn config(folder: &Path) -> SigningDaemonConfig {
    let key = |suri: &str| KeySource {
        suri: Some(suri.to_owned()),
        ..KeySource::default()
    };
    SigningDaemonConfig {
        socket: folder.join("run/signer.sock"),
        store: folder.join("store"),
        contract: hex0x(&CONTRACT),
        domain: hex0x(&DOMAIN),
        contracts_call: CONTRACTS_CALL.into(),
        max_deposit: 5,
        max_tip: 3,
        operators: vec![key("//Alice"), key("//Bob")],
    }
}

pub(crate) fn open() -> (TempDir, SigningDaemon) {
    let folder = tempfile::tempdir().unwrap();
    let daemon = SigningDaemon::open(&config(folder.path())).unwrap();
    (folder, daemon)
}

pub(crate) fn key(suri: &str) -> Keypair {
    llm_oracle_signing::load_key(&KeySource {
        suri: Some(suri.to_owned()),
        ..KeySource::default()
    })
    .unwrap()
}

pub(crate) fn context(request_id: u64) -> Context {
    Context {
        domain: DOMAIN,
        contract: CONTRACT.into(),
        request_id,
        terms_digest: [4; 32],
        round: 0,
        phase: 0,
        operator: key("//Alice").account(),
        model: 0,
    }
}

pub(crate) fn answer(request_id: u64, answer: Answer) -> AnswerToSign {
    AnswerToSign {
        context: context(request_id),
        answer,
        confidence: Some(70),
        evidence: [5; 32],
        salt: [6; 32],
    }
}

pub(crate) fn registration() -> RegistrationToSign {
    RegistrationToSign {
        domain: DOMAIN,
        contract: CONTRACT.into(),
        operator: key("//Alice").account(),
        owner: [8; 32].into(),
        family: b"llama".to_vec(),
    }
}

pub(crate) fn seat_of(answer: &AnswerToSign) -> SeatToSign {
    SeatToSign {
        context: answer.context,
        commitment: answer.commitment(),
        evidence: answer.evidence,
        valid_until: 9,
    }
}

pub(crate) fn refused(response: SignResponse) -> String {
    match response {
        SignResponse::Refused { name, .. } => name,
        SignResponse::Signed(_) => "signed".to_owned(),
        SignResponse::Accounts(_) => "accounts".to_owned(),
    }
}

/// The payload of a call with these inner parts, encoded by hand.
pub(crate) struct Parts {
    pub(crate) indices: [u8; 2],
    pub(crate) dest: Vec<u8>,
    pub(crate) value: u128,
    pub(crate) deposit: Option<u128>,
    pub(crate) input: Vec<u8>,
    pub(crate) era: Vec<u8>,
    pub(crate) tip: u128,
    pub(crate) implicit: usize,
}

impl Parts {
    pub(crate) fn new(input: &[u8]) -> Self {
        Self {
            indices: CONTRACTS_CALL,
            dest: [&[0][..], &CONTRACT].concat(),
            value: 0,
            deposit: Some(0),
            input: input.to_vec(),
            era: vec![0xfb, 0x01],
            tip: 0,
            implicit: 72,
        }
    }

    pub(crate) fn payload(&self) -> Vec<u8> {
        [
            self.indices.to_vec(),
            self.dest.clone(),
            Compact(self.value).encode(),
            (Compact(1_000_000_u64), Compact(2_000_u64)).encode(),
            self.deposit.map(Compact).encode(),
            self.input.encode(),
            self.era.clone(),
            Compact(42_u64).encode(),
            Compact(self.tip).encode(),
            vec![8; self.implicit],
        ]
        .concat()
    }

    pub(crate) fn request(&self) -> SignRequest {
        SignRequest::Call {
            account: key("//Alice").account(),
            payload: self.payload(),
        }
    }
}

pub(crate) fn commit(request_id: u64, commitment: Hash) -> Vec<u8> {
    let entry = CommitEntry {
        request_id,
        slot: 1,
        commitment,
        evidence: [5; 32],
        signature: None,
    };
    messages::commit_batch(&[entry]).input().to_vec()
}

pub(crate) fn peer_message(acknowledged_digest: Option<Hash>) -> PeerMessageToSign {
    let id = |suri: &str| key(suri).public_key().0;
    PeerMessageToSign {
        deployment: DeploymentId {
            domain: DOMAIN,
            contract: CONTRACT,
        },
        header: PeerMessageHeader {
            sender: id("//Alice"),
            receiver: id("//Charlie"),
            nonce: [7; 16],
            block: 9,
        },
        entries_digest: [8; 32],
        acknowledged_digest,
    }
}
