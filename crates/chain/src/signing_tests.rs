//! What a signer process reads is what this module sends.
#![allow(clippy::unwrap_used)]

use super::{
    api::ChainApi,
    call::oracle as messages,
    error::ChainError,
    static_node::{extension, metadata, static_node, usual_extensions},
    types::{TxTerms, Weight},
};
use llm_oracle_primitives::{AccountId, CommitEntry, Signature};
use llm_oracle_signer::{SigningDaemon, SigningDaemonConfig};
use llm_oracle_signing::{
    account_of, signed_part, verifies,
    wire::{SignRequest, SignResponse},
    AnswerToSign, CallToSign, KeySource, PeerMessageToSign, RegistrationToSign, SeatToSign, Signer,
    SignerError,
};
use llm_oracle_support::address::hex0x;
use std::sync::Mutex;
use subxt_signer::sr25519::dev;

/// A signer process without the process.
struct Direct {
    guard: SigningDaemon,
    seen: Mutex<Option<Vec<u8>>>,
}

fn none<T>() -> Result<T, SignerError> {
    let name = String::new();
    let reason = String::new();
    Err(SignerError::Refused { name, reason })
}

impl Signer for Direct {
    fn account(&self) -> AccountId {
        account_of(&dev::alice())
    }

    fn sign_seat(&self, _: &SeatToSign) -> Result<Signature, SignerError> {
        none()
    }

    fn sign_answer(&self, _: &AnswerToSign) -> Result<Signature, SignerError> {
        none()
    }

    fn sign_registration(&self, _: &RegistrationToSign) -> Result<Signature, SignerError> {
        none()
    }

    fn sign_peer_message(&self, _: &PeerMessageToSign) -> Result<Signature, SignerError> {
        none()
    }

    fn sign_call(&self, call: &CallToSign<'_>) -> Result<Signature, SignerError> {
        let Some(whole) = call.payload else {
            return none();
        };
        assert_eq!(signed_part(whole), call.signed);
        *self.seen.lock().unwrap() = Some(whole.to_vec());
        let ask = SignRequest::Call {
            account: self.account(),
            payload: whole.to_vec(),
        };
        match self.guard.handle(&ask) {
            SignResponse::Signed(signature) => Ok(signature),
            SignResponse::Refused { name, reason } => Err(SignerError::Refused { name, reason }),
            SignResponse::Accounts(_) => none(),
        }
    }
}

fn direct(folder: &std::path::Path, contracts_call: [u8; 2]) -> Direct {
    let guard = SigningDaemon::open(&SigningDaemonConfig {
        socket: folder.join("socket"),
        store: folder.join("store"),
        contract: hex0x(&[5; 32]),
        domain: hex0x(&[3; 32]),
        contracts_call: contracts_call.into(),
        max_deposit: 0,
        max_tip: 7,
        operators: vec![KeySource {
            suri: Some("//Alice".into()),
            ..KeySource::default()
        }],
    });
    Direct {
        guard: guard.unwrap(),
        seen: Mutex::default(),
    }
}

#[tokio::test]
async fn what_a_signer_process_reads_is_what_is_sent() {
    let chain = static_node(metadata(256, &usual_extensions())).await;
    let folder = tempfile::tempdir().unwrap();
    let signer = direct(folder.path(), chain.contracts_call().await.unwrap());
    let contract = [5; 32].into();
    let entry = |request_id, commitment| CommitEntry {
        request_id,
        slot: 1,
        commitment,
        evidence: [6; 32],
        signature: None,
    };
    // Payloads that are signed as they are, and by their digest.
    let short = messages::advance(7).input().to_vec();
    let entries: Vec<_> = (0..64).map(|id| entry(id, [7; 32])).collect();
    let long = messages::commit_batch(&entries).input().to_vec();
    let gas = Weight {
        ref_time: u64::MAX,
        proof_size: 2,
    };
    for (nonce, input) in [(0, &short), (u64::from(u32::MAX), &long)] {
        let tx = chain
            .sign_call(&signer, nonce, &contract, 0, input, gas, Some(0))
            .await
            .unwrap();
        let payload = signer.seen.lock().unwrap().clone().unwrap();
        let signature = tx.bytes.windows(64).find(|part| {
            let signature: &[u8; 64] = (*part).try_into().unwrap();
            verifies(signature, &signed_part(&payload), &signer.account())
        });
        assert!(signature.is_some(), "the transaction carries its signature");
    }
    // What may replace a transaction: its nonce and its entries again, with a tip and another end.
    for (tip, good) in [(7, true), (8, false)] {
        let terms = TxTerms {
            tip,
            era_blocks: 64,
            last_block: Some(5_020),
            ..u64::from(u32::MAX).into()
        };
        let signed = chain.sign_call_with(&signer, terms, &contract, 0, &long, gas, Some(0));
        match signed.await {
            Ok(tx) => assert!(good && tx.valid_until == 5_020, "{tip}"),
            Err(error) => assert!(!good, "{tip}: {error}"),
        }
    }
    let other = messages::commit_batch(&[entry(3, [8; 32])])
        .input()
        .to_vec();
    for (to, value, input, deposit, name) in [
        (contract, 0, &other, Some(0), "conflicting_commitment"),
        (contract, 1, &short, Some(0), "value"),
        (contract, 0, &short, None, "deposit"),
        ([4; 32].into(), 0, &short, Some(0), "other_contract"),
    ] {
        let refused = chain
            .sign_call(&signer, 1, &to, value, input, gas, deposit)
            .await;
        let found = match refused {
            Err(ChainError::Signer(SignerError::Refused { name, .. })) => name,
            other => panic!("{other:?}"),
        };
        assert_eq!(found, name);
    }
}

#[tokio::test]
async fn a_tip_between_extensions_of_another_order_is_refused() {
    let mut extensions = usual_extensions();
    extensions.insert(3, ("CheckMetadataHash", extension::<u8, ()>()));
    let chain = static_node(metadata(256, &extensions)).await;
    let folder = tempfile::tempdir().unwrap();
    let signer = direct(folder.path(), chain.contracts_call().await.unwrap());
    let input = messages::advance(7).input().to_vec();
    let gas = Weight::default();
    let contract = [5; 32].into();
    let signed = chain
        .sign_call(&signer, 0, &contract, 0, &input, gas, Some(0))
        .await;
    assert!(matches!(signed, Err(ChainError::Signer(_))), "{signed:?}");
}
