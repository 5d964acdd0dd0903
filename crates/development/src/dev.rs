//! `dev`: the whole oracle on this machine until it is told to stop.

use crate::{
    deployment::OWNER,
    dev_files::{absolute, DevPaths},
    stack::{DevStack, StackOptions},
};
use clap::Args;
use llm_oracle_chain::ChainApi as _;
use llm_oracle_cli::{
    config::{describe_model, paths, ConfigFile, Overrides},
    context::CommandContext,
    exit::{self, CliError, CommandResult},
    money::Planck,
    output::table,
    relayer_task::stop_signal,
    RunSubcommand,
};
use llm_oracle_support::address::{hex0x, ss58};
use serde_json::{json, Value};
use std::path::{Path, PathBuf};

/// Arguments of `dev`.
#[derive(Args, Debug)]
pub struct DevArgs {
    /// Number of operators to register and answer for
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub operators: u8,
    /// Port of the node's RPC server [default: a free one]
    #[arg(long, value_name = "PORT")]
    pub rpc_port: Option<u16>,
    /// Folder to keep the chain and the relayer's store in, and to resume them from
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Block time, milliseconds [default: one block for each transaction]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(50..))]
    pub block_time: Option<u64>,
    /// Write the settings for the other subcommands to this file, and a description as JSON beside it
    #[arg(long, value_name = "FILE", default_value_os_t = paths::dev_config(), hide_default_value = true)]
    pub config_out: PathBuf,
    /// Model file (GGUF) [env: LLM_ORACLE_MODEL]
    #[arg(long, alias = "model", value_name = "PATH")]
    pub model_file: Option<PathBuf>,
    /// Folder with the built contracts [env: LLM_ORACLE_ARTIFACTS]
    #[arg(long, value_name = "DIR")]
    pub artifacts: Option<PathBuf>,
}

impl RunSubcommand for DevArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        Overrides {
            artifacts: self.artifacts.clone(),
            model_file: self.model_file.clone(),
            ..flags
        }
    }

    /// Starts everything, describes it, and runs until Ctrl-C.
    ///
    /// # Errors
    /// When a part does not start, or ends by itself.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let options = StackOptions {
            operators: self.operators,
            rpc_port: self.rpc_port,
            state: self.state.clone(),
            block_time_ms: self.block_time,
            artifacts: context.settings.artifacts.clone(),
            model: context.settings.model.clone(),
        };
        let files = DevPaths::claim(&self.config_out)?;
        // Dropping a half-started stack stops what has started.
        let stop = stop_signal()?;
        tokio::pin!(stop);
        let mut stack = tokio::select! {
            started = DevStack::start(&options, &context.out) => started?,
            () = &mut stop => return Ok(exit::OK),
        };
        files.write(
            &settings_of(context, &stack),
            &description(context, &stack, &files),
        )?;
        context.out.stage(overview(context, &stack, &files));
        context
            .out
            .result("", &started(context, &stack, &files).await?)?;
        context.out.stage("\nready; Ctrl-C stops everything");
        let broken = tokio::select! {
            failure = stack.broken() => Some(failure),
            () = &mut stop => None,
        };
        context.out.stage("stopping");
        stack.stop().await;
        files.remove();
        broken.map_or(Ok(exit::OK), Err)
    }
}

/// The settings by which the other subcommands find the stack.
fn settings_of(context: &CommandContext, stack: &DevStack) -> ConfigFile {
    ConfigFile {
        url: stack.node.url().to_owned(),
        contract: stack.checked.oracle.address,
        code_hash: stack.checked.code_hash,
        suri: Some(OWNER.to_owned()),
        artifacts: Some(absolute(&context.settings.artifacts)),
        model_file: context.settings.model.local_path().map(absolute),
        store: Some(stack.folder.path().join("relayer")),
    }
}

/// A path as text. A name that is not UTF-8 has no JSON of its own.
fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn description(context: &CommandContext, stack: &DevStack, files: &DevPaths) -> Value {
    let operators = stack.operators.iter().map(|operator| {
        json!({ "account": ss58(&operator.signer.account), "suri": operator.suri, "slot": operator.slot })
    });
    json!({
        "url": stack.node.url(),
        "genesis": hex0x(&stack.checked.config.genesis),
        "contract": ss58(&stack.checked.oracle.address),
        "code_hash": hex0x(&stack.checked.code_hash),
        "domain": hex0x(&stack.checked.config.domain),
        "owner": { "account": ss58(&stack.owner.account), "suri": OWNER },
        "operators": operators.collect::<Vec<_>>(),
        "model": describe_model(&context.settings.model),
        "resumed": stack.resumed,
        "pid": std::process::id(),
        "node": { "pid": stack.node.id(), "binary": shown(&stack.binary), "log": shown(stack.node.log()) },
        "folder": shown(stack.folder.path()),
        "config": shown(&files.config),
        "state": shown(&files.description),
    })
}

async fn started(
    context: &CommandContext,
    stack: &DevStack,
    files: &DevPaths,
) -> Result<Value, CliError> {
    let mut json = description(context, stack, files);
    let chain = &stack.checked.oracle.chain;
    json["owner"]["balance"] = json!(chain.free_balance(&stack.owner.account).await?.to_string());
    Ok(json)
}

fn overview(context: &CommandContext, stack: &DevStack, files: &DevPaths) -> String {
    let resumed = if stack.resumed { " (resumed)" } else { "" };
    let params = &stack.checked.config.params;
    let mut rows = vec![
        (
            "contract",
            format!("{}{resumed}", ss58(&stack.checked.oracle.address)),
        ),
        ("code hash", hex0x(&stack.checked.code_hash)),
        ("owner", format!("{}  {OWNER}", ss58(&stack.owner.account))),
    ];
    for operator in &stack.operators {
        let bond = Planck(params.min_bond);
        let account = ss58(&operator.signer.account);
        rows.push((
            "operator",
            format!("{account}  {}  bond {bond}", operator.suri),
        ));
    }
    rows.extend([
        ("model", describe_model(&context.settings.model)),
        ("folder", stack.folder.path().display().to_string()),
        ("settings", files.config.display().to_string()),
        ("try", "llm-oracle ask \"We are delighted to announce record results.\" --choice positive,negative".to_owned()),
    ]);
    table(
        &[],
        rows.into_iter()
            .map(|(name, value)| vec![name.to_owned(), value]),
    )
}
