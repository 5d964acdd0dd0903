//! `signer`: the process that holds keys apart from the relayer.

use super::{
    context::Context,
    exit::{self, Failure, Outcome},
    output::Output,
    relayer::stop_signal,
};
use crate::{
    chain::{hex0x, ss58},
    guard::{self, Guard, GuardConfig},
    ops,
};
use serde_json::json;
use std::{fs, path::Path, sync::Arc};
use tokio_util::sync::CancellationToken;

/// Runs a signer until it is told to stop. Its settings are a file of its own.
///
/// # Errors
/// When its settings, keys, record or socket are not as they should be.
pub async fn run(config: Option<&Path>, out: &Output) -> Outcome {
    let config = config.ok_or_else(|| {
        Failure::usage("a signer has no usual settings file")
            .help("give --config; `llm-oracle signer settings` prints most of one")
    })?;
    let config = GuardConfig::load(config)?;
    let guard = Arc::new(Guard::open(&config)?);
    let stop = stop_signal()?;
    let listener = guard::bind(&config.socket)?;
    let accounts: Vec<String> = guard.accounts().iter().map(ss58).collect();
    let socket = config.socket.display().to_string();
    tracing::info!(socket, ?accounts, "signs");
    ops::ready(&format!("signs for {}", accounts.join(", ")));
    let ended = CancellationToken::new();
    let mut serving = tokio::spawn(guard::serve(guard, listener, ended.clone()));
    tokio::select! {
        () = stop => {}
        over = &mut serving => {
            let how = over.err().map_or_else(|| "without a reason".to_owned(), |e| e.to_string());
            return Err(Failure::bug(format!("the signer ended: {how}")));
        }
    }
    ended.cancel();
    let orderly = serving.await;
    // Whoever comes next need not wonder whether somebody still answers there.
    let _ = fs::remove_file(&config.socket);
    orderly.map_err(|error| Failure::bug(format!("the signer failed: {error}")))?;
    out.result("", &json!({ "stopped": true }))?;
    Ok(exit::OK)
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
