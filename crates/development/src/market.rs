//! The example contract `prediction_market`, as `demo` calls it. Types are those of the contract.
// The derived codecs cast the positions of a handful of variants.
#![allow(clippy::cast_possible_truncation)]

use llm_oracle_chain::{Call, Chain, Receipt, TxOptions};
use llm_oracle_cli::{
    context::Signer,
    exit::{self, Failure},
};
use llm_oracle_primitives::{AccountId, AnswerKind, Balance, BlockNumber, Error, RequestId};
use scale::{Decode, Encode};

/// File of its code in the folder of built contracts.
pub const MARKET_WASM: &str = "prediction_market.wasm";

/// Where a market stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum State {
    /// Takes stakes, or can be resolved.
    Open,
    /// The oracle has been asked.
    Asked,
    /// This option won.
    Resolved(u8),
    /// Nobody won; stakes are returned.
    Void,
}

/// One market.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct MarketView {
    /// The question, UTF-8.
    pub question: Vec<u8>,
    /// Its form.
    pub kind: AnswerKind,
    /// First block without stakes.
    pub closes_at: BlockNumber,
    /// Where it stands.
    pub state: State,
    /// The request to the oracle, once asked.
    pub request_id: RequestId,
    /// Stakes on each option, planck.
    pub pools: Vec<Balance>,
}

/// Why the oracle did not take the market's question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
enum OracleError {
    Refused(Error),
    CallFailed,
}

/// Why the market refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
enum MarketError {
    NotAMarketQuestion,
    QuestionLength,
    NoSuchMarket,
    NoSuchOption,
    Closed,
    StillOpen,
    AlreadyAsked,
    NotResolved,
    NothingToClaim,
    NoStake,
    Oracle(OracleError),
    NotTheOracle,
    Overflow,
    TransferFailed,
}

impl From<MarketError> for Failure {
    fn from(error: MarketError) -> Self {
        let why = match error {
            MarketError::Oracle(OracleError::Refused(error)) => {
                format!("the oracle refused: {error}")
            }
            other => format!("{other:?}"),
        };
        Self::new(exit::CONTRACT, format!("the market refused: {why}"))
    }
}

/// A market place on a chain.
pub struct Market<'a> {
    /// The chain.
    pub chain: &'a Chain,
    /// Its address.
    pub address: AccountId,
}

impl<'a> Market<'a> {
    /// Deploys a market place that asks `oracle` and pays `reward` planck to each seat.
    ///
    /// # Errors
    /// When the chain refuses.
    pub async fn deploy(
        chain: &'a Chain,
        wasm: &[u8],
        signer: &Signer,
        oracle: AccountId,
        reward: Balance,
    ) -> Result<Self, Failure> {
        // ink! returns `Ok(Ok(()))` from constructors that cannot fail, too.
        let constructor = Call::fallible("new", &(oracle, reward));
        let made = chain
            .deploy(&signer.pair, wasm, &constructor, 0, &[], None)
            .await?;
        Ok(Self {
            chain,
            address: made.address,
        })
    }

    /// Opens a market that takes stakes for `closes_in` blocks, and gives its number.
    ///
    /// # Errors
    /// When the market or the chain refuses.
    pub async fn open(
        &self,
        signer: &Signer,
        question: &str,
        kind: &AnswerKind,
        closes_in: u32,
    ) -> Result<u32, Failure> {
        let call = Call::plain("open", &(question.as_bytes(), kind, closes_in));
        self.send(signer, 0, &call).await
    }

    /// Stakes on an option.
    ///
    /// # Errors
    /// When the market or the chain refuses.
    pub async fn stake(
        &self,
        signer: &Signer,
        market: u32,
        option: u8,
        amount: Balance,
    ) -> Result<(), Failure> {
        self.send(signer, amount, &Call::plain("stake", &(market, option)))
            .await
    }

    /// Pays the oracle's fee and asks, and gives the number of the request.
    ///
    /// # Errors
    /// When the market, the oracle or the chain refuses.
    pub async fn resolve(
        &self,
        signer: &Signer,
        market: u32,
        value: Balance,
    ) -> Result<RequestId, Failure> {
        self.send(signer, value, &Call::plain("resolve", &market))
            .await
    }

    /// Pays an account what it won, and gives how much, planck.
    ///
    /// # Errors
    /// When the market or the chain refuses.
    pub async fn claim(
        &self,
        signer: &Signer,
        market: u32,
        account: &AccountId,
    ) -> Result<Balance, Failure> {
        self.send(signer, 0, &Call::plain("claim", &(market, account)))
            .await
    }

    /// A market.
    ///
    /// # Errors
    /// When there is none, or the chain cannot be read.
    pub async fn view(&self, market: u32) -> Result<MarketView, Failure> {
        let call: Call<Option<MarketView>> = Call::plain("market", &market);
        let ran = self
            .chain
            .dry_run(&self.address, &self.address, 0, &call, None)
            .await?;
        ran.value.ok_or_else(|| MarketError::NoSuchMarket.into())
    }

    /// Sends only what the dry run says the market takes. The value is the dry run's: nobody else
    /// uses this market place.
    async fn send<T: Decode>(
        &self,
        signer: &Signer,
        value: Balance,
        call: &Call<Result<T, MarketError>>,
    ) -> Result<T, Failure> {
        let (chain, to) = (self.chain, &self.address);
        chain
            .dry_run(&signer.account, to, value, call, None)
            .await?
            .value?;
        let receipt: Receipt<Result<T, MarketError>> = chain
            .call(&signer.pair, to, value, call, TxOptions::default())
            .await?;
        Ok(receipt.value?)
    }
}
