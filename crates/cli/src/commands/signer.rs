//! `signer`: settings for the signing daemon, and the old name of its program.

use crate::{
    context::CommandContext,
    exit::{self, CliError, CommandResult},
    flags::GlobalFlags,
    log::LogFormat,
    subcommand::RunSubcommand,
};
use clap::{Args, Subcommand};
use llm_oracle_support::address::{hex0x, ss58};
use serde_json::json;
use std::{env, os::unix::process::CommandExt, path::Path, process::Command};

/// The daemon's program.
const PROGRAM: &str = "llm-oracle-signer";

/// Subcommands of `signer`.
#[derive(Subcommand, Debug)]
pub enum SignerSubcommand {
    /// Run llm-oracle-signer; --config names its own settings file
    Run(SignerRunArgs),
    /// Print the settings that a signer needs for this chain and contract
    Settings(SignerSettingsArgs),
}

crate::subcommand::run_variants!(SignerSubcommand { Run, Settings });

/// Arguments of `signer run`.
#[derive(Args, Debug)]
pub struct SignerRunArgs {
    /// Log as JSON lines
    #[arg(long)]
    pub log_json: bool,
}

impl SignerRunArgs {
    /// Replaces this process by the daemon. It has a program of its own; this name of it is kept for one
    /// release.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn exec(&self, global: &GlobalFlags) -> CommandResult {
        let this = env::current_exe().ok();
        let beside = this
            .as_deref()
            .and_then(Path::parent)
            .map(|folder| folder.join(PROGRAM));
        let program = beside.filter(|program| program.is_file());
        let mut command = Command::new(program.as_deref().unwrap_or(Path::new(PROGRAM)));
        if let Some(config) = &global.config {
            command.arg("--config").arg(config);
        }
        if global.json {
            command.arg("--json");
        }
        command.arg("run");
        if self.log_json {
            command.arg("--log-json");
        }
        // Returns only if the program could not be started.
        let error = command.exec();
        let failure = CliError::usage(format!("cannot start {PROGRAM}: {error}"));
        Err(failure.help(format!(
            "install {PROGRAM} beside llm-oracle, or start it directly"
        )))
    }
}

impl RunSubcommand for SignerRunArgs {
    fn service_log(&self) -> Option<LogFormat> {
        Some(LogFormat::json_if(self.log_json))
    }

    async fn run(self, _: &CommandContext) -> CommandResult {
        Err(CliError::bug(
            "the signer must start before the relayer's settings are loaded",
        ))
    }
}

/// Arguments of `signer settings`: none of its own.
#[derive(Args, Debug)]
pub struct SignerSettingsArgs {}

impl RunSubcommand for SignerSettingsArgs {
    /// # Errors
    /// When the node or the contract is not the one of the settings.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let checked = context.oracle().await?;
        let [pallet, call] = checked.oracle.chain.contracts_call().await?;
        let contract = ss58(&checked.oracle.address);
        let domain = hex0x(&checked.config.domain);
        let text = format!(
            "contract = \"{contract}\"\ndomain = \"{domain}\"\ncontracts_call = [{pallet}, {call}]"
        );
        let json =
            json!({ "contract": contract, "domain": domain, "contracts_call": [pallet, call] });
        context.out.result(&text, &json)?;
        Ok(exit::OK)
    }
}
