//! `every_transaction_is_mortal`: reads the era from the signed bytes, not from the settings.
#![allow(clippy::unwrap_used)]

use super::{
    api::ChainApi,
    error::ChainError,
    sign::era_of,
    static_node::{extension, metadata, static_node, usual_extensions},
    types::{TxTerms, Weight},
};
use subxt::utils::Era;
use subxt_signer::sr25519::dev;

#[tokio::test]
async fn every_transaction_is_mortal() {
    for (remembered, period) in [(4096, 4096), (2400, 2048), (256, 256), (1_000_000, 4096)] {
        let chain = static_node(metadata(remembered, &usual_extensions())).await;
        let contract = [5; 32].into();
        let gas = Weight {
            ref_time: 1,
            proof_size: 2,
        };
        let signed = chain
            .sign_call(&dev::alice(), 42, &contract, 0, &[1, 2, 3, 4], gas, Some(0))
            .await
            .unwrap();
        let head = chain.finalized().await.unwrap();
        let at = chain.connection.at(head.hash).await.unwrap();
        let era = era_of(&at, &signed.bytes).await.unwrap();
        assert_eq!(
            era,
            Era::Mortal {
                period,
                phase: 5_000 % period
            }
        );
        assert_eq!(u64::from(signed.valid_until), 5_000 + period - 1);
        assert_eq!(signed.nonce, 42);
        assert_eq!(
            signed.hash,
            llm_oracle_primitives::digest::blake2(&signed.bytes)
        );
    }
}

#[tokio::test]
async fn a_transaction_ends_with_the_deadline_of_what_it_carries() {
    let chain = static_node(metadata(2400, &usual_extensions())).await;
    for (last_block, ends_at) in [(None, 5_063), (Some(9_000), 5_063), (Some(5_021), 5_021)] {
        let terms = TxTerms {
            era_blocks: 64,
            last_block,
            tip: 9,
            ..42.into()
        };
        let (contract, gas) = ([5; 32].into(), Weight::default());
        let signed = chain
            .sign_call_with(&dev::alice(), terms, &contract, 0, &[], gas, Some(0))
            .await
            .unwrap();
        assert_eq!(signed.valid_until, ends_at);
        // What the bytes say, not the settings.
        let at = chain.connection.at(chain.finalized().await.unwrap().hash);
        let era = era_of(&at.await.unwrap(), &signed.bytes).await.unwrap();
        let Era::Mortal { period, phase } = era else {
            panic!("{era:?}");
        };
        assert_eq!((u64::from(ends_at) + 1) % period, phase, "{ends_at}");
    }
}

#[tokio::test]
async fn a_chain_without_eras_gets_nothing_signed() {
    let mut extensions = usual_extensions();
    extensions.retain(|(name, _)| *name != "CheckMortality");
    let chain = static_node(metadata(256, &extensions)).await;
    let gas = Weight::default();
    let signed = chain
        .sign_call(&dev::alice(), 0, &[5; 32].into(), 0, &[], gas, None)
        .await;
    assert!(matches!(signed, Err(ChainError::Immortal)));
}

#[tokio::test]
async fn an_unknown_fee_extension_is_refused_by_name() {
    let mut extensions = usual_extensions();
    extensions.push(("ChargeSomethingElse", extension::<u64, ()>()));
    let chain = static_node(metadata(256, &extensions)).await;
    let gas = Weight::default();
    let error = chain
        .sign_call(&dev::alice(), 0, &[5; 32].into(), 0, &[], gas, None)
        .await;
    let text = error.unwrap_err().to_string();
    assert!(text.contains("ChargeSomethingElse"), "{text}");
}
