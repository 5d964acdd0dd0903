//! Dry runs through the runtime API `ContractsApi`.

use super::{
    connection::{AtBlock, Connection},
    dispatch_error::dispatch_error_name,
    error::ChainError,
    types::{Deposit, DryRunOutcome, DryRunRequest, Weight},
};
use llm_oracle_primitives::AccountId;
use llm_oracle_support::address::account32;
use subxt::{
    ext::{
        frame_decode::runtime_apis::IntoEncodableValues, scale_decode::DecodeAsType,
        scale_value::Value,
    },
    utils::AccountId32,
};

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(super) struct Executed<Returned> {
    pub(super) gas_consumed: Weight,
    pub(super) gas_required: Weight,
    pub(super) storage_deposit: Deposit,
    pub(super) debug_message: Vec<u8>,
    /// The error stays a dynamic value: the metadata gives its names.
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
    /// The returned bytes, and whether the call was reverted.
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

/// Runs a call without sending it.
pub(super) async fn run_call(
    connection: &Connection,
    request: DryRunRequest<'_>,
) -> Result<DryRunOutcome, ChainError> {
    let at = connection.at_or_best(request.at).await?;
    let message = request.message;
    let args: CallArgs = (
        account32(request.origin),
        account32(request.contract),
        request.value,
        request.limits.gas,
        request.limits.deposit,
        request.input.to_vec(),
    );
    let ran: Executed<ReturnValue> = call_api(connection, &at, "call", message, args).await?;
    let result = ran.returned(&at, message, request.contract)?;
    let (data, reverted) = result.parts();
    Ok(DryRunOutcome {
        data: data.to_vec(),
        reverted,
        gas_required: ran.gas_required,
        gas_consumed: ran.gas_consumed,
        deposit: ran.storage_deposit,
    })
}

/// Calls a method of `ContractsApi`.
pub(super) async fn call_api<A: IntoEncodableValues, R: DecodeAsType>(
    connection: &Connection,
    at: &AtBlock,
    method: &str,
    message: &str,
    args: A,
) -> Result<R, ChainError> {
    let payload = subxt::dynamic::runtime_api_call::<A, R>("ContractsApi", method, args);
    let answer = at.runtime_apis().call(payload).await;
    answer.map_err(|error| connection.lift(&format!("the dry run of {message}"), &error))
}

impl<R> Executed<R> {
    /// What the contract returned, or the dispatch error by its name.
    pub(super) fn returned(
        &self,
        at: &AtBlock,
        message: &str,
        contract: &AccountId,
    ) -> Result<&R, ChainError> {
        self.result.as_ref().map_err(|error| {
            let name = dispatch_error_name(at, error);
            if name == "Contracts::ContractNotFound" {
                return ChainError::NoContract { address: *contract };
            }
            let debug = String::from_utf8_lossy(&self.debug_message).into_owned();
            ChainError::Dispatch {
                message: message.to_owned(),
                name,
                debug,
            }
        })
    }
}
