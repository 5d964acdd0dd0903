//! Dry runs through the runtime API `ContractsApi`.

use super::{
    access::{Access, Ran, Run},
    call::Call,
    client::{AtBlock, Chain},
    error::ChainError,
};
use llm_oracle_primitives::{AccountId, Balance, Hash};
use llm_oracle_support::address::account32;
use scale::Decode;
use subxt::{
    ext::{
        frame_decode::runtime_apis::IntoEncodableValues,
        scale_decode::DecodeAsType,
        scale_encode::EncodeAsType,
        scale_value::{At, Composite, Value, ValueDef},
    },
    utils::AccountId32,
};

/// Execution time and proof size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, EncodeAsType, DecodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub struct Weight {
    /// Picoseconds on reference hardware.
    pub ref_time: u64,
    /// Bytes.
    pub proof_size: u64,
}

impl Weight {
    /// The weight with `percent` on top.
    pub fn with_margin(self, percent: u64) -> Self {
        let more = |part: u64| part.saturating_add((part / 100).saturating_mul(percent));
        Self {
            ref_time: more(self.ref_time),
            proof_size: more(self.proof_size),
        }
    }

    /// The sum of both.
    pub fn plus(self, other: Self) -> Self {
        Self {
            ref_time: self.ref_time.saturating_add(other.ref_time),
            proof_size: self.proof_size.saturating_add(other.proof_size),
        }
    }

    /// In each dimension the smaller of both.
    pub fn at_most(self, other: Self) -> Self {
        Self {
            ref_time: self.ref_time.min(other.ref_time),
            proof_size: self.proof_size.min(other.proof_size),
        }
    }
}

/// What a call does to the origin's storage deposits, planck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub enum Deposit {
    /// Given back to the origin.
    Refund(u128),
    /// Taken from the origin.
    Charge(u128),
}

impl Deposit {
    /// What is taken, planck; 0 when something is given back.
    pub fn charge(&self) -> Balance {
        match self {
            Self::Charge(amount) => *amount,
            Self::Refund(_) => 0,
        }
    }
}

/// What a call would give and cost, had it been sent.
#[derive(Debug, Clone)]
pub struct DryRun<T> {
    /// What it returned.
    pub value: T,
    /// Gas limit it needs.
    pub gas_required: Weight,
    /// Gas it used; what is left of a limit is given back.
    pub gas_consumed: Weight,
    /// Its effect on storage deposits.
    pub deposit: Deposit,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(super) struct Executed<Returned> {
    pub(super) gas_consumed: Weight,
    pub(super) gas_required: Weight,
    pub(super) storage_deposit: Deposit,
    pub(super) debug_message: Vec<u8>,
    /// The error stays a value: its names come from the metadata, not from us.
    pub(super) result: Result<Returned, Value<()>>,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(super) struct ReturnValue {
    flags: Flags,
    data: Vec<u8>,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct Flags {
    bits: u32,
}

impl ReturnValue {
    /// The bytes, and whether the call was reverted.
    pub(super) fn parts(&self) -> (&[u8], bool) {
        (&self.data, self.flags.bits & 1 == 1)
    }
}

type CallArgs = (
    AccountId32,
    AccountId32,
    u128,
    Option<Weight>,
    Option<u128>,
    Vec<u8>,
);

impl Chain {
    /// Runs a call at a block (the best one without `at`) without sending it.
    ///
    /// # Errors
    /// `Contract` when the oracle refuses, `Dispatch` when the call fails in another way,
    /// `NoContract` when nothing is deployed there, connection errors.
    pub async fn dry_run<T: Decode>(
        &self,
        origin: &AccountId,
        contract: &AccountId,
        value: Balance,
        call: &Call<T>,
        at: Option<Hash>,
    ) -> Result<DryRun<T>, ChainError> {
        let chain: &(dyn Access + 'static) = self;
        chain.dry_run(origin, contract, value, call, at).await
    }

    /// The same under a gas limit, for calls that look at what gas is left.
    ///
    /// # Errors
    /// As [`Self::dry_run`].
    pub async fn dry_run_within<T: Decode>(
        &self,
        origin: &AccountId,
        contract: &AccountId,
        value: Balance,
        call: &Call<T>,
        gas_limit: Option<Weight>,
        at: Option<Hash>,
    ) -> Result<DryRun<T>, ChainError> {
        let chain: &(dyn Access + 'static) = self;
        chain
            .dry_run_within(origin, contract, value, call, gas_limit, at)
            .await
    }

    pub(super) async fn run(&self, run: Run<'_>) -> Result<Ran, ChainError> {
        let at = self.at_or_best(run.at).await?;
        let args: CallArgs = (
            account32(run.origin),
            account32(run.contract),
            run.value,
            run.gas_limit,
            None,
            run.input.to_vec(),
        );
        let ran: Executed<ReturnValue> = self.contracts_api(&at, "call", run.message, args).await?;
        let result = self.executed(&at, run.message, run.contract, &ran)?;
        let (data, reverted) = result.parts();
        Ok(Ran {
            data: data.to_vec(),
            reverted,
            gas_required: ran.gas_required,
            gas_consumed: ran.gas_consumed,
            deposit: ran.storage_deposit,
        })
    }

    pub(super) async fn contracts_api<A: IntoEncodableValues, R: DecodeAsType>(
        &self,
        at: &AtBlock,
        method: &str,
        message: &str,
        args: A,
    ) -> Result<R, ChainError> {
        let payload = subxt::dynamic::runtime_api_call::<A, R>("ContractsApi", method, args);
        let answer = at.runtime_apis().call(payload).await;
        answer.map_err(|error| self.lift(&format!("the dry run of {message}"), &error))
    }

    pub(super) fn executed<'a, R>(
        &self,
        at: &AtBlock,
        message: &str,
        contract: &AccountId,
        ran: &'a Executed<R>,
    ) -> Result<&'a R, ChainError> {
        ran.result.as_ref().map_err(|error| {
            let name = dispatch_error_name(at, error);
            if name == "Contracts::ContractNotFound" {
                return ChainError::NoContract { address: *contract };
            }
            let debug = String::from_utf8_lossy(&ran.debug_message).into_owned();
            ChainError::Dispatch {
                message: message.to_owned(),
                name,
                debug,
            }
        })
    }
}

/// Name of a dispatch error, for a module's by the metadata: `Contracts::OutOfGas`.
pub(super) fn dispatch_error_name(at: &AtBlock, error: &Value<()>) -> String {
    let ValueDef::Variant(variant) = &error.value else {
        return error.to_string();
    };
    if variant.name != "Module" {
        return match &variant.values {
            values if values.is_empty() => variant.name.clone(),
            values => format!("{}: {}", variant.name, composite_text(values)),
        };
    }
    module_error_name(at, error).unwrap_or_else(|| error.to_string())
}

fn composite_text(values: &Composite<()>) -> String {
    values
        .values()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn module_error_name(at: &AtBlock, error: &Value<()>) -> Option<String> {
    // `Module(ModuleError { index, error: [u8; 4] })`; older chains have one byte for the error.
    let module = error
        .at(0)
        .filter(|inner| inner.at("index").is_some())
        .unwrap_or(error);
    let index = u8::try_from(module.at("index")?.as_u128()?).ok()?;
    let number = module.at("error")?;
    let number = number.at(0).unwrap_or(number).as_u128()?;
    let metadata = at.metadata();
    let pallet = metadata.pallet_by_error_index(index)?;
    let variant = pallet.error_variant_by_index(u8::try_from(number).ok()?)?;
    Some(format!("{}::{}", pallet.name(), variant.name))
}
