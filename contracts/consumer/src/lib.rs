//! What a contract depends on to ask the LLM oracle.
//!
//! [`Question`] builds the terms, [`Oracle`] asks in a cross-contract call that pays the fee, and
//! [`OracleConsumer`] is the callback that the oracle makes:
//!
//! ```ignore
//! let oracle = Oracle::at(self.oracle);
//! let terms = Question::yes_or_no("Is the tone of this announcement positive? We doubled sales.")
//!     .callback(CALLBACK)
//!     .terms_for(&oracle)?;
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
    AccountId, Answer, AnswerKind, AnswerState, Assignment, Balance, CallbackLimits, Config, Error,
    LeastRecord, Margin, ModelRef, Outcome, Prompt, Quote, Reason, RequestId, Sampling, Terms,
};
pub use question::Question;

use ink::env::{
    call::{build_call, ExecutionInput, Selector},
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
        let input = ExecutionInput::new(Selector::new(ink::selector_bytes!("ask")))
            .push_arg(terms)
            .push_arg(reward);
        self.call(value, input)
    }

    /// The outcome, or that it is pending, for contracts that want no callback.
    ///
    /// # Errors
    /// `Refused(NoSuchRequest)` when it was never asked or has been pruned.
    pub fn answer_of(&self, request_id: RequestId) -> Result<AnswerState, OracleError> {
        let selector = Selector::new(ink::selector_bytes!("answer_of"));
        self.call(0, ExecutionInput::new(selector).push_arg(request_id))
    }

    /// How many operators have registered.
    ///
    /// # Errors
    /// `CallFailed`.
    pub fn operators(&self) -> Result<u32, OracleError> {
        let selector = Selector::new(ink::selector_bytes!("config"));
        let result = build_call::<DefaultEnvironment>()
            .call(self.account)
            .exec_input(ExecutionInput::new(selector))
            .returns::<Config>()
            .try_invoke();
        match result {
            Ok(Ok(config)) => Ok(config.operators),
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
