//! Upload, instantiation and calls, with the semantics of the transactions of that name.

use crate::{
    AccountId, Balance, CallOutcome, DispatchError, ExecReturnValue, Hash, InstantiateError,
    InstantiateOutcome, Sandbox, Weight,
    outcome::{PalletResult, contract_events, wide},
};
use frame_support::{
    dispatch::DispatchClass,
    pallet_prelude::Encode,
    storage::{TransactionOutcome, with_transaction_unchecked},
};
use llm_oracle_runtime::{
    Contracts, RuntimeCall, System, TxExtension, UncheckedExtrinsic, config::RuntimeBlockWeights,
};
use pallet_contracts::{Code, CollectEvents, DebugInfo, Determinism};
use sp_runtime::{MultiSignature, SaturatedConversion, generic::Era};

/// What a call may use at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Weight.
    pub gas: Weight,
    /// What the caller pays for storage; without one it is the chain's own limit.
    pub storage_deposit: Option<Balance>,
}

impl Default for Limits {
    /// All that one transaction can have.
    fn default() -> Self {
        let weights = RuntimeBlockWeights::get();
        let gas = weights
            .get(DispatchClass::Normal)
            .max_extrinsic
            .unwrap_or(weights.max_block);
        Self {
            gas,
            storage_deposit: None,
        }
    }
}

/// Whether a call's changes stay if it succeeds.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Commit,
    DryRun,
}

impl Sandbox {
    /// Uploads code and makes a contract of it, as `instantiate_with_code` does. The address
    /// depends on the caller, the code, the input and the salt.
    ///
    /// # Errors
    /// If the pallet refuses the code or the constructor fails or reverts.
    pub fn upload_and_instantiate(
        &mut self,
        wasm: &[u8],
        input: Vec<u8>,
        value: Balance,
        salt: Vec<u8>,
        caller: AccountId,
    ) -> Result<AccountId, InstantiateError> {
        self.instantiate_code(Code::Upload(wasm.to_vec()), input, value, salt, caller)
            .contract()
    }

    /// Makes a contract of code, new or uploaded before, and tells what it took.
    pub fn instantiate_code(
        &mut self,
        code: Code<Hash>,
        input: Vec<u8>,
        value: Balance,
        salt: Vec<u8>,
        caller: AccountId,
    ) -> InstantiateOutcome {
        let limits = Limits::default();
        self.execute(|| {
            let (outcome, events) = run(
                Mode::Commit,
                || {
                    Contracts::bare_instantiate(
                        caller,
                        value.saturated_into(),
                        limits.gas,
                        limits
                            .storage_deposit
                            .map(SaturatedConversion::saturated_into),
                        code,
                        input,
                        salt,
                        DebugInfo::Skip,
                        CollectEvents::Skip,
                    )
                },
                |made| &made.result,
            );
            InstantiateOutcome {
                result: outcome.result.map(|made| (made.account_id, made.result)),
                gas_consumed: outcome.gas_consumed,
                gas_required: outcome.gas_required,
                storage_deposit: wide(outcome.storage_deposit),
                events,
            }
        })
    }

    /// Uploads code without making a contract of it; gives its hash.
    ///
    /// # Errors
    /// If the pallet refuses the code.
    pub fn upload(&mut self, wasm: &[u8], caller: AccountId) -> Result<Hash, DispatchError> {
        self.execute(|| {
            Contracts::bare_upload_code(caller, wasm.to_vec(), None, Determinism::Enforced)
                .map(|uploaded| uploaded.code_hash)
        })
    }

    /// Calls a contract with all the weight that a transaction can have.
    pub fn call(
        &mut self,
        caller: AccountId,
        contract: AccountId,
        input: Vec<u8>,
        value: Balance,
    ) -> CallOutcome {
        self.call_with_limits(caller, contract, input, value, Limits::default())
    }

    /// Calls a contract. After an error or a revert the state is what it was.
    pub fn call_with_limits(
        &mut self,
        caller: AccountId,
        contract: AccountId,
        input: Vec<u8>,
        value: Balance,
        limits: Limits,
    ) -> CallOutcome {
        self.call_in(Mode::Commit, caller, contract, input, value, limits)
    }

    /// Calls a contract and undoes it, as clients do before they send a transaction.
    pub fn dry_run(
        &mut self,
        caller: AccountId,
        contract: AccountId,
        input: Vec<u8>,
        value: Balance,
    ) -> CallOutcome {
        self.call_in(
            Mode::DryRun,
            caller,
            contract,
            input,
            value,
            Limits::default(),
        )
    }

    fn call_in(
        &mut self,
        mode: Mode,
        caller: AccountId,
        contract: AccountId,
        input: Vec<u8>,
        value: Balance,
        limits: Limits,
    ) -> CallOutcome {
        let transaction_bytes = transaction_bytes(&caller, &contract, value, limits, input.clone());
        self.execute(|| {
            let (outcome, events) = run(
                mode,
                || {
                    Contracts::bare_call(
                        caller,
                        contract,
                        value.saturated_into(),
                        limits.gas,
                        limits
                            .storage_deposit
                            .map(SaturatedConversion::saturated_into),
                        input,
                        DebugInfo::Skip,
                        CollectEvents::Skip,
                        Determinism::Enforced,
                    )
                },
                |returned| returned,
            );
            CallOutcome {
                result: outcome.result,
                gas_consumed: outcome.gas_consumed,
                gas_required: outcome.gas_required,
                storage_deposit: wide(outcome.storage_deposit),
                events,
                transaction_bytes,
            }
        })
    }
}

/// Size of the signed transaction that makes a call, mortal and without a tip.
fn transaction_bytes(
    caller: &AccountId,
    contract: &AccountId,
    value: Balance,
    limits: Limits,
    data: Vec<u8>,
) -> usize {
    let call = pallet_contracts::Call::call {
        dest: contract.clone().into(),
        value: value.saturated_into(),
        gas_limit: limits.gas,
        storage_deposit_limit: limits.storage_deposit.map(|most| {
            let most: llm_oracle_runtime::Balance = most.saturated_into();
            most.into()
        }),
        data,
    };
    // The bytes of a signature do not change its size.
    let signature = MultiSignature::Sr25519(Default::default());
    let signer = caller.clone().into();
    UncheckedExtrinsic::new_signed(RuntimeCall::Contracts(call), signer, signature, extension())
        .encoded_size()
}

/// What a signed transaction carries besides the call: mortal and without a tip.
pub fn extension() -> TxExtension {
    (
        frame_system::CheckNonZeroSender::new(),
        frame_system::CheckSpecVersion::new(),
        frame_system::CheckTxVersion::new(),
        frame_system::CheckGenesis::new(),
        frame_system::CheckEra::from(Era::mortal(4_096, 0)),
        frame_system::CheckNonce::from(1_000),
        frame_system::CheckWeight::new(),
        pallet_transaction_payment::ChargeTransactionPayment::from(0),
    )
}

/// Runs `f` as a transaction would: its changes and events stay only if it succeeds. A dry run
/// keeps the list of events, but not the changes.
fn run<R>(
    mode: Mode,
    f: impl FnOnce() -> PalletResult<Result<R, DispatchError>>,
    returned: impl Fn(&R) -> &ExecReturnValue,
) -> (
    PalletResult<Result<R, DispatchError>>,
    Vec<crate::ContractEvent>,
) {
    System::reset_events();
    with_transaction_unchecked(|| {
        let outcome = f();
        let succeeded = matches!(&outcome.result, Ok(r) if !returned(r).did_revert());
        if !succeeded {
            return TransactionOutcome::Rollback((outcome, Vec::new()));
        }
        let events = contract_events();
        match mode {
            Mode::Commit => TransactionOutcome::Commit((outcome, events)),
            Mode::DryRun => TransactionOutcome::Rollback((outcome, events)),
        }
    })
}
