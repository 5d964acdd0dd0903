//! From sent bytes to a block, and from the block to what the transaction did there.

use super::{
    client::Chain,
    error::ChainError,
    event::{read_emitted, Charged, Event},
    tx::{is_known, InBlock, SignedTx},
};
use llm_oracle_primitives::{AccountId, Balance, BlockNumber, Hash};
use std::time::Duration;
use subxt::{
    config::SubstrateConfig,
    rpcs::{client::RpcSubscription, methods::legacy::TransactionStatus},
    utils::H256,
};

/// How long [`Chain::call`] waits for a block.
const INCLUSION_TIMEOUT: Duration = Duration::from_secs(120);
/// Time between two looks at the chain for a transaction that the node does not report on.
const SEARCH_PERIOD: Duration = Duration::from_millis(200);

type Status = TransactionStatus<subxt::config::HashFor<SubstrateConfig>>;

impl Chain {
    /// Sends a transaction and waits for its block, or for that block to be final.
    ///
    /// # Errors
    /// `Node` or `Dropped` when the chain refuses, `NotIncluded` when no block takes it in time,
    /// connection errors.
    pub(super) async fn send_and_wait(
        &self,
        tx: &SignedTx,
        finalized: bool,
    ) -> Result<InBlock, ChainError> {
        let before = self.best().await?.number;
        let waiting = async {
            match self.rpc.author_submit_and_watch_extrinsic(&tx.bytes).await {
                Ok(stream) => self.watch(tx, stream, finalized).await,
                // Fork-aware pools say this of new bytes too, when they make a new view of the
                // chain while the bytes come in.
                Err(error) if is_known(&error) => self.search(tx, before, finalized).await,
                Err(error) => Err(self.pool_error(&error)),
            }
        };
        match tokio::time::timeout(INCLUSION_TIMEOUT, waiting).await {
            Ok(included) => included,
            Err(_) => Err(ChainError::NotIncluded {
                hash: tx.hash,
                seconds: INCLUSION_TIMEOUT.as_secs(),
            }),
        }
    }

    /// Follows what the pool reports.
    async fn watch(
        &self,
        tx: &SignedTx,
        mut stream: RpcSubscription<Status>,
        finalized: bool,
    ) -> Result<InBlock, ChainError> {
        let dropped = |reason: &str| {
            Err(ChainError::Dropped {
                hash: tx.hash,
                reason: reason.into(),
            })
        };
        while let Some(status) = stream.next().await {
            let status = status.map_err(|error| self.lift("the transaction", &error))?;
            match status {
                Status::InBlock(block) if !finalized => return self.in_block(block).await,
                Status::Finalized(block) => return self.in_block(block).await,
                Status::Usurped(_) => return dropped("another transaction took its nonce"),
                Status::Dropped => return dropped("the pool is full"),
                Status::Invalid => return dropped("it became invalid"),
                Status::FinalityTimeout(_) => {
                    return dropped("its block was not finalized in time");
                }
                Status::Future
                | Status::Ready
                | Status::Broadcast(_)
                | Status::InBlock(_)
                | Status::Retracted(_) => {}
            }
        }
        Err(self.lift(
            "to follow the transaction",
            &"the node ended the subscription",
        ))
    }

    /// Looks for a transaction in the blocks above `from`, as they come.
    async fn search(
        &self,
        tx: &SignedTx,
        from: BlockNumber,
        finalized: bool,
    ) -> Result<InBlock, ChainError> {
        let mut searched = from;
        loop {
            let head = match finalized {
                true => self.finalized().await?.number,
                false => self.best().await?.number,
            };
            for number in searched.saturating_add(1)..=head {
                let Some(block) = self.hash_at(number).await? else {
                    break;
                };
                if self.position(block, &tx.bytes).await?.is_some() {
                    return Ok(InBlock { block, number });
                }
                searched = number;
            }
            if head > tx.valid_until {
                return Err(ChainError::Dropped {
                    hash: tx.hash,
                    reason: "no block took it while it was valid".into(),
                });
            }
            tokio::time::sleep(SEARCH_PERIOD).await;
        }
    }

    async fn in_block(&self, block: H256) -> Result<InBlock, ChainError> {
        let at = self.at(block.0).await?;
        let number = BlockNumber::try_from(at.block_number());
        let number = number.map_err(|error| ChainError::decode("a block's height", error))?;
        Ok(InBlock {
            block: block.0,
            number,
        })
    }

    /// Fee and oracle events of an included transaction.
    ///
    /// # Errors
    /// `Dispatch` when the transaction failed in its block; connection errors.
    pub async fn outcome(
        &self,
        contract: &AccountId,
        message: &str,
        tx: &SignedTx,
        included: InBlock,
    ) -> Result<(Balance, Vec<Event>), ChainError> {
        let index = self.position(included.block, &tx.bytes).await?;
        let index =
            index.ok_or_else(|| ChainError::decode("a block", "our transaction is not in it"))?;
        let (ran, all) = self.events_of(included.block).await?;
        let mut charged = Charged {
            fee: 0,
            failed: None,
        };
        let mut events = Vec::new();
        for event in all.iter() {
            let event = event.map_err(|error| ChainError::decode("an event", error))?;
            if event.phase() != subxt::events::Phase::ApplyExtrinsic(index) {
                continue;
            }
            charged.look(&ran, &event)?;
            if let Some(read) = read_emitted(contract, &event) {
                events.push(read?);
            }
        }
        match charged.failed {
            Some(name) => Err(ChainError::Dispatch {
                message: message.to_owned(),
                name,
                debug: String::new(),
            }),
            None => Ok((charged.fee, events)),
        }
    }

    /// Place of our bytes among the transactions of a block.
    async fn position(&self, block: Hash, bytes: &[u8]) -> Result<Option<u32>, ChainError> {
        let body = self.rpc.chain_get_block(Some(H256(block))).await;
        let body = body.map_err(|error| self.lift("a block", &error))?;
        let extrinsics = body.map(|found| found.block.extrinsics).unwrap_or_default();
        let position = extrinsics.iter().position(|extrinsic| extrinsic.0 == bytes);
        // A block has fewer transactions than its 32-bit index can count.
        Ok(position.and_then(|index| u32::try_from(index).ok()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{
        exec::Weight,
        still::{metadata, still, usual_extensions, TAKEN_IN},
    };
    use subxt_signer::sr25519::dev;

    #[tokio::test]
    async fn a_transaction_that_the_pool_knows_already_is_found_in_its_block() {
        let chain = still(metadata(256, &usual_extensions())).await;
        let gas = Weight::default();
        let tx = chain
            .sign_call(&dev::alice(), 0, &[5; 32].into(), 0, &[], gas, None)
            .await
            .unwrap();
        let included = chain.send_and_wait(&tx, false).await.unwrap();
        assert_eq!(u64::from(included.number), TAKEN_IN);
    }
}
