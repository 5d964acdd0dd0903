//! The example contract `prediction_market`, as tests call it: every refusal fails the test.

pub use llm_oracle_development::market::{MarketState as State, MarketView as View};

use crate::{
    setting,
    world::{Key, World},
};
use llm_oracle_development::market::MarketContract;
use llm_oracle_primitives::{AccountId, AnswerKind, Balance, DeliveryStatus, RequestId};

/// A deployed contract.
pub struct Market {
    contract: MarketContract,
    /// Reward of a seat, planck.
    reward: Balance,
    /// Its address.
    pub address: AccountId,
}

impl Market {
    /// Deploys one that asks the world's oracle.
    ///
    /// # Panics
    /// When the chain refuses.
    pub async fn deploy(world: &World) -> Self {
        let wasm = setting::wasm("prediction_market");
        let committee = world.accounts();
        let reward = world.config.params.min_reward;
        let asks = (world.oracle.address, committee.as_slice(), reward);
        let (chain, owner) = (world.chain(), &world.owner.pair);
        let contract = MarketContract::deploy(chain, &wasm, owner, asks, &world.salt()).await;
        let contract = contract.unwrap();
        let address = contract.address;
        Self {
            contract,
            address,
            reward,
        }
    }

    /// Opens a yes-or-no market.
    ///
    /// # Panics
    /// When the market refuses.
    pub async fn open(&self, key: &Key, question: &str, closes_in: u32) -> u32 {
        let opened = self
            .contract
            .open(&key.pair, question, &AnswerKind::Bool, closes_in);
        opened.await.unwrap()
    }

    /// Stakes on no (0) or yes (1).
    ///
    /// # Panics
    /// When the market refuses.
    pub async fn stake(&self, key: &Key, market: u32, option: u8, amount: Balance) {
        let staked = self.contract.stake(&key.pair, market, option, amount).await;
        staked.unwrap();
    }

    /// Asks the oracle and returns the number of the request.
    ///
    /// # Panics
    /// When the market or the oracle refuses.
    pub async fn resolve(&self, key: &Key, market: u32, value: Balance) -> RequestId {
        let pays = (self.reward, value);
        let asked = self.contract.resolve(&key.pair, market, pays).await;
        asked.unwrap();
        // Another request may have taken the number of the dry run.
        self.view(market).await.request_id
    }

    /// Pays `account` what it won.
    ///
    /// # Panics
    /// When the market refuses.
    pub async fn claim(&self, key: &Key, market: u32, account: AccountId) -> Balance {
        let claimed = self.contract.claim(&key.pair, market, &account).await;
        claimed.unwrap()
    }

    /// A market.
    ///
    /// # Panics
    /// When it does not exist.
    pub async fn view(&self, market: u32) -> View {
        self.contract.view(market).await.unwrap()
    }

    /// Waits until the oracle has called back.
    pub async fn delivered(&self, world: &World, id: RequestId) {
        crate::eventually("delivery", || async {
            let view = world.view(id).await;
            (view.summary.delivery == DeliveryStatus::Delivered).then_some(())
        })
        .await;
    }

    /// Waits until the oracle has called back in a finalized block.
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
}
