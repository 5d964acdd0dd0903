//! Sending a transaction, waiting for its block, and reading what it did there.

use super::{
    connection::{AtBlock, Connection},
    dispatch_error::dispatch_error_name,
    error::ChainError,
    event::{read_emitted, Event},
    retry::of_pool,
    types::{block_number, InBlock, SignedTx},
};
use llm_oracle_primitives::{digest, AccountId, Balance, BlockNumber, Hash};
use std::time::Duration;
use subxt::{
    config::SubstrateConfig,
    rpcs::{client::RpcSubscription, methods::legacy::TransactionStatus, Error as RpcError},
    utils::H256,
};

/// How long [`send_and_wait`] waits for a block.
const INCLUSION_TIMEOUT: Duration = Duration::from_secs(120);
/// Poll interval while a transaction that the node does not report on is searched in new blocks.
const SEARCH_INTERVAL: Duration = Duration::from_millis(200);

type TxStatus = TransactionStatus<subxt::config::HashFor<SubstrateConfig>>;

/// Adds bytes to the node's pool. Sending the same bytes again does no harm.
pub(super) async fn submit(connection: &Connection, bytes: &[u8]) -> Result<Hash, ChainError> {
    let sent = connection.rpc.author_submit_extrinsic(bytes).await;
    match sent {
        Ok(hash) => Ok(hash.0),
        Err(error) if is_already_imported(&error) => Ok(digest::blake2(bytes)),
        Err(error) => Err(pool_error(connection, &error)),
    }
}

/// The pool's error by its name, if it is one of the pool's.
fn pool_error(connection: &Connection, error: &RpcError) -> ChainError {
    match (connection.lift("the transaction", error), of_pool(error)) {
        (ChainError::Node { reason, .. }, Some((name, retry))) => ChainError::Pool {
            name,
            retry,
            reason,
        },
        (lifted, _) => lifted,
    }
}

/// Whether the pool says that it has these bytes already.
fn is_already_imported(error: &RpcError) -> bool {
    // sc-rpc-api: 1013 is 'already imported'.
    matches!(error, RpcError::User(user) if user.code == 1013)
}

/// Sends a transaction and waits for its block, or for that block to be final.
///
/// # Errors
/// `Node` or `Dropped` when the chain refuses, `NotIncluded` when no block takes it in time,
/// connection errors.
pub(super) async fn send_and_wait(
    connection: &Connection,
    tx: &SignedTx,
    finalized: bool,
) -> Result<InBlock, ChainError> {
    let before = connection.best().await?.number;
    let waiting = async {
        let sent = connection.rpc.author_submit_and_watch_extrinsic(&tx.bytes);
        match sent.await {
            Ok(stream) => watch(connection, tx, stream, finalized).await,
            // Fork-aware pools say this of new bytes too, when they make a new view of the chain while
            // the bytes come in.
            Err(error) if is_already_imported(&error) => {
                search(connection, tx, before, finalized).await
            }
            Err(error) => Err(pool_error(connection, &error)),
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
    connection: &Connection,
    tx: &SignedTx,
    mut stream: RpcSubscription<TxStatus>,
    finalized: bool,
) -> Result<InBlock, ChainError> {
    let dropped = |reason: &str| {
        Err(ChainError::Dropped {
            hash: tx.hash,
            reason: reason.into(),
        })
    };
    while let Some(status) = stream.next().await {
        let status = status.map_err(|error| connection.lift("the transaction", &error))?;
        match status {
            TxStatus::InBlock(block) if !finalized => return in_block(connection, block).await,
            TxStatus::Finalized(block) => return in_block(connection, block).await,
            TxStatus::Usurped(_) => return dropped("another transaction took its nonce"),
            TxStatus::Dropped => return dropped("the pool is full"),
            TxStatus::Invalid => return dropped("it became invalid"),
            TxStatus::FinalityTimeout(_) => {
                return dropped("its block was not finalized in time");
            }
            TxStatus::Future
            | TxStatus::Ready
            | TxStatus::Broadcast(_)
            | TxStatus::InBlock(_)
            | TxStatus::Retracted(_) => {}
        }
    }
    Err(connection.lift(
        "to follow the transaction",
        &"the node ended the subscription",
    ))
}

/// Searches for a transaction in the blocks above `from`, as they come.
async fn search(
    connection: &Connection,
    tx: &SignedTx,
    from: BlockNumber,
    finalized: bool,
) -> Result<InBlock, ChainError> {
    let mut searched = from;
    loop {
        let head = match finalized {
            true => connection.finalized().await?.number,
            false => connection.best().await?.number,
        };
        for number in searched.saturating_add(1)..=head {
            let Some(block) = connection.hash_at(number).await? else {
                break;
            };
            if position(connection, block, &tx.bytes).await?.is_some() {
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
        tokio::time::sleep(SEARCH_INTERVAL).await;
    }
}

async fn in_block(connection: &Connection, block: H256) -> Result<InBlock, ChainError> {
    let at = connection.at(block.0).await?;
    Ok(InBlock {
        block: block.0,
        number: block_number(at.block_number())?,
    })
}

/// Fee, planck, and oracle events of an included transaction.
///
/// # Errors
/// `Dispatch` when the transaction failed in its block; connection errors.
pub(super) async fn outcome(
    connection: &Connection,
    contract: &AccountId,
    message: &str,
    tx: &SignedTx,
    included: InBlock,
) -> Result<(Balance, Vec<Event>), ChainError> {
    let index = position(connection, included.block, &tx.bytes).await?;
    let index =
        index.ok_or_else(|| ChainError::decode("a block", "our transaction is not in it"))?;
    let (runtime, all) = connection.events_of(included.block).await?;
    let mut charged = Charged::default();
    let mut events = Vec::new();
    for event in all.iter() {
        let event = event.map_err(|error| ChainError::decode("an event", error))?;
        if event.phase() != subxt::events::Phase::ApplyExtrinsic(index) {
            continue;
        }
        charged.record(&runtime, &event)?;
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

/// Position of these bytes among the transactions of a block.
async fn position(
    connection: &Connection,
    block: Hash,
    bytes: &[u8],
) -> Result<Option<u32>, ChainError> {
    let body = connection.rpc.chain_get_block(Some(H256(block))).await;
    let body = body.map_err(|error| connection.lift("a block", &error))?;
    let extrinsics = body.map(|found| found.block.extrinsics).unwrap_or_default();
    let position = extrinsics.iter().position(|extrinsic| extrinsic.0 == bytes);
    // A block has fewer transactions than its 32-bit index can count.
    Ok(position.and_then(|index| u32::try_from(index).ok()))
}

/// What the pallets' events say of a transaction: the fee that the origin paid, planck, and the name of the
/// error that it failed with.
#[derive(Default)]
struct Charged {
    fee: u128,
    failed: Option<String>,
}

#[derive(subxt::ext::scale_decode::DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct FeePaid {
    actual_fee: u128,
}

#[derive(subxt::ext::scale_decode::DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct ExtrinsicFailed {
    dispatch_error: subxt::ext::scale_value::Value<()>,
}

impl Charged {
    fn record(
        &mut self,
        at: &AtBlock,
        event: &subxt::events::Event<'_, subxt::SubstrateConfig>,
    ) -> Result<(), ChainError> {
        let unreadable =
            |error| ChainError::decode(format!("the event {}", event.event_name()), error);
        match (event.pallet_name(), event.event_name()) {
            ("TransactionPayment", "TransactionFeePaid") => {
                let paid: FeePaid = event.decode_fields_unchecked_as().map_err(unreadable)?;
                self.fee = paid.actual_fee;
            }
            ("System", "ExtrinsicFailed") => {
                let failed: ExtrinsicFailed =
                    event.decode_fields_unchecked_as().map_err(unreadable)?;
                self.failed = Some(dispatch_error_name(at, &failed.dispatch_error));
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{
        api::ChainApi,
        inclusion::send_and_wait,
        static_node::{metadata, static_node, usual_extensions, TAKEN_IN},
        types::Weight,
    };
    use subxt_signer::sr25519::dev;

    #[tokio::test]
    async fn a_transaction_that_the_pool_knows_already_is_found_in_its_block() {
        let chain = static_node(metadata(256, &usual_extensions())).await;
        let gas = Weight::default();
        let tx = chain
            .sign_call(&dev::alice(), 0, &[5; 32].into(), 0, &[], gas, None)
            .await
            .unwrap();
        let included = send_and_wait(&chain.connection, &tx, false).await.unwrap();
        assert_eq!(u64::from(included.number), TAKEN_IN);
    }
}
