//! `dev`: everything on this machine until it is told to stop.

use super::{
    args::DevArgs,
    stack::{Stack, StackOptions, OWNER},
};
use llm_oracle_cli::{
    config::{describe_model, ConfigFile},
    context::Context,
    exit::{self, Failure, Outcome},
    money::Planck,
    output::table,
    relayer::stop_signal,
};
use llm_oracle_support::address::{hex0x, ss58};
use serde_json::{json, Value};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Starts everything, tells about it, and runs until Ctrl-C.
///
/// # Errors
/// When a part does not start, or ends by itself.
pub async fn run(context: &Context, args: &DevArgs) -> Outcome {
    let options = StackOptions {
        operators: args.operators,
        rpc_port: args.rpc_port,
        state: args.state.clone(),
        block_time_ms: args.block_time,
        artifacts: context.settings.artifacts.clone(),
        model: context.settings.model.clone(),
    };
    // Dropping a half-started stack stops what has started.
    let stop = stop_signal()?;
    tokio::pin!(stop);
    let mut stack = tokio::select! {
        started = Stack::start(&options, &context.out) => started?,
        () = &mut stop => return Ok(exit::OK),
    };
    let files = Files::write(context, args, &stack)?;
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

/// The two files that tell other programs what runs.
struct Files {
    config: PathBuf,
    state: PathBuf,
    text: String,
}

impl Files {
    fn write(context: &Context, args: &DevArgs, stack: &Stack) -> Result<Self, Failure> {
        let model_file = context.settings.model.local_path().map(absolute);
        let file = ConfigFile {
            url: stack.node.url().to_owned(),
            contract: stack.checked.oracle.address,
            code_hash: stack.checked.code_hash,
            suri: Some(OWNER.to_owned()),
            artifacts: Some(absolute(&context.settings.artifacts)),
            model_file,
        };
        file.write(&args.config_out)?;
        let state = args.config_out.with_extension("json");
        let files = Self {
            config: absolute(&args.config_out),
            state: absolute(&state),
            text: file.text(),
        };
        let json = description(context, stack, &files);
        fs::write(&state, format!("{json:#}\n")).map_err(|error| {
            Failure::usage(format!("'{}' cannot be written: {error}", state.display()))
        })?;
        Ok(files)
    }

    /// Removes both, unless another `dev` has written its own since.
    fn remove(&self) {
        if fs::read_to_string(&self.config).is_ok_and(|text| text == self.text) {
            // Whoever removed them before us did our work.
            let _ = fs::remove_file(&self.config);
            let _ = fs::remove_file(&self.state);
        }
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn description(context: &Context, stack: &Stack, files: &Files) -> Value {
    let operators = stack.members.iter().map(|member| {
        json!({ "account": ss58(&member.signer.account), "suri": member.suri, "slot": member.slot })
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
        "node": { "pid": stack.node.id(), "binary": stack.binary, "log": stack.node.log() },
        "folder": stack.folder.path(),
        "config": files.config,
        "state": files.state,
    })
}

async fn started(context: &Context, stack: &Stack, files: &Files) -> Result<Value, Failure> {
    let mut json = description(context, stack, files);
    let chain = &stack.checked.oracle.chain;
    json["owner"]["balance"] = json!(chain.free_balance(&stack.owner.account).await?.to_string());
    Ok(json)
}

fn overview(context: &Context, stack: &Stack, files: &Files) -> String {
    let again = if stack.resumed {
        " (picked up again)"
    } else {
        ""
    };
    let params = &stack.checked.config.params;
    let mut rows = vec![
        (
            "contract",
            format!("{}{again}", ss58(&stack.checked.oracle.address)),
        ),
        ("code hash", hex0x(&stack.checked.code_hash)),
        ("owner", format!("{}  {OWNER}", ss58(&stack.owner.account))),
    ];
    for member in &stack.members {
        let bond = Planck(params.min_bond);
        let account = ss58(&member.signer.account);
        rows.push((
            "operator",
            format!("{account}  {}  bond {bond}", member.suri),
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
