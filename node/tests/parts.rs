//! Arguments, seals and genesis.

use futures::{StreamExt, executor::block_on};
use llm_oracle_node::{
    chain_spec,
    cli::Cli,
    seal::{self, Seal},
};
use llm_oracle_runtime::WASM_BINARY;
use sc_cli::DatabasePruningMode::{Archive, Custom};
use sc_service::{ChainSpec, GenericChainSpec};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

const DEV_RUNTIME_PRESET: &str = "development";

fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_args(["node"].into_iter().chain(args.iter().copied()))
}

#[test]
fn without_arguments_it_is_the_dev_chain_with_instant_seal_and_all_state() {
    let cli = parse(&[]).expect("no argument is needed");
    assert!(cli.run.shared_params.dev);
    assert_eq!(cli.seal(), Seal::Instant);
    assert_eq!(cli.finality_delay(), Duration::from_secs(1));
    let pruning = &cli.run.import_params.pruning_params;
    assert_eq!(pruning.state_pruning, Some(Archive));
    assert_eq!(pruning.blocks_pruning, Archive);
}

#[test]
fn the_usual_flags_are_taken() {
    let cli = parse(&[
        "--dev",
        "--tmp",
        "--rpc-port",
        "0",
        "--finalize-delay-sec",
        "0",
        "--state-pruning",
        "64",
    ])
    .expect("these are the flags of the original");
    assert_eq!(cli.finality_delay(), Duration::ZERO);
    assert_eq!(
        cli.run.import_params.pruning_params.state_pruning,
        Some(Custom(64))
    );
}

#[test]
fn a_block_time_seals_by_interval_and_is_not_zero() {
    let cli = parse(&["--block-time", "200"]).expect("a block time");
    assert_eq!(cli.seal(), Seal::Interval(Duration::from_millis(200)));
    assert!(parse(&["--block-time", "0"]).is_err());
}

#[test]
fn ticks_keep_their_period() {
    let start = Instant::now();
    block_on(
        seal::ticks(Duration::from_millis(20))
            .take(5)
            .collect::<Vec<_>>(),
    );
    let elapsed = start.elapsed();
    assert!(elapsed >= Duration::from_millis(100), "{elapsed:?}");
}

/// The genesis state by key; there are no child tries.
fn state(spec: &GenericChainSpec) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let storage = spec.as_storage_builder().build_storage();
    let storage = storage.expect("the runtime is built and takes its genesis");
    assert!(storage.children_default.is_empty());
    storage.top
}

fn development() -> GenericChainSpec {
    chain_spec::development().expect("the runtime is built")
}

#[test]
fn every_start_makes_the_same_genesis() {
    // Not assert_eq, which would print the code.
    assert!(state(&development()) == state(&development()));
}

/// Other tools make the chain from the runtime's preset; it has to be the same chain.
#[test]
fn the_genesis_is_that_of_the_runtimes_preset() {
    let code = WASM_BINARY.expect("the runtime is built");
    let preset = <GenericChainSpec>::builder(code, None)
        .with_genesis_config_preset_name(DEV_RUNTIME_PRESET)
        .build();
    assert!(state(&development()) == state(&preset));
}
