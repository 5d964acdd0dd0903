//! `every_transaction_is_mortal`: reads the era out of the signed bytes, not out of the settings.
//!
//! The chain here is a few JSON answers and a metadata with one call, made by hand: small enough to
//! read, and no metadata file to keep.
#![allow(clippy::unwrap_used, dead_code)]

use super::{client::Chain, error::ChainError, exec::Weight, tx::era_of};
use scale::{Compact, Encode};
use scale_info::TypeInfo;
use std::sync::Arc;
use subxt::{
    ext::frame_metadata::{v14, RuntimeMetadataPrefixed},
    rpcs::{
        client::{RawRpcFuture, RawRpcSubscription, RawValue, RpcClientT},
        Error as RpcError, UserError,
    },
    utils::{AccountId32, Era, MultiAddress, MultiSignature},
};
use subxt_signer::sr25519::dev;

#[derive(TypeInfo)]
struct Gas {
    ref_time: u64,
    proof_size: u64,
}

#[derive(TypeInfo)]
#[allow(non_camel_case_types)]
enum ContractsCall {
    call {
        dest: MultiAddress<AccountId32, ()>,
        value: Compact<u128>,
        gas_limit: Gas,
        storage_deposit_limit: Option<Compact<u128>>,
        data: Vec<u8>,
    },
}

#[derive(TypeInfo)]
enum RuntimeCall {
    Contracts(ContractsCall),
}

#[derive(TypeInfo)]
enum RuntimeEvent {
    Nothing,
}

#[derive(TypeInfo)]
struct UncheckedExtrinsic<Address, Call, Signature, Extra>(Address, Call, Signature, Extra);

type Extrinsic = UncheckedExtrinsic<MultiAddress<AccountId32, ()>, RuntimeCall, MultiSignature, ()>;

/// The era as runtimes describe it: one variant for each first byte.
struct EraInfo;

impl TypeInfo for EraInfo {
    type Identity = Self;

    fn type_info() -> scale_info::Type {
        let mut variants = scale_info::build::Variants::new().variant("Immortal", |v| v.index(0));
        for index in 1..=255u8 {
            // Names of types are static; a test may leak a few.
            let name: &'static str = Box::leak(format!("Mortal{index}").into_boxed_str());
            let byte = || scale_info::build::Fields::unnamed().field(|field| field.ty::<u8>());
            variants = variants.variant(name, |v| v.index(index).fields(byte()));
        }
        let path = scale_info::Path::new("Era", "sp_runtime::generic::era");
        scale_info::Type::builder().path(path).variant(variants)
    }
}

fn metadata(remembered_blocks: u32, extensions: &[(&'static str, ExtensionTypes)]) -> Vec<u8> {
    let system = v14::PalletMetadata {
        name: "System",
        storage: None,
        calls: None,
        event: Some(v14::PalletEventMetadata {
            ty: scale_info::meta_type::<RuntimeEvent>(),
        }),
        constants: vec![v14::PalletConstantMetadata {
            name: "BlockHashCount",
            ty: scale_info::meta_type::<u32>(),
            value: remembered_blocks.encode(),
            docs: vec![],
        }],
        error: None,
        index: 1,
    };
    let contracts = v14::PalletMetadata {
        name: "Contracts",
        calls: Some(v14::PalletCallMetadata {
            ty: scale_info::meta_type::<ContractsCall>(),
        }),
        event: None,
        constants: vec![],
        index: 0,
        ..system.clone()
    };
    let signed_extensions = extensions
        .iter()
        .map(|(identifier, types)| v14::SignedExtensionMetadata {
            identifier: *identifier,
            ty: types.extra,
            additional_signed: types.implicit,
        })
        .collect();
    let extrinsic = v14::ExtrinsicMetadata {
        ty: scale_info::meta_type::<Extrinsic>(),
        version: 4,
        signed_extensions,
    };
    let whole = v14::RuntimeMetadataV14::new(
        vec![contracts, system],
        extrinsic,
        scale_info::meta_type::<RuntimeCall>(),
    );
    RuntimeMetadataPrefixed::from(whole).encode()
}

#[derive(Clone, Copy)]
struct ExtensionTypes {
    extra: scale_info::MetaType,
    implicit: scale_info::MetaType,
}

fn extension<E: TypeInfo + 'static, I: TypeInfo + 'static>() -> ExtensionTypes {
    ExtensionTypes {
        extra: scale_info::meta_type::<E>(),
        implicit: scale_info::meta_type::<I>(),
    }
}

fn usual_extensions() -> Vec<(&'static str, ExtensionTypes)> {
    vec![
        ("CheckSpecVersion", extension::<(), u32>()),
        ("CheckTxVersion", extension::<(), u32>()),
        ("CheckGenesis", extension::<(), [u8; 32]>()),
        ("CheckMortality", extension::<EraInfo, [u8; 32]>()),
        ("CheckNonce", extension::<Compact<u32>, ()>()),
        ("ChargeTransactionPayment", extension::<Compact<u128>, ()>()),
    ]
}

/// A node that stands still at block 5,000.
struct Still {
    metadata: Vec<u8>,
}

impl Still {
    fn answer(&self, method: &str, params: &str) -> Result<serde_json::Value, RpcError> {
        let hex = |bytes: &[u8]| serde_json::Value::String(format!("0x{}", hex::encode(bytes)));
        let header = serde_json::json!({
            "parentHash": hex(&[1; 32]), "number": "0x1388", "stateRoot": hex(&[2; 32]),
            "extrinsicsRoot": hex(&[3; 32]), "digest": { "logs": [] },
        });
        Ok(match method {
            "chain_getBlockHash" | "chain_getFinalizedHead" => hex(&[7; 32]),
            "chain_getHeader" => header,
            "state_call" if params.contains("Core_version") => {
                let apis: Vec<([u8; 8], u32)> = Vec::new();
                hex(&("still", "still", 1u32, 2u32, 3u32, apis, 4u32).encode())
            }
            "state_call" if params.contains("Metadata_metadata\"") => {
                hex(&(Compact(self.metadata.len() as u32), Raw(&self.metadata)).encode())
            }
            other => {
                let _ = other;
                return Err(RpcError::User(UserError::method_not_found()));
            }
        })
    }
}

/// Bytes as they are.
struct Raw<'a>(&'a [u8]);

impl Encode for Raw<'_> {
    fn encode_to<O: scale::Output + ?Sized>(&self, out: &mut O) {
        out.write(self.0);
    }
}

impl RpcClientT for Still {
    fn request_raw<'a>(
        &'a self,
        method: &'a str,
        params: Option<Box<RawValue>>,
    ) -> RawRpcFuture<'a, Box<RawValue>> {
        let params = params.map(|raw| raw.get().to_owned()).unwrap_or_default();
        let answer = self.answer(method, &params);
        Box::pin(async move { Ok(serde_json::value::to_raw_value(&answer?).unwrap()) })
    }

    fn subscribe_raw<'a>(
        &'a self,
        _: &'a str,
        _: Option<Box<RawValue>>,
        _: &'a str,
    ) -> RawRpcFuture<'a, RawRpcSubscription> {
        Box::pin(async { Err(RpcError::User(UserError::method_not_found())) })
    }
}

async fn still(metadata: Vec<u8>) -> Chain {
    Chain::over(Still { metadata }, Arc::from("ws://still"))
        .await
        .unwrap()
}

#[tokio::test]
async fn every_transaction_is_mortal() {
    for (remembered, period) in [(4096, 4096), (2400, 2048), (256, 256), (1_000_000, 4096)] {
        let chain = still(metadata(remembered, &usual_extensions())).await;
        let contract = [5; 32].into();
        let gas = Weight {
            ref_time: 1,
            proof_size: 2,
        };
        let signed = chain
            .sign_call(&dev::alice(), 42, &contract, 0, &[1, 2, 3, 4], gas, Some(0))
            .await
            .unwrap();
        let at = chain.at([7; 32]).await.unwrap();
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
async fn a_chain_without_eras_gets_nothing_signed() {
    let mut extensions = usual_extensions();
    extensions.retain(|(name, _)| *name != "CheckMortality");
    let chain = still(metadata(256, &extensions)).await;
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
    let chain = still(metadata(256, &extensions)).await;
    let gas = Weight::default();
    let error = chain
        .sign_call(&dev::alice(), 0, &[5; 32].into(), 0, &[], gas, None)
        .await;
    let text = error.unwrap_err().to_string();
    assert!(text.contains("ChargeSomethingElse"), "{text}");
}
