//! Building and signing transactions. Every one is mortal: it expires after a number of blocks.

use super::{
    connection::{AtBlock, Connection},
    era::{era_window, EraWindow},
    error::ChainError,
    types::{block_number, Head, SignedTx, TxTerms, Weight},
};
use llm_oracle_primitives::{AccountId, Hash};
use llm_oracle_signing::{account_of, signed_part, CallToSign, Keypair, Signer};
use llm_oracle_support::address::account32;
use std::sync::Arc;
use subxt::{
    config::{
        substrate::SubstrateExtrinsicParamsBuilder, transaction_extensions::CheckMortality,
        SubstrateConfig,
    },
    error::ExtrinsicError,
    ext::scale_encode::EncodeAsType,
    transactions::{Payload, SignableTransaction},
    utils::{AccountId32, Era, MultiAddress, MultiSignature, H256},
};

/// The call `Contracts::call`.
#[derive(Clone, EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
pub(super) struct CallArguments {
    pub(super) dest: MultiAddress<AccountId32, ()>,
    pub(super) value: u128,
    pub(super) gas_limit: Weight,
    pub(super) storage_deposit_limit: Option<u128>,
    pub(super) data: Vec<u8>,
}

/// Signs a call of a contract. Nothing is sent.
///
/// # Errors
/// Connection errors; `Node` when the chain has a fee extension that is not known here, with its name;
/// `Immortal` if the transaction would never expire; `Signer`.
pub(super) async fn sign_call(
    connection: &Connection,
    signer: &dyn Signer,
    terms: TxTerms,
    call: CallArguments,
) -> Result<SignedTx, ChainError> {
    let short = CallArguments {
        data: Vec::new(),
        ..call.clone()
    };
    let of = |call| subxt::dynamic::transaction("Contracts", "call", call);
    let (call, short) = (of(call), of(short));
    let draft = TxTemplate::new(connection, terms).await?;
    let lift = |error: ExtrinsicError| connection.lift("to sign a transaction", &error);
    let mut signable = draft.signable(&call).map_err(lift)?;
    let signed = signable.signer_payload().map_err(lift)?;
    let whole = draft.whole_payload(&call, &short).map_err(lift)?;
    let signature = signer.sign_call(&CallToSign {
        signed: &signed,
        payload: whole
            .as_deref()
            .filter(|whole| signed_part(whole) == signed),
    })?;
    let account = signer.account();
    let made = signable
        .sign_with_account_and_signature(&account32(&account), &MultiSignature::Sr25519(signature))
        .map_err(lift)?;
    draft
        .finish(account, made.hash().0, made.into_encoded())
        .await
}

/// Signs any call with a key of this process. Nothing is sent.
pub(super) async fn sign_payload<C: Payload>(
    connection: &Connection,
    signer: &Keypair,
    nonce: u64,
    payload: &C,
) -> Result<SignedTx, ChainError> {
    let draft = TxTemplate::new(connection, nonce.into()).await?;
    let lift = |error: ExtrinsicError| connection.lift("to sign a transaction", &error);
    let mut signable = draft.signable(payload).map_err(lift)?;
    let payload = signable.signer_payload().map_err(lift)?;
    let account = account_of(signer);
    let signature = MultiSignature::Sr25519(signer.sign(&payload).0);
    let signed = signable
        .sign_with_account_and_signature(&account32(&account), &signature)
        .map_err(lift)?;
    let (hash, bytes) = (signed.hash().0, signed.into_encoded());
    draft.finish(account, hash, bytes).await
}

/// Indices of the pallet and the call by which this chain calls contracts.
pub(super) async fn contracts_call(connection: &Connection) -> Result<[u8; 2], ChainError> {
    let call = CallArguments {
        dest: MultiAddress::Id(AccountId32([0; 32])),
        value: 0,
        gas_limit: Weight::default(),
        storage_deposit_limit: None,
        data: Vec::new(),
    };
    let call = subxt::dynamic::transaction("Contracts", "call", call);
    let at = connection.at_or_best(None).await?;
    let bytes = at.transactions().call_data(&call);
    let bytes = bytes.map_err(|error| connection.lift("to encode a call", &error))?;
    let indices = bytes.first_chunk::<2>().copied();
    indices.ok_or_else(|| ChainError::Unsupported("the call Contracts::call".into()))
}

/// A transaction without its call and its signature.
struct TxTemplate {
    at: Arc<AtBlock>,
    anchor: Head,
    era: EraWindow,
    terms: TxTerms,
}

type Signable<'call, C> = SignableTransaction<
    'call,
    SubstrateConfig,
    subxt::client::OnlineClientAtBlockImpl<SubstrateConfig>,
    C,
>;

impl TxTemplate {
    /// Anchored at a finalized block, which no reorganisation removes.
    async fn new(connection: &Connection, terms: TxTerms) -> Result<Self, ChainError> {
        let finalized = connection.finalized().await?;
        // For the runtime that the pool validates it with: after an upgrade that is the best block's.
        let at = connection.at_or_best(None).await?;
        let best = block_number(at.block_number())?;
        let era = era_window(finalized.number, best, remembered(&at), &terms);
        let anchor = match era.first == finalized.number {
            true => finalized,
            false => Head {
                hash: connection.hash_at(era.first).await?.ok_or_else(|| {
                    ChainError::decode("a block", format!("the node has none at {}", era.first))
                })?,
                number: era.first,
            },
        };
        Ok(Self {
            at,
            anchor,
            era,
            terms,
        })
    }

    fn signable<'call, C: Payload>(
        &self,
        call: &'call C,
    ) -> Result<Signable<'call, C>, ExtrinsicError> {
        let params = SubstrateExtrinsicParamsBuilder::<SubstrateConfig>::new()
            .nonce(self.terms.nonce)
            .tip(self.terms.tip)
            .mortal_from_unchecked(
                self.era.period,
                self.anchor.number.into(),
                H256(self.anchor.hash),
            )
            .build();
        self.at.transactions().create_signable_offline(call, params)
    }

    /// The payload of a call of any length; of a long one the library only gives the digest. What
    /// follows the call is the same for every call, so it is taken from a call that is short enough.
    fn whole_payload<C: Payload>(
        &self,
        call: &C,
        short: &C,
    ) -> Result<Option<Vec<u8>>, ExtrinsicError> {
        let transactions = self.at.transactions();
        let payload = self.signable(short)?.signer_payload()?;
        let Some(rest) = payload.strip_prefix(&transactions.call_data(short)?[..]) else {
            return Ok(None);
        };
        let mut whole = transactions.call_data(call)?;
        whole.extend_from_slice(rest);
        Ok(Some(whole))
    }

    async fn finish(
        &self,
        signer: AccountId,
        hash: Hash,
        bytes: Vec<u8>,
    ) -> Result<SignedTx, ChainError> {
        let tx = SignedTx {
            hash,
            bytes,
            signer,
            nonce: self.terms.nonce,
            valid_until: self.era.last(),
        };
        match era_of(&self.at, &tx.bytes).await? {
            Era::Mortal { .. } => Ok(tx),
            Era::Immortal => Err(ChainError::Immortal),
        }
    }
}

/// Blocks whose hashes the chain remembers.
fn remembered(at: &AtBlock) -> u64 {
    let address = subxt::dynamic::constant::<u32>("System", "BlockHashCount");
    let constant = at.constants().entry(address);
    constant.map_or(u64::from(TxTerms::default().era_blocks), u64::from)
}

/// The era of signed bytes, read back the way a node would.
pub(super) async fn era_of(at: &AtBlock, bytes: &[u8]) -> Result<Era, ChainError> {
    let unreadable = |reason: String| ChainError::decode("our own transaction", reason);
    let extrinsics = at.extrinsics().from_bytes(vec![bytes.to_vec()]).await;
    let extrinsic = extrinsics
        .iter()
        .next()
        .ok_or_else(|| unreadable("it is empty".into()))?
        .map_err(|error| unreadable(error.to_string()))?;
    let extensions = extrinsic.transaction_extensions();
    match extensions.and_then(|found| found.find::<CheckMortality<SubstrateConfig>>()) {
        Some(era) => era.map_err(|error| unreadable(error.to_string())),
        // A chain without the extension has no eras: nothing of ours could ever end there.
        None => Ok(Era::Immortal),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{
        super::{
            api::ChainApi,
            static_node::{metadata, upgrading, usual_extensions},
        },
        *,
    };
    use llm_oracle_signing::verifies;
    use scale::Decode;
    use subxt_signer::sr25519::dev;

    /// The signature in signed bytes: after their length, a version, an account and two kinds.
    fn signature(mut bytes: &[u8]) -> [u8; 64] {
        scale::Compact::<u32>::decode(&mut bytes).unwrap();
        bytes[35..99].try_into().unwrap()
    }

    #[tokio::test]
    async fn after_an_upgrade_it_is_signed_for_the_best_blocks_runtime() {
        let chain = upgrading(metadata(256, &usual_extensions())).await;
        let (signer, gas, to) = (dev::alice(), Weight::default(), AccountId::from([5; 32]));
        let signed = chain.sign_call(&signer, 0, &to, 0, &[], gas, None).await;
        let signature = signature(&signed.unwrap().bytes);
        let (best, anchor) = (
            chain.best().await.unwrap(),
            chain.finalized().await.unwrap(),
        );
        assert_ne!(best, anchor);
        for (block, good) in [(best, true), (anchor, false)] {
            let at = chain.connection.at(block.hash).await.unwrap();
            let call = CallArguments {
                dest: MultiAddress::Id(account32(&to)),
                value: 0,
                gas_limit: gas,
                storage_deposit_limit: None,
                data: Vec::new(),
            };
            let payload = subxt::dynamic::transaction("Contracts", "call", call);
            let params = SubstrateExtrinsicParamsBuilder::<SubstrateConfig>::new()
                .nonce(0)
                .mortal_from_unchecked(256, anchor.number.into(), H256(anchor.hash))
                .build();
            let signable = at.transactions().create_signable_offline(&payload, params);
            let bytes = signable.unwrap().signer_payload().unwrap();
            let signed = verifies(&signature, &bytes, &account_of(&signer));
            assert_eq!(signed, good, "version {}", at.spec_version());
        }
    }
}
