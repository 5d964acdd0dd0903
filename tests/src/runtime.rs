//! Another runtime for a running chain, made from the one that it has.
//!
//! It differs in its version and, if wanted, in names of its metadata. The version stands in three
//! places: in a section of its own, which the node reads before it takes the code, in the code of
//! whoever asks for it, and in constants.

use crate::world::{Key, World};
use llm_oracle_chain::{ChainApi as _, Weight};
use llm_oracle_primitives::{AccountId, Balance, Hash};
use llm_oracle_signing::Keypair;
use scale::{Decode, Encode};
use subxt::{
    config::{
        substrate::{SubstrateConfig, SubstrateExtrinsicParamsBuilder},
        RpcConfigFor,
    },
    ext::scale_encode::EncodeAsType,
    rpcs::{LegacyRpcMethods, RpcClient},
    utils::{AccountId32, MultiAddress},
    OnlineClient,
};

/// Key of the runtime's code in the state.
const CODE: &[u8] = b":code";
/// Sections of a Wasm file that count here.
const CUSTOM: u8 = 0;
const CODES: u8 = 10;
const DATA: u8 = 11;

/// A runtime's Wasm.
#[derive(Clone)]
pub struct Runtime(Vec<Section>);

#[derive(Clone)]
struct Section {
    id: u8,
    content: Vec<u8>,
}

impl Runtime {
    /// That of a chain, without what only debuggers read.
    ///
    /// # Panics
    /// When the node does not give it, or it is compressed.
    pub async fn of(url: &str) -> Self {
        let rpc = RpcClient::from_insecure_url(url).await.unwrap();
        let rpc = LegacyRpcMethods::<RpcConfigFor<SubstrateConfig>>::new(rpc);
        let code = rpc.state_get_storage(CODE, None).await.unwrap();
        let code = code.expect("a chain has a runtime");
        let mut rest = code.strip_prefix(b"\0asm\x01\0\0\0").expect("plain Wasm");
        let mut sections = Vec::new();
        while let Some((id, after)) = rest.split_first() {
            rest = after;
            let length = number(&mut rest);
            let (content, after) = rest.split_at(length);
            rest = after;
            let content = content.to_vec();
            let mut name = &content[..];
            let length = number(&mut name).min(name.len());
            if *id != CUSTOM || name[..length].starts_with(b"runtime_") {
                sections.push(Section { id: *id, content });
            }
        }
        Self(sections)
    }

    /// The same with another version.
    ///
    /// # Panics
    /// When the version is not where it should be.
    #[must_use]
    pub fn with_version(mut self, from: u32, to: u32) -> Self {
        let mut places = [0; 3];
        for section in &mut self.0 {
            match section.id {
                CUSTOM => places[0] += set_embedded(&mut section.content, from, to),
                CODES => places[1] += set_in_code(&mut section.content, from, to),
                DATA => {
                    let pattern = |version: u32| (1_u32, version, 1_u32).encode();
                    places[2] += replace(&mut section.content, &pattern(from), &pattern(to));
                }
                _ => {}
            }
        }
        let [embedded, code, data] = places;
        assert_eq!(embedded, 1, "one section has the version");
        assert!(code > 0, "the version is nowhere in the code");
        assert!(data > 0, "the version is nowhere in the constants");
        self
    }

    /// The same with another name in its metadata, of equal length.
    ///
    /// # Panics
    /// When it has no such name.
    #[must_use]
    pub fn renamed(mut self, from: &str, to: &str) -> Self {
        assert_eq!(from.len(), to.len());
        let data = self.0.iter_mut().filter(|section| section.id == DATA);
        let found: usize = data
            .map(|section| replace(&mut section.content, from.as_bytes(), to.as_bytes()))
            .sum();
        assert!(found > 0, "no '{from}' in the runtime");
        self
    }

    fn wasm(&self) -> Vec<u8> {
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        for Section { id, content } in &self.0 {
            wasm.push(*id);
            let mut length = content.len();
            while length > 0x7f {
                wasm.push((length & 0x7f) as u8 | 0x80);
                length >>= 7;
            }
            wasm.push(length as u8);
            wasm.extend(content);
        }
        wasm
    }
}

/// An unsigned number as Wasm has them (LEB128).
fn number(bytes: &mut &[u8]) -> usize {
    let (mut number, mut shift) = (0, 0);
    while let Some((byte, rest)) = bytes.split_first() {
        *bytes = rest;
        number |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 || shift > 28 {
            break;
        }
    }
    number
}

/// The section `runtime_version`: its name, then name, implementation, authoring version, version, …
fn set_embedded(content: &mut [u8], from: u32, to: u32) -> usize {
    const NAME: &[u8] = b"\x0fruntime_version";
    let Some(version) = content.strip_prefix(NAME) else {
        return 0;
    };
    let mut rest = version;
    <(String, String, u32)>::decode(&mut rest).unwrap();
    let at = content.len() - rest.len();
    assert_eq!(content[at..at + 4], from.to_le_bytes());
    content[at..at + 4].copy_from_slice(&to.to_le_bytes());
    1
}

/// What makes a version to return: an `i64.const` of it and, above it, the implementation's version,
/// which is 1; or, should the compiler write them one by one, `i32.const` before `i32.store`.
fn set_in_code(content: &mut [u8], from: u32, to: u32) -> usize {
    let low = |version: u32| {
        assert!(
            (64..128).contains(&version),
            "one byte of LEB128, of two with its sign"
        );
        version as u8 | 0x80
    };
    let pair = |version| [0x42, low(version), 0x80, 0x80, 0x80, 0x10];
    let stored = |version| [0x41, low(version), 0, 0x36];
    match replace(content, &pair(from), &pair(to)) {
        0 => replace(content, &stored(from), &stored(to)),
        found => found,
    }
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) -> usize {
    let mut found = 0;
    for at in 0..=bytes.len().saturating_sub(from.len()) {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
            found += 1;
        }
    }
    found
}

/// A call of a contract that goes into the block of an upgrade, before it.
pub struct Beside {
    /// The contract.
    pub contract: AccountId,
    /// Money that goes with it, planck.
    pub value: Balance,
    /// Its gas.
    pub gas: Weight,
    /// Selector and arguments.
    pub input: Vec<u8>,
}

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
enum Call {
    System(System),
    Sudo(Box<Sudo>),
    Contracts(Contracts),
}

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
#[allow(non_camel_case_types)] // The chain's names.
enum System {
    set_code { code: Vec<u8> },
}

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
#[allow(non_camel_case_types)] // The chain's names.
enum Sudo {
    sudo_unchecked_weight { call: Call, weight: Weight },
}

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
#[allow(non_camel_case_types)] // The chain's names.
enum Contracts {
    call {
        dest: MultiAddress<AccountId32, ()>,
        value: u128,
        gas_limit: Weight,
        storage_deposit_limit: Option<u128>,
        data: Vec<u8>,
    },
}

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
struct Batch {
    calls: Vec<Call>,
}

/// Upgrades the chain, as its sudo key, and gives the block that did it.
///
/// # Panics
/// When the chain refuses.
pub async fn upgrade(world: &World, runtime: &Runtime, beside: Option<Beside>) -> Hash {
    let set_code = Call::System(System::set_code {
        code: runtime.wasm(),
    });
    let mut calls: Vec<Call> = beside.into_iter().map(contract_call).collect();
    calls.push(Call::Sudo(Box::new(Sudo::sudo_unchecked_weight {
        call: set_code,
        weight: Weight::default(),
    })));
    let payload = subxt::dynamic::transaction("Utility", "batch_all", Batch { calls });
    let client = OnlineClient::<SubstrateConfig>::from_insecure_url(&world.url).await;
    let mut transactions = client.unwrap().transactions().await.unwrap();
    let alice = Key::new("//Alice");
    let nonce = world.chain().next_nonce(&alice.account).await.unwrap();
    let params = SubstrateExtrinsicParamsBuilder::<SubstrateConfig>::new().nonce(nonce);
    let signer = SubxtKey(&alice.pair);
    let sent = transactions.sign_and_submit_then_watch(&payload, &signer, params.build());
    let included = sent.await.unwrap().wait_for_finalized().await.unwrap();
    included.wait_for_success().await.unwrap();
    included.block_hash().0
}

fn contract_call(beside: Beside) -> Call {
    let contract: &[u8; 32] = beside.contract.as_ref();
    Call::Contracts(Contracts::call {
        dest: MultiAddress::Id(AccountId32(*contract)),
        value: beside.value,
        gas_limit: beside.gas,
        storage_deposit_limit: None,
        data: beside.input,
    })
}

/// A key as subxt wants it.
struct SubxtKey<'a>(&'a Keypair);

impl subxt::transactions::Signer<subxt::SubstrateConfig> for SubxtKey<'_> {
    fn account_id(&self) -> subxt::utils::AccountId32 {
        subxt::utils::AccountId32(self.0.public_key().0)
    }

    fn sign(&self, payload: &[u8]) -> subxt::utils::MultiSignature {
        subxt::utils::MultiSignature::Sr25519(self.0.sign(payload).0)
    }
}
