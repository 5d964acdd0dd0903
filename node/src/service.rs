//! Puts the node together: client, pool, RPC, block production and finality. No peers.

use crate::{
    finality, rpc,
    seal::{self, Seal},
};
use futures::channel::mpsc;
use llm_oracle_runtime::{Hash, RuntimeApi, opaque::Block};
use sc_basic_authorship::ProposerFactory;
use sc_consensus::LongestChain;
use sc_consensus_manual_seal::{EngineCommand, ManualSealParams, run_manual_seal};
use sc_executor::{DEFAULT_HEAP_ALLOC_STRATEGY, HeapAllocStrategy, WasmExecutor};
use sc_network::{Litep2pNetworkBackend, NetworkBackend, config::FullNetworkConfiguration};
use sc_service::{
    BuildNetworkParams, Configuration, KeystoreContainer, SpawnTasksParams, TaskManager,
    config::ExecutorConfiguration, error::Error as ServiceError,
};
use sc_transaction_pool::TransactionPoolHandle;
use std::{env, path::PathBuf, sync::Arc, time::Duration};

/// Host functions that the runtime's Wasm may call.
type HostFunctions = sp_io::SubstrateHostFunctions;
/// Access to the chain and its runtime.
pub type FullClient = sc_service::TFullClient<Block, RuntimeApi, WasmExecutor<HostFunctions>>;
type FullBackend = sc_service::TFullBackend<Block>;
type FullPool = TransactionPoolHandle<Block, FullClient>;

/// Calls of `engine_*` that may wait for block production at a time.
const ENGINE_QUEUE_LEN: usize = 1_024;

/// What the node's own flags say.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// When blocks are made.
    pub seal: Seal,
    /// How long after its import a block becomes final.
    pub finality_delay: Duration,
}

/// Starts the node; it runs until the returned task manager is dropped or an essential task ends.
pub fn start(mut config: Configuration, options: Options) -> Result<TaskManager, ServiceError> {
    stay_alone(&mut config);

    let executor = executor(&config.executor);
    let (client, backend, keystore, mut task_manager) =
        sc_service::new_full_parts::<Block, RuntimeApi, _>(&config, None, executor, Vec::new())?;
    let client = Arc::new(client);
    let pool = Arc::new(
        sc_transaction_pool::Builder::new(
            task_manager.spawn_essential_handle(),
            client.clone(),
            config.role.is_authority().into(),
        )
        .with_options(config.transaction_pool.clone())
        .with_prometheus(config.prometheus_registry())
        .build(),
    );
    let (engine, engine_commands) = mpsc::channel(ENGINE_QUEUE_LEN);

    spawn_sealing(
        &config,
        &task_manager,
        &client,
        &backend,
        &pool,
        options,
        engine_commands,
    );
    spawn_network_and_rpc::<Litep2pNetworkBackend>(
        config,
        &mut task_manager,
        client,
        backend,
        pool,
        keystore,
        engine,
    )?;
    Ok(task_manager)
}

/// Runs the runtime, with its compiled code kept for the next start: compiling takes most of a
/// start, and tests start many nodes.
fn executor(config: &ExecutorConfiguration) -> WasmExecutor<HostFunctions> {
    let heap = config
        .default_heap_pages
        .map_or(DEFAULT_HEAP_ALLOC_STRATEGY, |pages| {
            HeapAllocStrategy::Static {
                extra_pages: pages.try_into().unwrap_or(u32::MAX),
            }
        });
    let builder = WasmExecutor::builder()
        .with_execution_method(config.wasm_method)
        .with_onchain_heap_alloc_strategy(heap)
        .with_offchain_heap_alloc_strategy(heap)
        .with_max_runtime_instances(config.max_runtime_instances)
        .with_runtime_cache_size(config.runtime_cache_size);
    match cache_folder() {
        Some(folder) => builder.with_cache_path(folder).build(),
        None => builder.build(),
    }
}

/// `$LLM_ORACLE_CACHE/node`, by default `~/.cache/llm-oracle/node`.
fn cache_folder() -> Option<PathBuf> {
    let root = env::var_os("LLM_ORACLE_CACHE")
        .map(PathBuf::from)
        .or_else(|| {
            let home = env::var_os("HOME").map(PathBuf::from)?;
            Some(home.join(".cache/llm-oracle"))
        })?;
    root.is_absolute().then(|| root.join("node"))
}

/// The service can't do without a network stack, but this one neither listens nor looks for
/// anybody: two nodes on one machine must not meet.
fn stay_alone(config: &mut Configuration) {
    let network = &mut config.network;
    network.listen_addresses.clear();
    network.boot_nodes.clear();
    network.default_peers_set.in_peers = 0;
    network.default_peers_set.out_peers = 0;
    network.enable_dht_random_walk = false;
    network.transport = sc_network::config::TransportConfig::Normal {
        enable_mdns: false,
        allow_private_ip: false,
    };
    config.telemetry_endpoints = None;
}

/// Block production and finality.
fn spawn_sealing(
    config: &Configuration,
    task_manager: &TaskManager,
    client: &Arc<FullClient>,
    backend: &Arc<FullBackend>,
    pool: &Arc<FullPool>,
    options: Options,
    engine_commands: mpsc::Receiver<EngineCommand<Hash>>,
) {
    let proposer = ProposerFactory::new(
        task_manager.spawn_handle(),
        client.clone(),
        pool.clone(),
        config.prometheus_registry(),
        None,
    );
    let sealing = run_manual_seal(ManualSealParams {
        block_import: client.clone(),
        env: proposer,
        client: client.clone(),
        pool: pool.clone(),
        commands_stream: seal::commands(options.seal, pool.as_ref(), engine_commands),
        select_chain: LongestChain::new(backend.clone()),
        consensus_data_provider: None,
        create_inherent_data_providers: |_, ()| async {
            Ok(sp_timestamp::InherentDataProvider::from_system_time())
        },
    });
    let finalizing = finality::finalize_best_blocks(client.clone(), options.finality_delay);

    let tasks = task_manager.spawn_essential_handle();
    tasks.spawn_blocking("seal", None, sealing);
    tasks.spawn_blocking("finality", None, finalizing);
}

fn spawn_network_and_rpc<N: NetworkBackend<Block, Hash>>(
    config: Configuration,
    task_manager: &mut TaskManager,
    client: Arc<FullClient>,
    backend: Arc<FullBackend>,
    pool: Arc<FullPool>,
    keystore: KeystoreContainer,
    engine: mpsc::Sender<EngineCommand<Hash>>,
) -> Result<(), ServiceError> {
    let import_queue = sc_consensus_manual_seal::import_queue(
        Box::new(client.clone()),
        &task_manager.spawn_essential_handle(),
        config.prometheus_registry(),
    );
    let net_config = FullNetworkConfiguration::<_, _, N>::new(
        &config.network,
        config.prometheus_registry().cloned(),
    );
    let (network, system_rpc_tx, tx_handler_controller, sync_service, _bitswap) =
        sc_service::build_network(BuildNetworkParams {
            config: &config,
            net_config,
            client: client.clone(),
            transaction_pool: pool.clone(),
            spawn_handle: task_manager.spawn_handle(),
            spawn_essential_handle: task_manager.spawn_essential_handle(),
            import_queue,
            block_announce_validator_builder: None,
            warp_sync_config: None,
            block_relay: None,
            metrics: N::register_notification_metrics(config.prometheus_registry()),
            gap_sync_body_policy: None,
        })?;

    let rpc_builder = {
        let (client, pool) = (client.clone(), pool.clone());
        Box::new(move |_| {
            rpc::methods(client.clone(), pool.clone(), engine.clone())
                .map_err(ServiceError::Application)
        })
    };
    sc_service::spawn_tasks(SpawnTasksParams {
        config,
        client,
        backend,
        task_manager,
        keystore: keystore.keystore(),
        transaction_pool: pool,
        rpc_builder,
        network,
        system_rpc_tx,
        tx_handler_controller,
        sync_service,
        telemetry: None,
        tracing_execute_block: None,
    })?;
    Ok(())
}
