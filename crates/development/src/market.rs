//! Bindings of the example contract `prediction_market`. Types are those of the contract.
// The derived codecs cast the positions of a handful of variants.
#![allow(clippy::cast_possible_truncation)]

use llm_oracle_chain::{Call, CallReceipt, Chain, TxOptions};
use llm_oracle_cli::exit::{self, CliError};
use llm_oracle_primitives::{AccountId, AnswerKind, Balance, BlockNumber, Error, RequestId};
use llm_oracle_signing::{account_of, Keypair};
use scale::{Decode, Encode};

/// File of its code in the folder of built contracts.
pub const MARKET_WASM: &str = "prediction_market.wasm";

/// State of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum MarketState {
    /// Takes stakes, or can be resolved.
    Open,
    /// The oracle has been asked.
    Asked,
    /// This option won.
    Resolved(u8),
    /// No option won; stakes are returned.
    Void,
}

/// One market.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct MarketView {
    /// The question, UTF-8.
    pub question: Vec<u8>,
    /// Type of its answer.
    pub kind: AnswerKind,
    /// First block that accepts no stakes.
    pub closes_at: BlockNumber,
    /// First block in which the oracle can be asked.
    pub decided_at: BlockNumber,
    /// First block in which anyone may void it, if it is not resolved.
    pub void_at: BlockNumber,
    /// Its state.
    pub state: MarketState,
    /// The request to the oracle, once asked.
    pub request_id: RequestId,
    /// Stakes on each option, planck.
    pub pools: Vec<Balance>,
}

/// Why the oracle rejected the market's question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
enum MarketOracleError {
    Refused(Error),
    CallFailed,
}

/// Errors of the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
enum MarketError {
    NotAMarketQuestion,
    QuestionLength,
    NoSuchMarket,
    NoSuchOption,
    Closed,
    TooSoon,
    RewardTooLow,
    AlreadyAsked,
    NotResolved,
    NothingToClaim,
    NoStake,
    Oracle(MarketOracleError),
    NotTheOracle,
    Overflow,
    TransferFailed,
}

impl From<MarketError> for CliError {
    fn from(error: MarketError) -> Self {
        let why = match error {
            MarketError::Oracle(MarketOracleError::Refused(error)) => {
                format!("the oracle refused: {error}")
            }
            other => format!("{other:?}"),
        };
        Self::new(exit::CONTRACT, format!("the market refused: {why}"))
    }
}

/// A deployed contract. Each method that sends makes a dry run first.
pub struct MarketContract {
    chain: Chain,
    /// Its address.
    pub address: AccountId,
}

impl MarketContract {
    /// Deploys a contract that asks these operators of the oracle at an address, and pays at least so much
    /// planck to each.
    ///
    /// # Errors
    /// When the chain refuses.
    pub async fn deploy(
        chain: &Chain,
        wasm: &[u8],
        signer: &Keypair,
        (oracle, committee, reward): (AccountId, &[AccountId], Balance),
        salt: &[u8],
    ) -> Result<Self, CliError> {
        // ink! returns `Ok(Ok(()))` from constructors that cannot fail, too.
        let constructor = Call::fallible("new", &(oracle, committee, reward));
        let made = chain
            .deploy(signer, wasm, &constructor, 0, salt, None)
            .await?;
        Ok(Self {
            chain: chain.clone(),
            address: made.address,
        })
    }

    /// Opens a market that takes stakes for `closes_in` blocks on something that is decided then, and gives
    /// its number.
    ///
    /// # Errors
    /// When the market or the chain refuses.
    pub async fn open(
        &self,
        signer: &Keypair,
        question: &str,
        kind: &AnswerKind,
        closes_in: u32,
    ) -> Result<u32, CliError> {
        let call = Call::plain("open", &(question.as_bytes(), kind, closes_in, closes_in));
        self.send(signer, 0, &call).await
    }

    /// Stakes on an option.
    ///
    /// # Errors
    /// When the market or the chain refuses.
    pub async fn stake(
        &self,
        signer: &Keypair,
        market: u32,
        option: u8,
        amount: Balance,
    ) -> Result<(), CliError> {
        self.send(signer, amount, &Call::plain("stake", &(market, option)))
            .await
    }

    /// Pays the oracle and asks for a reward of so much planck a seat, and gives the number of the request.
    ///
    /// # Errors
    /// When the market, the oracle or the chain refuses.
    pub async fn resolve(
        &self,
        signer: &Keypair,
        market: u32,
        (reward, value): (Balance, Balance),
    ) -> Result<RequestId, CliError> {
        self.send(signer, value, &Call::plain("resolve", &(market, reward)))
            .await
    }

    /// Pays an account what it won, and gives how much, planck.
    ///
    /// # Errors
    /// When the market or the chain refuses.
    pub async fn claim(
        &self,
        signer: &Keypair,
        market: u32,
        account: &AccountId,
    ) -> Result<Balance, CliError> {
        self.send(signer, 0, &Call::plain("claim", &(market, account)))
            .await
    }

    /// A market.
    ///
    /// # Errors
    /// When there is none, or the chain cannot be read.
    pub async fn view(&self, market: u32) -> Result<MarketView, CliError> {
        let call: Call<Option<MarketView>> = Call::plain("market", &market);
        let outcome = self
            .chain
            .as_ref()
            .dry_run(&self.address, &self.address, 0, &call, None)
            .await?;
        outcome
            .value
            .ok_or_else(|| MarketError::NoSuchMarket.into())
    }

    /// Sends a call if its dry run succeeds. The result is that of the transaction's own dry run, which is
    /// right as long as no one else calls this contract meanwhile.
    async fn send<T: Decode>(
        &self,
        signer: &Keypair,
        value: Balance,
        call: &Call<Result<T, MarketError>>,
    ) -> Result<T, CliError> {
        let (chain, to) = (&self.chain, &self.address);
        chain
            .as_ref()
            .dry_run(&account_of(signer), to, value, call, None)
            .await?
            .value?;
        let receipt: CallReceipt<Result<T, MarketError>> = chain
            .call(signer, to, value, call, TxOptions::default())
            .await?;
        Ok(receipt.value?)
    }
}
