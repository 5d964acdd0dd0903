//! The chains this node knows: one.

use llm_oracle_runtime::WASM_BINARY;
use sc_service::{ChainType, GenericChainSpec, Properties};
use sp_genesis_builder::DEV_RUNTIME_PRESET;

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
    Ok(GenericChainSpec::builder(code, None)
        .with_name("Development")
        .with_id(DEV_CHAIN_ID)
        .with_chain_type(ChainType::Development)
        .with_properties(properties)
        .with_genesis_config_preset_name(DEV_RUNTIME_PRESET)
        .build())
}
