//! RPC methods beside those that every node has: nonces, fees, and blocks on demand.

use futures::channel::mpsc;
use jsonrpsee::RpcModule;
use llm_oracle_runtime::{AccountId, Balance, Hash, Nonce, opaque::Block};
use pallet_transaction_payment_rpc::{
    TransactionPayment, TransactionPaymentApiServer, TransactionPaymentRuntimeApi,
};
use sc_consensus_manual_seal::{
    EngineCommand,
    rpc::{ManualSeal, ManualSealApiServer},
};
use sc_transaction_pool_api::TransactionPool;
use sp_api::ProvideRuntimeApi;
use sp_block_builder::BlockBuilder;
use sp_blockchain::HeaderBackend;
use std::{error::Error, sync::Arc};
use substrate_frame_rpc_system::{AccountNonceApi, System, SystemApiServer};

/// `system_accountNextIndex`, `payment_*` and `engine_*`; the last send their commands to
/// `engine`.
pub fn methods<C, P>(
    client: Arc<C>,
    pool: Arc<P>,
    engine: mpsc::Sender<EngineCommand<Hash>>,
) -> Result<RpcModule<()>, Box<dyn Error + Send + Sync>>
where
    C: ProvideRuntimeApi<Block> + HeaderBackend<Block> + Send + Sync + 'static,
    C::Api: AccountNonceApi<Block, AccountId, Nonce>
        + BlockBuilder<Block>
        + TransactionPaymentRuntimeApi<Block, Balance>,
    P: TransactionPool + 'static,
{
    let mut module = RpcModule::new(());
    module.merge(System::new(client.clone(), pool).into_rpc())?;
    module.merge(TransactionPayment::new(client).into_rpc())?;
    module.merge(ManualSeal::new(engine).into_rpc())?;
    Ok(module)
}
