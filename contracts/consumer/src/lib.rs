//! What a contract depends on to ask the LLM oracle.
//!
//! [`Question`] builds the terms, [`Oracle`] asks in a cross-contract call that pays the fee, and
//! [`OracleConsumer`] is the callback that the oracle makes:
//!
//! ```ignore
//! let oracle = Oracle::at(self.oracle);
//! let terms = Question::yes_or_no("Is the tone of this announcement positive? We doubled sales.")
//!     .callback(CALLBACK)
//!     .named(self.operators.clone());
//! let id = oracle.ask(&terms, reward, self.env().transferred_value())?;
//!
//! impl OracleConsumer for MyContract {
//!     #[ink(message, selector = 0x4c4c4d61)]
//!     fn on_answer(&mut self, request_id: RequestId, outcome: Outcome) {
//!         assert_eq!(self.env().caller(), self.oracle);
//!         // … use the outcome
//!     }
//! }
//! ```
#![cfg_attr(not(feature = "std"), no_std)]

mod question;

pub use llm_oracle_primitives::{
    AccountId, Answer, AnswerKind, AnswerState, Assignment, Balance, BlockNumber, CallbackLimits,
    Error, LeastRecord, Margin, ModelRef, Outcome, Phase, Quote, Reason, RequestId, Sampling,
    Source, Terms,
};
pub use question::Question;

use ink::env::{
    call::{
        build_call,
        utils::{Argument, ArgumentList, EmptyArgumentList},
        ExecutionInput, Selector,
    },
    DefaultEnvironment,
};

/// The callback of an asking contract.
#[ink::trait_definition]
pub trait OracleConsumer {
    /// Takes the outcome of a request that this contract asked. Check that the caller is the oracle,
    /// and that the request is one of yours. A callback that fails can be delivered again.
    #[ink(message, selector = 0x4c4c4d61)]
    fn on_answer(&mut self, request_id: RequestId, outcome: Outcome);
}

/// Why a call to the oracle failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(feature = "std", derive(scale_info::TypeInfo))]
pub enum OracleError {
    /// The oracle refused.
    Refused(Error),
    /// The call did not get through: no contract there, too little gas or money, or another interface.
    CallFailed,
}

/// An oracle at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oracle {
    account: AccountId,
}

impl Oracle {
    /// The oracle at `account`.
    pub fn at(account: AccountId) -> Self {
        Self { account }
    }

    /// What [`Self::ask`] would cost now.
    ///
    /// # Errors
    /// `Refused` with what is wrong with the terms or the reward.
    pub fn quote(&self, terms: &Terms, reward: Balance) -> Result<Quote, OracleError> {
        let input = ExecutionInput::new(Selector::new(ink::selector_bytes!("quote")))
            .push_arg(terms)
            .push_arg(reward);
        self.call(0, input)
    }

    /// Asks, with `value` planck of this contract's money; what is above the quote becomes credit of
    /// `refund_to`, or else of this contract. Returns the request's id, which the callback carries.
    ///
    /// # Errors
    /// `Refused` with the reason; nothing has been paid then.
    pub fn ask(
        &self,
        terms: &Terms,
        reward: Balance,
        value: Balance,
    ) -> Result<RequestId, OracleError> {
        self.call(value, ask_input(terms, reward, false))
    }

    /// [`Self::ask`] that also spends what the oracle owes this contract, such as refunds of earlier
    /// requests, as far as `value` does not reach.
    ///
    /// # Errors
    /// `Refused` with the reason; nothing has been paid then.
    pub fn ask_with_credit(
        &self,
        terms: &Terms,
        reward: Balance,
        value: Balance,
    ) -> Result<RequestId, OracleError> {
        self.call(value, ask_input(terms, reward, true))
    }

    /// What the oracle owes an account, planck.
    ///
    /// # Errors
    /// `CallFailed`.
    pub fn credit_of(&self, account: AccountId) -> Result<Balance, OracleError> {
        let selector = Selector::new(ink::selector_bytes!("credit_of"));
        self.read(ExecutionInput::new(selector).push_arg(account))
    }

    /// Has the oracle pay an account what it owes it. Returns how much, planck.
    ///
    /// # Errors
    /// `Refused(NoCredit)` when that is nothing.
    pub fn withdraw(&self, account: AccountId) -> Result<Balance, OracleError> {
        let selector = Selector::new(ink::selector_bytes!("withdraw"));
        self.call(0, ExecutionInput::new(selector).push_arg(account))
    }

    /// Has the oracle settle a request whose end has come.
    ///
    /// # Errors
    /// `Refused(NoSuchRequest)`.
    pub fn advance(&self, request_id: RequestId) -> Result<Phase, OracleError> {
        let selector = Selector::new(ink::selector_bytes!("advance"));
        self.call(0, ExecutionInput::new(selector).push_arg(request_id))
    }

    /// Has the oracle remove an ended request of this contract. Its storage deposit goes to whoever signs
    /// the transaction.
    ///
    /// # Errors
    /// `Refused` with the reason.
    pub fn prune(&self, request_id: RequestId) -> Result<(), OracleError> {
        let selector = Selector::new(ink::selector_bytes!("prune"));
        self.call(0, ExecutionInput::new(selector).push_arg(request_id))
    }

    /// The outcome, or that it is pending, for contracts that want no callback.
    ///
    /// # Errors
    /// `Refused(NoSuchRequest)` when it was never asked or has been pruned.
    pub fn answer_of(&self, request_id: RequestId) -> Result<AnswerState, OracleError> {
        let selector = Selector::new(ink::selector_bytes!("answer_of"));
        self.call(0, ExecutionInput::new(selector).push_arg(request_id))
    }

    /// How many operators have ever registered.
    ///
    /// # Errors
    /// `CallFailed`.
    pub fn operators_count(&self) -> Result<u32, OracleError> {
        let selector = Selector::new(ink::selector_bytes!("operators_count"));
        self.read(ExecutionInput::new(selector))
    }

    fn read<Args: scale::Encode, R: scale::Decode>(
        &self,
        input: ExecutionInput<Args>,
    ) -> Result<R, OracleError> {
        let result = build_call::<DefaultEnvironment>()
            .call(self.account)
            .exec_input(input)
            .returns::<R>()
            .try_invoke();
        match result {
            Ok(Ok(value)) => Ok(value),
            _ => Err(OracleError::CallFailed),
        }
    }

    fn call<Args: scale::Encode, R: scale::Decode>(
        &self,
        value: Balance,
        input: ExecutionInput<Args>,
    ) -> Result<R, OracleError> {
        let result = build_call::<DefaultEnvironment>()
            .call(self.account)
            .transferred_value(value)
            .exec_input(input)
            .returns::<Result<R, Error>>()
            .try_invoke();
        match result {
            Ok(Ok(answer)) => answer.map_err(OracleError::Refused),
            _ => Err(OracleError::CallFailed),
        }
    }
}

type AskInput<'a> = ArgumentList<
    Argument<bool>,
    ArgumentList<Argument<Balance>, ArgumentList<Argument<&'a Terms>, EmptyArgumentList>>,
>;

fn ask_input(terms: &Terms, reward: Balance, use_credit: bool) -> ExecutionInput<AskInput<'_>> {
    ExecutionInput::new(Selector::new(ink::selector_bytes!("ask")))
        .push_arg(terms)
        .push_arg(reward)
        .push_arg(use_credit)
}
