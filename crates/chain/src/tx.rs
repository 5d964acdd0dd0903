//! Transactions: signed once, kept as bytes, sent as often as it takes, always with an end.

use super::{
    call::Call,
    client::{AtBlock, Chain, Head},
    error::ChainError,
    event::Event,
    exec::{Deposit, DryRun, Weight},
    remedy::of_pool,
};
use llm_oracle_primitives::{AccountId, Balance, BlockNumber, Hash};
use llm_oracle_signing::{account_of, signed_part, CallToSign, Keypair, Signer};
use llm_oracle_support::address::account32;
use scale::{Compact, Decode, Encode};
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

/// Blocks for which a transaction stays valid, at most. Under instant seal every transaction is a
/// block, so this counts transactions there; the era's greatest period that needs no rounding.
pub const ERA_BLOCKS: u64 = 4096;
/// Gas on top of what a dry run needs, percent.
const GAS_MARGIN_PERCENT: u64 = 15;

/// A signed transaction, to be stored before it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTx {
    /// The bytes to send.
    pub bytes: Vec<u8>,
    /// Their hash, by which the chain names the transaction.
    pub hash: Hash,
    /// Who signed and pays.
    pub signer: AccountId,
    /// Its place in the signer's order.
    pub nonce: u64,
    /// Last block that can include it.
    pub valid_until: BlockNumber,
}

/// Limits of a call that a person may want to set.
#[derive(Debug, Clone, Copy, Default)]
pub struct TxOptions {
    /// Gas limit instead of the dry run's need and a margin.
    pub gas_limit: Option<Weight>,
    /// Most storage deposit the call may take, planck; without it, what the signer has.
    pub storage_deposit_limit: Option<Balance>,
    /// Wait until the block is final.
    pub finalized: bool,
}

/// Where a transaction ended up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InBlock {
    /// Hash of the block.
    pub block: Hash,
    /// Height of the block.
    pub number: BlockNumber,
}

/// What an included call did.
#[derive(Debug)]
pub struct Receipt<T> {
    /// What the dry run returned just before; what counts is in the events.
    pub value: T,
    /// The transaction.
    pub hash: Hash,
    /// Its block.
    pub included: InBlock,
    /// Fee paid, planck.
    pub fee: Balance,
    /// Effect on storage deposits, by the dry run.
    pub deposit: Deposit,
    /// The called contract's events that are the oracle's.
    pub events: Vec<Event>,
}

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
struct ContractCall {
    dest: MultiAddress<AccountId32, ()>,
    value: u128,
    gas_limit: Weight,
    storage_deposit_limit: Option<u128>,
    data: Vec<u8>,
}

impl Chain {
    /// Signs a call of a contract. Nothing is sent.
    ///
    /// # Errors
    /// Connection errors; `Node` when the chain wants a fee extension that we don't know, with its
    /// name; `Immortal` should the result have no end; `Signer`.
    #[allow(clippy::too_many_arguments)] // The transaction's own fields, each needed.
    pub async fn sign_call(
        &self,
        signer: &dyn Signer,
        nonce: u64,
        contract: &AccountId,
        value: Balance,
        input: &[u8],
        gas_limit: Weight,
        storage_deposit_limit: Option<Balance>,
    ) -> Result<SignedTx, ChainError> {
        let with = |input: &[u8]| {
            let call = ContractCall {
                dest: MultiAddress::Id(account32(contract)),
                value,
                gas_limit,
                storage_deposit_limit,
                data: input.to_vec(),
            };
            subxt::dynamic::transaction("Contracts", "call", call)
        };
        let call = with(input);
        let draft = self.draft(nonce).await?;
        let lift = |error: ExtrinsicError| self.lift("to sign a transaction", &error);
        let mut signable = draft.signable(&call).map_err(lift)?;
        let signed = signable.signer_payload().map_err(lift)?;
        let whole = draft.whole_payload(&call, &with(&[])).map_err(lift)?;
        let signature = signer.sign_call(&CallToSign {
            signed: &signed,
            whole: whole
                .as_deref()
                .filter(|whole| signed_part(whole) == signed),
        })?;
        let account = signer.account();
        let made = signable
            .sign_with_account_and_signature(
                &account32(&account),
                &MultiSignature::Sr25519(signature),
            )
            .map_err(lift)?;
        draft
            .finish(account, made.hash().0, made.into_encoded())
            .await
    }

    pub(super) async fn sign<C: subxt::transactions::Payload>(
        &self,
        signer: &Keypair,
        nonce: u64,
        payload: &C,
    ) -> Result<SignedTx, ChainError> {
        let draft = self.draft(nonce).await?;
        let lift = |error: ExtrinsicError| self.lift("to sign a transaction", &error);
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

    /// What a transaction is made of beside its call, anchored at a finalized block, which no
    /// reorganisation takes away.
    async fn draft(&self, nonce: u64) -> Result<Draft, ChainError> {
        let anchor = self.finalized().await?;
        // For the runtime that the pool checks it by: after an upgrade that is the best block's.
        let at = self.at_or_best(None).await?;
        let period = era_period(&at);
        Ok(Draft {
            at,
            anchor,
            period,
            nonce,
        })
    }

    /// Indices of the pallet and the call by which this chain calls contracts.
    ///
    /// # Errors
    /// Connection errors; `Unsupported` when there is no such call.
    pub async fn contracts_call(&self) -> Result<[u8; 2], ChainError> {
        let call = ContractCall {
            dest: MultiAddress::Id(AccountId32([0; 32])),
            value: 0,
            gas_limit: Weight::default(),
            storage_deposit_limit: None,
            data: Vec::new(),
        };
        let call = subxt::dynamic::transaction("Contracts", "call", call);
        let at = self.at_or_best(None).await?;
        let bytes = at.transactions().call_data(&call);
        let bytes = bytes.map_err(|error| self.lift("to encode a call", &error))?;
        let indices = bytes.first_chunk::<2>().copied();
        indices.ok_or_else(|| ChainError::Unsupported("the call Contracts::call".into()))
    }

    /// Hands bytes to the node's pool. Sending the same bytes again does no harm.
    ///
    /// # Errors
    /// `Node` when the pool refuses them, connection errors.
    pub async fn submit(&self, bytes: &[u8]) -> Result<Hash, ChainError> {
        let sent = self.rpc.author_submit_extrinsic(bytes).await;
        match sent {
            Ok(hash) => Ok(hash.0),
            Err(error) if is_known(&error) => Ok(llm_oracle_primitives::digest::blake2(bytes)),
            Err(error) => Err(self.pool_error(&error)),
        }
    }

    /// What the pool says against a transaction, by its name.
    pub(super) fn pool_error(&self, error: &subxt::rpcs::Error) -> ChainError {
        match (self.lift("the transaction", error), of_pool(error)) {
            (ChainError::Node { reason, .. }, Some((name, remedy))) => ChainError::Pool {
                name,
                remedy,
                reason,
            },
            (lifted, _) => lifted,
        }
    }

    /// Dry-runs a call, signs it, sends it, waits for its block and reads what it did.
    ///
    /// # Errors
    /// What the dry run finds, before anything is sent; `Dispatch` when it fails in its block all
    /// the same; `NotIncluded` when no block takes it in time; connection errors.
    pub async fn call<T: Decode>(
        &self,
        signer: &Keypair,
        contract: &AccountId,
        value: Balance,
        call: &Call<T>,
        options: TxOptions,
    ) -> Result<Receipt<T>, ChainError> {
        let origin = account_of(signer);
        let DryRun {
            value: returned,
            gas_required,
            deposit,
            ..
        } = self
            .dry_run_within(&origin, contract, value, call, options.gas_limit, None)
            .await?;
        let gas = options
            .gas_limit
            .unwrap_or_else(|| gas_required.with_margin(GAS_MARGIN_PERCENT));
        let nonce = self.next_nonce(&origin).await?;
        let tx = self
            .sign_call(
                signer,
                nonce,
                contract,
                value,
                call.input(),
                gas,
                options.storage_deposit_limit,
            )
            .await?;
        let included = self.send_and_wait(&tx, options.finalized).await?;
        let (fee, events) = self.outcome(contract, call.name(), &tx, included).await?;
        Ok(Receipt {
            value: returned,
            hash: tx.hash,
            included,
            fee,
            deposit,
            events,
        })
    }

    /// Fee of a call, planck, as the chain estimates it for the signed bytes. Nothing is sent.
    ///
    /// # Errors
    /// What the dry run finds; connection errors.
    pub async fn estimate_fee<T: Decode>(
        &self,
        signer: &Keypair,
        contract: &AccountId,
        value: Balance,
        call: &Call<T>,
    ) -> Result<Balance, ChainError> {
        let origin = account_of(signer);
        let dry = self.dry_run(&origin, contract, value, call, None).await?;
        let nonce = self.next_nonce(&origin).await?;
        // The fee follows the gas used, not the limit: what is not used is paid back.
        let gas = dry.gas_consumed;
        let tx = self
            .sign_call(signer, nonce, contract, value, call.input(), gas, None)
            .await?;
        self.fee_of(&tx.bytes).await
    }

    /// Most that signed bytes can cost beside deposits, planck, as the chain reckons it: for the whole
    /// of their gas limit, of which what is not used is paid back. Nothing is sent.
    ///
    /// # Errors
    /// Connection errors; `Decode` when the chain tells it in another form.
    pub async fn fee_of(&self, bytes: &[u8]) -> Result<Balance, ChainError> {
        let best = self.best().await?;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let parameters = [bytes, &length.encode()].concat();
        let api = "TransactionPaymentApi_query_info";
        let told = self
            .rpc
            .state_call(api, Some(&parameters), Some(H256(best.hash)));
        read_fee(&told.await.map_err(|error| self.lift("the fee", &error))?)
    }

    /// Greatest weight of one transaction on this chain, if it has a limit.
    pub async fn max_extrinsic(&self, at: Hash) -> Result<Option<Weight>, ChainError> {
        let at = self.at(at).await?;
        let address = subxt::dynamic::constant::<BlockWeights>("System", "BlockWeights");
        match at.constants().entry(address) {
            Ok(weights) => Ok(weights.per_class.normal.max_extrinsic),
            Err(error) => Err(ChainError::decode("the chain's block weights", error)),
        }
    }
}

#[derive(subxt::ext::scale_decode::DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct BlockWeights {
    per_class: PerClass,
}

#[derive(subxt::ext::scale_decode::DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct PerClass {
    normal: ClassWeights,
}

#[derive(subxt::ext::scale_decode::DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct ClassWeights {
    max_extrinsic: Option<Weight>,
}

/// A transaction without its call and its signature.
struct Draft {
    at: Arc<AtBlock>,
    anchor: Head,
    period: u64,
    nonce: u64,
}

type Signable<'call, C> = SignableTransaction<
    'call,
    SubstrateConfig,
    subxt::client::OnlineClientAtBlockImpl<SubstrateConfig>,
    C,
>;

impl Draft {
    fn signable<'call, C: Payload>(
        &self,
        call: &'call C,
    ) -> Result<Signable<'call, C>, ExtrinsicError> {
        let params = SubstrateExtrinsicParamsBuilder::<SubstrateConfig>::new()
            .nonce(self.nonce)
            .mortal_from_unchecked(
                self.period,
                self.anchor.number.into(),
                H256(self.anchor.hash),
            )
            .build();
        self.at.transactions().create_signable_offline(call, params)
    }

    /// The payload of a call however long it is; of a long one the library only gives its digest. What
    /// follows the call is the same for every call, so it is taken from one that is short enough.
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
            nonce: self.nonce,
            // An era of n blocks from block b covers b to b + n - 1.
            valid_until: self
                .anchor
                .number
                .saturating_add(u32::try_from(self.period).unwrap_or(4096))
                .saturating_sub(1),
        };
        match era_of(&self.at, &tx.bytes).await? {
            Era::Mortal { .. } => Ok(tx),
            Era::Immortal => Err(ChainError::Immortal),
        }
    }
}

/// The era's period: a power of two, no longer than the chain remembers block hashes.
fn era_period(at: &AtBlock) -> u64 {
    let address = subxt::dynamic::constant::<u32>("System", "BlockHashCount");
    let remembered = at.constants().entry(address).map_or(ERA_BLOCKS, u64::from);
    let longest = remembered.clamp(4, ERA_BLOCKS);
    // Greatest power of two that is not above.
    1 << longest.ilog2()
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

/// Reads weight, class and fee. Chains differ in the width of their balances.
fn read_fee(told: &[u8]) -> Result<Balance, ChainError> {
    let unreadable = || ChainError::decode("the fee", format!("{} bytes", told.len()));
    let mut rest = told;
    <(Compact<u64>, Compact<u64>, u8)>::decode(&mut rest).map_err(|_| unreadable())?;
    match *rest {
        [a, b, c, d, e, f, g, h] => Ok(u64::from_le_bytes([a, b, c, d, e, f, g, h]).into()),
        _ => rest
            .try_into()
            .map(Balance::from_le_bytes)
            .map_err(|_| unreadable()),
    }
}

/// Whether the pool says that it has these bytes already.
pub(super) fn is_known(error: &subxt::rpcs::Error) -> bool {
    // sc-rpc-api: 1013 is 'already imported'.
    matches!(error, subxt::rpcs::Error::User(user) if user.code == 1013)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{
        super::still::{metadata, upgrading, usual_extensions},
        *,
    };
    use llm_oracle_signing::verifies;
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
            let at = chain.at(block.hash).await.unwrap();
            let call = ContractCall {
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

    #[test]
    fn a_fee_is_read_whatever_its_width() {
        let head = (Compact(7_u64), Compact(8_u64), 0_u8).encode();
        let wide = [&head[..], &u128::MAX.encode()].concat();
        let narrow = [&head[..], &5_u64.encode()].concat();
        assert!(matches!(read_fee(&wide), Ok(u128::MAX)));
        assert!(matches!(read_fee(&narrow), Ok(5)));
        for wrong in [&head[..], &[], &[&head[..], &[1; 9]].concat()] {
            assert!(matches!(read_fee(wrong), Err(ChainError::Decode { .. })));
        }
    }
}
