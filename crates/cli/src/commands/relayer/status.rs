//! `relayer status`: how a running relayer is, by its own word.

use super::{
    context::CommandContext,
    exit::{self, CliError, CommandResult},
    fetch,
    money::Planck,
    output::table,
};
use llm_oracle_relayer::ops::ADDRESS_FILE;
use serde_json::Value;
use std::{fs, net::SocketAddr};

/// Largest status, bytes.
const STATUS_BYTES_MAX: usize = 1024 * 1024;

/// Asks a running relayer and shows what it says.
///
/// # Errors
/// `RELAYER` when none answers; a relayer that is not well is a result, with the exit code of
/// [`exit::UNHEALTHY`].
pub async fn run(context: &CommandContext, address: Option<SocketAddr>) -> CommandResult {
    let address = match address {
        Some(address) => address,
        None => find(context)?,
    };
    let silent = |reason: String| {
        CliError::new(exit::RELAYER, format!("no relayer at {address}: {reason}")).help(
            "start `llm-oracle relayer run`, or give --address or the --config of one that runs",
        )
    };
    let url = format!("http://{address}/status");
    let fetched = fetch::get(&url, STATUS_BYTES_MAX).await.map_err(silent)?;
    let value: Value = serde_json::from_slice(&fetched.body)
        .ok()
        .filter(|value: &Value| fetched.status == 200 && value["ready"].is_object())
        .ok_or_else(|| silent("something else answers there".to_owned()))?;
    context.out.result(&text(&value), &value)?;
    let well = [&value["live"]["ok"], &value["ready"]["ok"]];
    Ok(if well.iter().all(|ok| **ok == Value::Bool(true)) {
        exit::OK
    } else {
        exit::UNHEALTHY
    })
}

/// A running relayer says in its store where it listens; the port may be any free one.
fn find(context: &CommandContext) -> Result<SocketAddr, CliError> {
    let file = context.settings.store.join(ADDRESS_FILE);
    let noted = fs::read_to_string(file).ok();
    if let Some(address) = noted.and_then(|text| text.trim().parse().ok()) {
        return Ok(address);
    }
    let configured = context.settings.ops.address().map_err(CliError::usage)?;
    configured.ok_or_else(|| {
        CliError::new(
            exit::RELAYER,
            "the relayer of these settings does not listen",
        )
        .help("set listen in [ops], or give --address")
    })
}

/// A field as words; what is missing as `-`.
fn words(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn text(status: &Value) -> String {
    let mut rows = vec![row("relayer", health(status))];
    for name in [
        "version",
        "url",
        "contract",
        "model",
        "finalized",
        "best",
        "asking",
    ] {
        rows.push(row(name, words(&status[name])));
    }
    let store = &status["store"];
    rows.push(row("first open request", words(&store["cursor"])));
    rows.push(row("left out", words(&store["left_out"])));
    if let Value::Object(jobs) = &store["jobs"] {
        let counts = jobs.iter().map(|(state, count)| format!("{count} {state}"));
        rows.push(row("answers", counts.collect::<Vec<_>>().join(", ")));
    }
    let list = |name: &str| status[name].as_array().cloned().unwrap_or_default();
    rows.extend(
        list("operators")
            .iter()
            .map(|one| row("operator", operator(one))),
    );
    rows.extend(
        list("jobs")
            .iter()
            .take(5)
            .map(|one| row("answer", job(one))),
    );
    table(&[], rows)
}

fn row(name: &str, value: String) -> Vec<String> {
    vec![name.to_owned(), value]
}

fn health(status: &Value) -> String {
    let verdict = &status["ready"];
    if verdict["ok"] == Value::Bool(true) {
        return "ready".to_owned();
    }
    let reasons = verdict["reasons"].as_array().cloned().unwrap_or_default();
    let reasons: Vec<_> = reasons.iter().map(words).collect();
    format!("not ready: {}", reasons.join("; "))
}

fn operator(one: &Value) -> String {
    let amount = |name: &str| {
        let planck = one[name].as_str().and_then(|text| text.parse().ok());
        planck.map_or_else(|| "-".to_owned(), |planck| Planck(planck).to_string())
    };
    let able = if one["able"] == Value::Bool(true) {
        ""
    } else {
        ", takes no seats"
    };
    format!(
        "{}, slot {}, bond {} of which {} locked, balance {}, credit {}, {} silent{able}",
        words(&one["account"]),
        words(&one["slot"]),
        amount("bond"),
        amount("locked"),
        amount("balance"),
        amount("credit"),
        words(&one["silent"]),
    )
}

fn job(one: &Value) -> String {
    let reason = match &one["reason"] {
        Value::Null => String::new(),
        reason => format!(": {}", words(reason)),
    };
    format!(
        "request {}, {} by {} in {} ms{reason}",
        words(&one["request"]),
        words(&one["state"]),
        words(&one["model"]),
        words(&one["model_ms"]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_status_reads_in_lines() {
        let status = json!({
            "version": "1", "url": "ws://n", "contract": "5C", "model": "m", "finalized": 7,
            "best": 9, "asking": 0, "live": { "ok": true, "reasons": [] },
            "ready": { "ok": false, "reasons": ["the last turn failed: x"] },
            "store": { "cursor": 3, "left_out": 1, "jobs": { "revealed": 2 } },
            "operators": [{ "account": "5G", "slot": 0, "able": false, "bond": "2000000000000",
                "locked": "0", "balance": "1", "credit": "0", "silent": 4 }],
            "jobs": [{ "request": 2, "state": "dead", "reason": "why", "model": "m", "model_ms": 8 }],
        });
        let shown = text(&status);
        for part in [
            "not ready: the last turn failed: x",
            "2 revealed",
            "4 silent, takes no seats",
            "request 2, dead by m in 8 ms: why",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
}
