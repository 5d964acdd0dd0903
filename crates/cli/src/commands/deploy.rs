//! `deploy`: the oracle's contract on a chain.

use crate::{
    artifacts::{read_code, ORACLE_WASM},
    config::{ConfigFile, Overrides},
    context::CommandContext,
    contract_call::{deposit_json, nothing_sent},
    exit::{self, CliError, CommandResult},
    flags::SigningFlags,
    funds::{check_deposit, Charges},
    money::Planck,
    param_values::params_json,
    params_file::DeployParams,
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_chain::{messages, Chain, ChainApi as _, Deployed};
use llm_oracle_support::address::{hex0x, ss58};
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `deploy`.
#[derive(Args, Debug)]
pub struct DeployArgs {
    /// Folder with the built contracts [env: LLM_ORACLE_ARTIFACTS]
    #[arg(long, value_name = "DIR")]
    pub artifacts: Option<PathBuf>,
    /// Salt of the address, so that the same code can be deployed again
    #[arg(long, value_name = "HEX", default_value = "")]
    pub salt: String,
    /// Parameters of the contract, TOML or JSON [default: those for the chain's coin]
    #[arg(long, value_name = "FILE")]
    pub params: Option<PathBuf>,
    /// Write the settings for the other subcommands to this file
    #[arg(long, value_name = "FILE")]
    pub config_out: Option<PathBuf>,
    /// Key and transaction.
    #[command(flatten)]
    pub sign: SigningFlags,
}

impl RunSubcommand for DeployArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        Overrides {
            artifacts: self.artifacts.clone(),
            ..self.sign.add_to(flags)
        }
    }

    /// # Errors
    /// When the code is not built, or the chain refuses.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let salt = hex::decode(self.salt.trim_start_matches("0x")).map_err(|error| {
            CliError::usage(format!("--salt '{}' is not hex: {error}", self.salt))
        })?;
        let signer = context.signer()?;
        let wasm = read_code(&context.settings.artifacts, ORACLE_WASM)?;
        let chain = context.chain().await?;
        let unit = chain.properties().await?.unit();
        let made = match &self.params {
            Some(file) => DeployParams::read(file, unit)?,
            None => DeployParams::for_unit(unit),
        };
        let sink = made.sink.unwrap_or(signer.account);
        let constructor = match &self.params {
            Some(_) => messages::new(chain.genesis(), unit, &made.params, made.sink),
            None => messages::with_defaults(chain.genesis(), unit),
        };
        // What is known to fail is not sent: it would cost its fee.
        let dry = chain
            .deploy_dry_run(&signer.account, &wasm, &constructor, 0, &salt)
            .await?;
        check_deposit(dry.deposit, self.sign.deposit_limit()?)?;
        let charges = Charges {
            value: 0,
            fee: 0,
            deposit: dry.deposit,
        };
        charges.check(&signer.account, chain.free_balance(&signer.account).await?)?;
        if self.sign.dry_run {
            let json = json!({
                "dry_run": true,
                "contract": ss58(&dry.address),
                "code_bytes": wasm.len(),
                "unit": unit.to_string(),
                "params": params_json(made.params),
                "sink": ss58(&sink),
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
        if !self.sign.skip_confirm {
            context
                .out
                .confirm(&format!("Deploy {} bytes of code?", wasm.len()))?;
        }
        context.out.waiting("deploying");
        let limit = self.sign.deposit_limit()?;
        let deployed = chain
            .deploy(&signer.pair, &wasm, &constructor, 0, &salt, limit)
            .await?;
        if let Some(path) = &self.config_out {
            let file = ConfigFile {
                url: context.settings.url.clone(),
                contract: deployed.address,
                code_hash: deployed.code_hash,
                ..ConfigFile::default()
            };
            file.write(path)?;
            context
                .out
                .stage(format!("settings written to {}", path.display()));
        }
        context
            .out
            .result(&deployed_text(&deployed), &deployed_json(&deployed, &chain))?;
        Ok(exit::OK)
    }
}

fn deployed_text(deployed: &Deployed) -> String {
    format!(
        "contract         {}\ncode hash        {}\ntransaction fee  {}\nstorage deposit  {}",
        ss58(&deployed.address),
        hex0x(&deployed.code_hash),
        Planck(deployed.fee),
        Planck(deployed.deposit.charge()),
    )
}

fn deployed_json(deployed: &Deployed, chain: &Chain) -> serde_json::Value {
    json!({
        "contract": ss58(&deployed.address),
        "code_hash": hex0x(&deployed.code_hash),
        "genesis": hex0x(&chain.genesis()),
        "block": hex0x(&deployed.included.block),
        "block_number": deployed.included.number,
        "transaction_fee": deployed.fee.to_string(),
        "storage_deposit": deposit_json(deployed.deposit),
    })
}
