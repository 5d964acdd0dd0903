//! The example contract `prediction_market`, as far as tests call it.
// The derived codecs cast the positions of a handful of variants.
#![allow(clippy::cast_possible_truncation)]

use crate::{
    setting,
    world::{Key, World},
};
use llm_oracle_chain::{Call, Chain, TxOptions};
use llm_oracle_primitives::{
    AccountId, AnswerKind, Balance, BlockNumber, DeliveryStatus, RequestId,
};
use scale::{Decode, Encode};

/// Where a market stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(missing_docs)] // Those of the contract.
pub enum State {
    Open,
    Asked,
    Resolved(u8),
    Void,
}

/// One market.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[allow(missing_docs)] // Those of the contract.
pub struct View {
    pub question: Vec<u8>,
    pub kind: AnswerKind,
    pub closes_at: BlockNumber,
    pub state: State,
    pub request_id: RequestId,
    pub pools: Vec<Balance>,
}

/// A market place.
pub struct Market {
    chain: Chain,
    /// Its address.
    pub address: AccountId,
}

impl Market {
    /// Deploys one that asks the world's oracle.
    ///
    /// # Panics
    /// When the chain refuses.
    pub async fn deploy(world: &World) -> Self {
        let chain = world.oracle.chain.clone();
        let reward = world.config.params.min_reward;
        // ink! returns `Ok(Ok(()))` from constructors that cannot fail, too.
        let constructor = Call::fallible("new", &(world.oracle.address, reward));
        let wasm = setting::wasm("prediction_market");
        let made = chain
            .deploy(
                &world.owner.pair,
                &wasm,
                &constructor,
                0,
                &world.salt(),
                None,
            )
            .await
            .unwrap();
        Self {
            chain,
            address: made.address,
        }
    }

    /// Opens a yes-or-no market.
    pub async fn open(&self, key: &Key, question: &str, closes_in: u32) -> u32 {
        let args = (question.as_bytes(), AnswerKind::Bool, closes_in);
        self.send(key, 0, &Call::plain("open", &args)).await
    }

    /// Stakes on no (0) or yes (1).
    pub async fn stake(&self, key: &Key, market: u32, option: u8, amount: Balance) {
        self.send(
            key,
            amount,
            &Call::<Result<(), ()>>::plain("stake", &(market, option)),
        )
        .await;
    }

    /// Asks the oracle; gives the request.
    pub async fn resolve(&self, key: &Key, market: u32, value: Balance) -> RequestId {
        let call = Call::<Result<RequestId, ()>>::plain("resolve", &market);
        self.send(key, value, &call).await;
        // The dry run's number may have been overtaken.
        self.view(market).await.request_id
    }

    /// Pays `account` what it won.
    pub async fn claim(&self, key: &Key, market: u32, account: AccountId) -> Balance {
        self.send(key, 0, &Call::plain("claim", &(market, account)))
            .await
    }

    /// A market.
    ///
    /// # Panics
    /// When there is none.
    pub async fn view(&self, market: u32) -> View {
        let call: Call<Option<View>> = Call::plain("market", &market);
        let ran = self
            .chain
            .dry_run(&self.address, &self.address, 0, &call, None)
            .await;
        ran.unwrap().value.expect("the market exists")
    }

    /// Waits until the oracle has called back.
    pub async fn delivered(&self, world: &World, id: RequestId) {
        crate::eventually("delivery", || async {
            let view = world.view(id).await;
            (view.summary.delivery == DeliveryStatus::Delivered).then_some(())
        })
        .await;
    }

    /// Waits until the oracle has called back in a final block.
    ///
    /// # Panics
    /// When the chain cannot be read.
    pub async fn delivered_for_good(&self, world: &World, id: RequestId) {
        crate::eventually("final delivery", || async {
            let view = world.view_for_good(id).await?;
            (view.summary.delivery == DeliveryStatus::Delivered).then_some(())
        })
        .await;
    }

    /// No test expects the market to refuse, so its error is not decoded.
    async fn send<T: Decode + std::fmt::Debug>(
        &self,
        key: &Key,
        value: Balance,
        call: &Call<Result<T, ()>>,
    ) -> T {
        let options = TxOptions::default();
        let receipt = self
            .chain
            .call(&key.pair, &self.address, value, call, options)
            .await;
        receipt.unwrap().value.expect("the market takes it")
    }
}
