//! Messages of contracts: encoding of calls and decoding of what they return.

use super::error::ChainError;
use llm_oracle_primitives::{
    AccountId, AnswerEntry, AnswerState, Balance, BlockNumber, CommitEntry, Config, DeliveryStatus,
    Equivocation, Error, Hash, LedgerView, OperatorView, Params, Phase, Quote, RequestId,
    RequestView, RevealEntry, SetView, Signature, Slot, Summary, Terms,
};
use llm_oracle_support::selector;
use scale::{Decode, DecodeAll, Encode};
use std::marker::PhantomData;

/// Results of the entries of a batch, in their order.
pub type BatchResults = Vec<Result<(), Error>>;

/// How a message reports failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Returns {
    /// The value itself.
    Plain,
    /// `Result` with the oracle's error.
    OracleResult,
}

/// One call of a message that returns a `T` on success.
#[derive(Debug)]
pub struct Call<T> {
    name: &'static str,
    input: Vec<u8>,
    returns: Returns,
    value: PhantomData<fn() -> T>,
}

impl<T> Clone for Call<T> {
    fn clone(&self) -> Self {
        Self {
            name: self.name,
            input: self.input.clone(),
            returns: self.returns,
            value: PhantomData,
        }
    }
}

impl<T: Decode> Call<T> {
    /// A message of any contract that returns `T`; a `T` that is a `Result` stays one.
    pub fn plain(name: &'static str, args: &impl Encode) -> Self {
        Self::new(name, args, Returns::Plain)
    }

    /// A message of the oracle that returns `Result<T, Error>`.
    pub fn fallible(name: &'static str, args: &impl Encode) -> Self {
        Self::new(name, args, Returns::OracleResult)
    }

    /// A message with this selector, returning `T`.
    fn with_selector(name: &'static str, selector: [u8; 4], args: &impl Encode) -> Self {
        let mut input = selector.to_vec();
        args.encode_to(&mut input);
        Self {
            name,
            input,
            returns: Returns::Plain,
            value: PhantomData,
        }
    }

    fn new(name: &'static str, args: &impl Encode, returns: Returns) -> Self {
        Self {
            returns,
            ..Self::with_selector(name, selector(name), args)
        }
    }

    /// The message's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Selector and arguments.
    pub fn input(&self) -> &[u8] {
        &self.input
    }

    /// Decodes what the message returned.
    ///
    /// # Errors
    /// `Contract` when the oracle refused; `ForeignContract` when a reverted call returned bytes that are
    /// not the oracle's error; `Decode` when the bytes are not what this version expects.
    pub(super) fn decode(&self, bytes: &[u8], reverted: bool) -> Result<T, ChainError> {
        let unreadable = |reason: String| {
            if reverted {
                ChainError::ForeignContract {
                    message: self.name.into(),
                    bytes: bytes.to_vec(),
                }
            } else {
                ChainError::decode(format!("what {} returned", self.name), reason)
            }
        };
        match self.returns {
            Returns::Plain => {
                let value = Result::<T, LangError>::decode_all(&mut &*bytes);
                value
                    .map_err(|error| unreadable(error.to_string()))?
                    .map_err(|error| unreadable(error.to_string()))
            }
            Returns::OracleResult => {
                let value = Result::<Result<T, Error>, LangError>::decode_all(&mut &*bytes);
                value
                    .map_err(|error| unreadable(error.to_string()))?
                    .map_err(|error| unreadable(error.to_string()))?
                    .map_err(ChainError::Contract)
            }
        }
    }
}

/// ink!'s own error, in its encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, thiserror::Error)]
pub(super) enum LangError {
    #[codec(index = 1)]
    #[error("it has no such message, or the message takes other arguments")]
    CouldNotReadInput,
}

/// The oracle's messages.
#[allow(missing_docs)] // Each is the contract's message of the same name.
pub mod oracle {
    use super::*;

    pub fn register(
        operator: AccountId,
        owner: AccountId,
        family: &[u8],
        signature: Signature,
    ) -> Call<Slot> {
        Call::fallible("register", &(operator, owner, family, signature))
    }
    pub fn declare_family(slot: Slot, family: &[u8]) -> Call<()> {
        Call::fallible("declare_family", &(slot, family))
    }
    pub fn name_owner(slot: Slot, owner: AccountId) -> Call<()> {
        Call::fallible("name_owner", &(slot, owner))
    }
    pub fn publish_set(operators: &[AccountId]) -> Call<u32> {
        Call::fallible("publish_set", &operators)
    }
    pub fn bond(slot: Slot) -> Call<()> {
        Call::fallible("bond", &slot)
    }
    pub fn unbond(slot: Slot, amount: Balance) -> Call<()> {
        Call::fallible("unbond", &(slot, amount))
    }
    pub fn release(slot: Slot) -> Call<Balance> {
        Call::fallible("release", &slot)
    }
    pub fn ask(terms: &Terms, reward: Balance, use_credit: bool) -> Call<RequestId> {
        Call::fallible("ask", &(terms, reward, use_credit))
    }
    pub fn commit_batch(entries: &[CommitEntry]) -> Call<BatchResults> {
        Call::fallible("commit_batch", &entries)
    }
    pub fn reveal_batch(entries: &[RevealEntry]) -> Call<BatchResults> {
        Call::fallible("reveal_batch", &entries)
    }
    pub fn answer_batch(entries: &[AnswerEntry]) -> Call<BatchResults> {
        Call::fallible("answer_batch", &entries)
    }
    pub fn commit(entry: &CommitEntry) -> Call<()> {
        Call::fallible("commit", entry)
    }
    pub fn reveal(entry: &RevealEntry) -> Call<()> {
        Call::fallible("reveal", entry)
    }
    pub fn answer(entry: &AnswerEntry) -> Call<()> {
        Call::fallible("answer", entry)
    }
    pub fn advance(request_id: RequestId) -> Call<Phase> {
        Call::fallible("advance", &request_id)
    }
    pub fn deliver(request_id: RequestId) -> Call<DeliveryStatus> {
        Call::fallible("deliver", &request_id)
    }
    pub fn fund_delivery(request_id: RequestId) -> Call<()> {
        Call::fallible("fund_delivery", &request_id)
    }
    pub fn prune(request_id: RequestId) -> Call<()> {
        Call::fallible("prune", &request_id)
    }
    pub fn withdraw(account: AccountId) -> Call<Balance> {
        Call::fallible("withdraw", &account)
    }
    pub fn report_equivocation(report: &Equivocation) -> Call<Balance> {
        Call::fallible("report_equivocation", report)
    }

    pub fn set_paused(paused: bool) -> Call<()> {
        Call::fallible("set_paused", &paused)
    }
    pub fn offer_ownership(to: AccountId) -> Call<()> {
        Call::fallible("offer_ownership", &to)
    }
    pub fn take_ownership() -> Call<()> {
        Call::fallible("take_ownership", &())
    }
    pub fn announce_params(params: &Params) -> Call<BlockNumber> {
        Call::fallible("announce_params", params)
    }
    pub fn announce_upgrade(code_hash: Hash) -> Call<BlockNumber> {
        Call::fallible("announce_upgrade", &code_hash)
    }
    pub fn upgrade() -> Call<()> {
        Call::fallible("upgrade", &())
    }

    pub fn interface_version() -> Call<u32> {
        Call::plain("interface_version", &())
    }
    pub fn config() -> Call<Config> {
        Call::plain("config", &())
    }
    pub fn quote(terms: &Terms, reward: Balance) -> Call<Quote> {
        Call::fallible("quote", &(terms, reward))
    }
    pub fn next_id() -> Call<RequestId> {
        Call::plain("next_id", &())
    }
    pub fn lowest_open_id() -> Call<RequestId> {
        Call::plain("lowest_open_id", &())
    }
    pub fn operators_count() -> Call<u32> {
        Call::plain("operators_count", &())
    }
    pub fn set(number: u32) -> Call<Option<SetView>> {
        Call::plain("set", &number)
    }
    pub fn request(request_id: RequestId) -> Call<Option<RequestView>> {
        Call::plain("request", &request_id)
    }
    pub fn terms(request_id: RequestId) -> Call<Option<Terms>> {
        Call::plain("terms", &request_id)
    }
    pub fn summaries(from: RequestId, limit: u32) -> Call<Vec<Summary>> {
        Call::plain("summaries", &(from, limit))
    }
    pub fn answer_of(request_id: RequestId) -> Call<AnswerState> {
        Call::fallible("answer_of", &request_id)
    }
    pub fn operator(account: AccountId) -> Call<Option<OperatorView>> {
        Call::plain("operator", &account)
    }
    pub fn operators(from: Slot, limit: u32) -> Call<Vec<OperatorView>> {
        Call::plain("operators", &(from, limit))
    }
    pub fn credit_of(account: AccountId) -> Call<Balance> {
        Call::plain("credit_of", &account)
    }
    pub fn ledger() -> Call<LedgerView> {
        Call::plain("ledger", &())
    }

    /// The constructor with its parameters, for a coin of `unit` planck.
    pub fn new(genesis: Hash, unit: Balance, params: &Params, sink: Option<AccountId>) -> Call<()> {
        Call::fallible("new", &(genesis, unit, params, sink))
    }
    /// The constructor with the default parameters for a coin of `unit` planck.
    pub fn with_defaults(genesis: Hash, unit: Balance) -> Call<()> {
        Call::fallible("with_defaults", &(genesis, unit))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_inks() {
        // ink!'s documented example: the message `flip` of every tutorial.
        assert_eq!(selector("flip"), [0x63, 0x3a, 0xa5, 0x51]);
    }

    #[test]
    fn refusals_are_told_apart_from_rubbish() {
        let call = oracle::next_id();
        assert_eq!(
            call.decode(&Ok::<u64, LangError>(7).encode(), false)
                .unwrap(),
            7
        );
        let lang = Err::<u64, _>(LangError::CouldNotReadInput).encode();
        assert_eq!(lang, [1, 1]);
        assert!(matches!(
            call.decode(&lang, true),
            Err(ChainError::ForeignContract { .. })
        ));
        assert!(matches!(
            call.decode(&[0, 1], false),
            Err(ChainError::Decode { .. })
        ));

        let refused = Ok::<Result<Phase, Error>, LangError>(Err(Error::NotEnded)).encode();
        let error = oracle::advance(0).decode(&refused, true).unwrap_err();
        assert!(matches!(error, ChainError::Contract(Error::NotEnded)));
    }
}
