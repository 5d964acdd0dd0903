//! The chains this node knows: one.

use llm_oracle_runtime::{WASM_BINARY, genesis};
use sc_service::{ChainSpec, ChainType, GenericChainSpec, Properties};
use sp_core::storage::well_known_keys::CODE;
use sp_runtime::BuildStorage;

/// Id of the development chain, as in `--chain dev`.
pub const DEV_CHAIN_ID: &str = "dev";

/// The development chain. Its genesis depends on the runtime's code alone.
pub fn development() -> Result<GenericChainSpec, String> {
    let code = WASM_BINARY.ok_or_else(|| {
        "this node was built with SKIP_WASM_BUILD and has no runtime to start".to_string()
    })?;
    let mut properties = Properties::new();
    properties.insert("ss58Format".into(), 42.into());
    properties.insert("tokenDecimals".into(), 12.into());
    properties.insert("tokenSymbol".into(), "UNIT".into());
    let mut spec = GenericChainSpec::builder(code, None)
        .with_name("Development")
        .with_id(DEV_CHAIN_ID)
        .with_protocol_id("llm-oracle-dev")
        .with_chain_type(ChainType::Development)
        .with_properties(properties)
        .build();
    // The runtime could build this state from its preset, but that compiles all of it just for
    // one call; the native twin of that function takes no time.
    let mut state = genesis::development().build_storage()?;
    state.top.insert(CODE.to_vec(), code.to_vec());
    spec.set_storage(state);
    Ok(spec)
}
