//! `deploy`: the oracle's contract on a chain.

use super::{
    args::DeployArgs,
    context::{CommandContext, SigningKey},
    exit::{self, CliError, CommandResult},
    money::Planck,
    plan::{deposit_json, nothing_sent},
};
use crate::config::ConfigFile;
use llm_oracle_chain::{messages, Chain, Deployed};
use llm_oracle_support::address::{hex0x, ss58};
use serde_json::json;
use std::{fs, path::Path};

/// File of the oracle's code in the folder of built contracts.
pub const ORACLE_WASM: &str = "llm_oracle.wasm";

/// Deploys the oracle.
///
/// # Errors
/// When the code is not built, or the chain refuses.
pub async fn run(context: &CommandContext, args: &DeployArgs) -> CommandResult {
    let salt = hex::decode(args.salt.trim_start_matches("0x"))
        .map_err(|error| CliError::usage(format!("--salt '{}' is no hex: {error}", args.salt)))?;
    let signer = context.signer()?;
    let wasm = read_code(&context.settings.artifacts, ORACLE_WASM)?;
    let chain = context.chain().await?;
    let constructor = messages::dev(chain.genesis());
    if args.sign.dry_run {
        let dry = chain
            .deploy_dry_run(&signer.account, &wasm, &constructor, 0, &salt)
            .await?;
        let json = json!({
            "dry_run": true,
            "contract": ss58(&dry.address),
            "code_bytes": wasm.len(),
            "weight": { "ref_time": dry.gas_required.ref_time, "proof_size": dry.gas_required.proof_size },
            "storage_deposit": deposit_json(dry.deposit),
        });
        let text = format!(
            "contract         {}\ncode             {} bytes\nstorage deposit  {}\n{}",
            ss58(&dry.address),
            wasm.len(),
            Planck(dry.deposit.charge()),
            nothing_sent()
        );
        context.out.result(&text, &json)?;
        return Ok(exit::OK);
    }
    if !args.sign.skip_confirm {
        context
            .out
            .confirm(&format!("Deploy {} bytes of code?", wasm.len()))?;
    }
    context.out.waiting("deploying");
    let limit = args.sign.storage_deposit_limit.map(|limit| limit.0);
    let made = chain
        .deploy(&signer.pair, &wasm, &constructor, 0, &salt, limit)
        .await?;
    if let Some(path) = &args.config_out {
        let file = ConfigFile {
            url: context.settings.url.clone(),
            contract: made.address,
            code_hash: made.code_hash,
            ..ConfigFile::default()
        };
        file.write(path)?;
        context
            .out
            .stage(format!("settings written to {}", path.display()));
    }
    context
        .out
        .result(&deployed_text(&made), &deployed_json(&made, &chain))?;
    Ok(exit::OK)
}

fn deployed_text(made: &Deployed) -> String {
    format!(
        "contract         {}\ncode hash        {}\ntransaction fee  {}\nstorage deposit  {}",
        ss58(&made.address),
        hex0x(&made.code_hash),
        Planck(made.fee),
        Planck(made.deposit.charge()),
    )
}

fn deployed_json(made: &Deployed, chain: &Chain) -> serde_json::Value {
    json!({
        "contract": ss58(&made.address),
        "code_hash": hex0x(&made.code_hash),
        "genesis": hex0x(&chain.genesis()),
        "block": hex0x(&made.included.block),
        "block_number": made.included.number,
        "transaction_fee": made.fee.to_string(),
        "storage_deposit": deposit_json(made.deposit),
    })
}

/// Reads a built contract.
///
/// # Errors
/// When it is not there.
pub fn read_code(folder: &Path, name: &str) -> Result<Vec<u8>, CliError> {
    let path = folder.join(name);
    fs::read(&path).map_err(|error| {
        CliError::usage(format!(
            "contract code '{}' cannot be read: {error}",
            path.display()
        ))
        .help("build the contracts first (./scripts/setup.sh --contracts), or give --artifacts")
    })
}

/// Deploys the oracle with the defaults of development chains.
///
/// # Errors
/// When the code is not built, or the chain refuses.
pub async fn dev_oracle(
    chain: &Chain,
    artifacts: &Path,
    signer: &SigningKey,
) -> Result<Deployed, CliError> {
    let wasm = read_code(artifacts, ORACLE_WASM)?;
    let constructor = messages::dev(chain.genesis());
    Ok(chain
        .deploy(&signer.pair, &wasm, &constructor, 0, &[], None)
        .await?)
}
