//! `signer`: the way to the daemon that holds keys apart from the relayer.

use super::{
    context::Context,
    exit::{self, Failure, Outcome},
};
use llm_oracle_support::address::{hex0x, ss58};
use serde_json::json;
use std::{env, os::unix::process::CommandExt, path::Path, process::Command};

/// The daemon's program.
const PROGRAM: &str = "llm-oracle-signer";

/// Becomes the daemon, which is a program of its own: this name of it is kept for one release.
///
/// # Errors
/// When the program is not there.
pub fn run(config: Option<&Path>, json: bool, log_json: bool) -> Outcome {
    let here = env::current_exe().ok();
    let beside = here
        .as_deref()
        .and_then(Path::parent)
        .map(|folder| folder.join(PROGRAM));
    let program = beside.filter(|program| program.is_file());
    let mut command = Command::new(program.as_deref().unwrap_or(Path::new(PROGRAM)));
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    if json {
        command.arg("--json");
    }
    command.arg("run");
    if log_json {
        command.arg("--log-json");
    }
    // Only an error comes back.
    let error = command.exec();
    let failure = Failure::usage(format!("cannot start {PROGRAM}: {error}"));
    Err(failure.help(format!(
        "install {PROGRAM} beside llm-oracle, and run it itself"
    )))
}

/// Prints what a signer needs to know about the chain and the contract that are set.
///
/// # Errors
/// When node or contract are not what they should be.
pub async fn settings(context: &Context) -> Outcome {
    let checked = context.oracle().await?;
    let [pallet, call] = checked.oracle.chain.contracts_call().await?;
    let contract = ss58(&checked.oracle.address);
    let domain = hex0x(&checked.config.domain);
    let text = format!(
        "contract = \"{contract}\"\ndomain = \"{domain}\"\ncontracts_call = [{pallet}, {call}]"
    );
    let json = json!({ "contract": contract, "domain": domain, "contracts_call": [pallet, call] });
    context.out.result(&text, &json)?;
    Ok(exit::OK)
}
