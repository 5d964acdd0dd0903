//! A node for tests: a few fixed JSON answers and handwritten metadata with one call, so that no metadata
//! file has to be kept.
#![allow(clippy::unwrap_used, dead_code)]

use super::{
    chain::Chain,
    connection::{Connection, REQUEST_TIMEOUT},
};
use scale::{Compact, Encode};
use scale_info::TypeInfo;
use std::sync::{
    atomic::{AtomicU64, Ordering},
    Arc, Mutex,
};
use subxt::{
    ext::frame_metadata::{v14, RuntimeMetadataPrefixed},
    rpcs::{
        client::{RawRpcFuture, RawRpcSubscription, RawValue, RpcClientT},
        Error as RpcError, UserError,
    },
    utils::{AccountId32, MultiAddress, MultiSignature},
};

#[derive(TypeInfo)]
struct Gas {
    ref_time: Compact<u64>,
    proof_size: Compact<u64>,
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

pub(super) fn metadata(
    remembered_blocks: u32,
    extensions: &[(&'static str, ExtensionTypes)],
) -> Vec<u8> {
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
pub(super) struct ExtensionTypes {
    extra: scale_info::MetaType,
    implicit: scale_info::MetaType,
}

pub(super) fn extension<E: TypeInfo + 'static, I: TypeInfo + 'static>() -> ExtensionTypes {
    ExtensionTypes {
        extra: scale_info::meta_type::<E>(),
        implicit: scale_info::meta_type::<I>(),
    }
}

pub(super) fn usual_extensions() -> Vec<(&'static str, ExtensionTypes)> {
    vec![
        ("CheckSpecVersion", extension::<(), u32>()),
        ("CheckTxVersion", extension::<(), u32>()),
        ("CheckGenesis", extension::<(), [u8; 32]>()),
        ("CheckMortality", extension::<EraInfo, [u8; 32]>()),
        ("CheckNonce", extension::<Compact<u32>, ()>()),
        ("ChargeTransactionPayment", extension::<Compact<u128>, ()>()),
    ]
}

/// Its best block until it gets a transaction; from then on each request makes one block.
pub(super) const START: u64 = 5_000;
/// The block with another runtime, where there is one.
const UPGRADED: u64 = START + 1;
/// The block it puts the transaction into.
pub(super) const TAKEN_IN: u64 = START + 2;

/// A node that answers to every transaction that its pool has it already.
struct StaticNode {
    metadata: Vec<u8>,
    handed: Mutex<Option<String>>,
    best: AtomicU64,
    /// The first block whose state has another runtime's version.
    upgraded_at: u64,
}

impl StaticNode {
    fn answer(&self, method: &str, params: &str) -> Result<serde_json::Value, RpcError> {
        let hex = |bytes: &[u8]| serde_json::Value::String(format!("0x{}", hex::encode(bytes)));
        let hash = |number: u64| hex(&number.to_be_bytes().repeat(4));
        let numbers = START..=self.best.load(Ordering::Relaxed);
        let named = numbers.rev().find(|number| {
            params.contains(&number.to_string())
                || params.contains(hash(*number).as_str().unwrap_or_default())
        });
        let number = named.unwrap_or(START);
        let header = serde_json::json!({
            "parentHash": hash(number.saturating_sub(1)), "number": format!("{number:#x}"),
            "stateRoot": hex(&[2; 32]), "extrinsicsRoot": hex(&[3; 32]), "digest": { "logs": [] },
        });
        Ok(match method {
            "chain_getBlockHash" if named.is_none() && params == "[null]" => hash(self.next_best()),
            "chain_getBlockHash" => hash(number),
            "chain_getFinalizedHead" => hash(START),
            "chain_getHeader" => header,
            "chain_getBlock" => {
                let handed = self.handed.lock().unwrap().clone();
                let extrinsics: Vec<String> =
                    handed.into_iter().filter(|_| number == TAKEN_IN).collect();
                serde_json::json!({ "block": { "header": header, "extrinsics": extrinsics } })
            }
            "state_call" if params.contains("Core_version") => {
                let apis: Vec<([u8; 8], u32)> = Vec::new();
                let version = if number < self.upgraded_at {
                    2u32
                } else {
                    3u32
                };
                hex(&("still", "still", 1u32, version, 3u32, apis, 4u32).encode())
            }
            "state_call" if params.contains("Metadata_metadata\"") => hex(&(
                Compact(self.metadata.len() as u32),
                RawBytes(&self.metadata),
            )
                .encode()),
            _ => return Err(RpcError::User(UserError::method_not_found())),
        })
    }

    fn next_best(&self) -> u64 {
        match *self.handed.lock().unwrap() {
            Some(_) => self.best.fetch_add(1, Ordering::Relaxed).saturating_add(1),
            None => self.best.load(Ordering::Relaxed),
        }
    }
}

/// Bytes without a length prefix.
struct RawBytes<'a>(&'a [u8]);

impl Encode for RawBytes<'_> {
    fn encode_to<O: scale::Output + ?Sized>(&self, out: &mut O) {
        out.write(self.0);
    }
}

impl RpcClientT for StaticNode {
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
        method: &'a str,
        params: Option<Box<RawValue>>,
        _: &'a str,
    ) -> RawRpcFuture<'a, RawRpcSubscription> {
        assert_eq!(method, "author_submitAndWatchExtrinsic");
        let (bytes,): (String,) = serde_json::from_str(params.unwrap().get()).unwrap();
        *self.handed.lock().unwrap() = Some(bytes);
        let known = UserError {
            code: 1013,
            message: "Transaction Already Imported".into(),
            data: None,
        };
        Box::pin(async { Err(RpcError::User(known)) })
    }
}

pub(super) async fn static_node(metadata: Vec<u8>) -> Chain {
    node(metadata, START, u64::MAX).await
}

/// A node whose runtime was upgraded in the best block, which is not final.
pub(super) async fn upgrading(metadata: Vec<u8>) -> Chain {
    node(metadata, UPGRADED, UPGRADED).await
}

async fn node(metadata: Vec<u8>, best: u64, upgraded_at: u64) -> Chain {
    let node = StaticNode {
        metadata,
        handed: Mutex::default(),
        best: AtomicU64::new(best),
        upgraded_at,
    };
    let connection = Connection::over(node, Arc::from("ws://static"), REQUEST_TIMEOUT);
    Chain::over(connection.await.unwrap())
}
