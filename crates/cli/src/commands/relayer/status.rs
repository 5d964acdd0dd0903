//! `relayer status`: the status that a running relayer reports.

use crate::{
    context::CommandContext,
    exit::{self, CliError, CommandResult},
    fetch,
    money::{note_coin, Coin, Planck},
    output::table,
    subcommand::RunSubcommand,
    terminal::one_line,
};
use clap::Args;
use llm_oracle_relayer::ops::ADDRESS_FILE;
use serde_json::Value;
use std::{fs, net::SocketAddr};

/// Maximum size of a status, bytes.
const STATUS_BYTES_MAX: usize = 1024 * 1024;

/// Most decimal places of a coin that is shown.
const DECIMALS_MAX: u8 = 24;

/// Arguments of `relayer status`.
#[derive(Args, Debug)]
pub struct RelayerStatusArgs {
    /// Where it listens [default: the address in its store, then `listen` in [ops]]
    #[arg(long, value_name = "IP:PORT")]
    pub address: Option<SocketAddr>,
}

impl RunSubcommand for RelayerStatusArgs {
    /// # Errors
    /// `RELAYER` when none answers. A relayer that is not live or not ready is a result, with the exit
    /// code of [`exit::UNHEALTHY`].
    async fn run(self, context: &CommandContext) -> CommandResult {
        let address = match self.address {
            Some(address) => address,
            None => find(context)?,
        };
        let no_relayer = |reason: String| {
            CliError::new(exit::RELAYER, format!("no relayer at {address}: {reason}")).help(
                "start `llm-oracle relayer run`, or give --address or the --config of one that runs",
            )
        };
        let url = format!("http://{address}/status");
        let fetched = fetch::get(&url, STATUS_BYTES_MAX)
            .await
            .map_err(no_relayer)?;
        let value: Value = serde_json::from_slice(&fetched.body)
            .ok()
            .filter(|value: &Value| fetched.status == 200 && value["ready"].is_object())
            .ok_or_else(|| no_relayer(other_server(fetched.status, &fetched.body)))?;
        if let Some(coin) = coin(&value["coin"]) {
            note_coin(coin);
        }
        context.out.result(&text(&value), &value)?;
        let health = [&value["live"]["ok"], &value["ready"]["ok"]];
        Ok(if health.iter().all(|ok| **ok == Value::Bool(true)) {
            exit::OK
        } else {
            exit::UNHEALTHY
        })
    }
}

/// The coin of the amounts, if the relayer names one that can be shown.
fn coin(stated: &Value) -> Option<Coin> {
    let decimals = u8::try_from(stated["decimals"].as_u64()?).ok()?;
    let symbol = stated["symbol"].as_str().map(one_line)?;
    (decimals <= DECIMALS_MAX).then(|| Coin {
        symbol,
        decimals: decimals.into(),
    })
}

/// What answers, if it is no relayer.
fn other_server(status: u16, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let what = if text.contains("substrate_") {
        "the metrics of a Substrate node are served there".to_owned()
    } else if text.starts_with("# HELP") || text.starts_with("# TYPE") {
        "the metrics of another program are served there".to_owned()
    } else {
        let start: String = text.chars().take(60).collect();
        format!("another server answers there: '{}'", one_line(start.trim()))
    };
    format!("{what} (HTTP status {status})")
}

/// The address of the relayer: it writes it into its store, because the port may be any free one.
fn find(context: &CommandContext) -> Result<SocketAddr, CliError> {
    let file = context.settings.store.join(ADDRESS_FILE);
    let written = fs::read_to_string(file).ok();
    if let Some(address) = written.and_then(|text| text.trim().parse().ok()) {
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

/// A field as text; a missing one is `-`.
fn field(value: &Value) -> String {
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
        "finalized_block",
        "best_block",
        "pending_model_requests",
    ] {
        rows.push(row(name, field(&status[name])));
    }
    if let Some(reload) = reload(&status["last_reload"]) {
        rows.push(row("settings", reload));
    }
    let store = &status["store"];
    rows.push(row("first open request", field(&store["cursor"])));
    rows.push(row("skipped", field(&store["skipped"])));
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

/// What came of reading the settings again.
fn reload(report: &Value) -> Option<String> {
    let keys = |name: &str| {
        let list = report[name].as_array()?;
        let keys: Vec<_> = list.iter().map(field).collect();
        (!keys.is_empty()).then(|| keys.join(", "))
    };
    if let Value::String(error) = &report["error"] {
        return Some(format!("not reloaded, the old ones stay: {error}"));
    }
    let applied = keys("applied").map(|keys| format!("reloaded: {keys}"));
    let applied = applied.unwrap_or_else(|| "reloaded, no value changed".to_owned());
    let waiting = keys("needs_restart").map(|keys| format!("; restart the relayer for: {keys}"));
    report
        .is_object()
        .then(|| format!("{applied}{}", waiting.unwrap_or_default()))
}

fn health(status: &Value) -> String {
    let verdict = &status["ready"];
    if verdict["ok"] == Value::Bool(true) {
        return "ready".to_owned();
    }
    let reasons = verdict["reasons"].as_array().cloned().unwrap_or_default();
    let reasons: Vec<_> = reasons.iter().map(field).collect();
    format!("not ready: {}", reasons.join("; "))
}

fn operator(one: &Value) -> String {
    let amount = |name: &str| {
        let planck = one[name].as_str().and_then(|text| text.parse().ok());
        planck.map_or_else(|| "-".to_owned(), |planck| Planck(planck).to_string())
    };
    let eligible = if one["eligible"] == Value::Bool(true) {
        ""
    } else {
        ", takes no seats"
    };
    format!(
        "{}, slot {}, bond {} of which {} locked, balance {}, credit {}, {} missed reveals{eligible}",
        field(&one["account"]),
        field(&one["slot"]),
        amount("bond"),
        amount("locked"),
        amount("balance"),
        amount("credit"),
        field(&one["missed_reveals"]),
    )
}

fn job(one: &Value) -> String {
    let reason = match &one["reason"] {
        Value::Null => String::new(),
        reason => format!(": {}", field(reason)),
    };
    format!(
        "request {}, {} by {} in {} ms{reason}",
        field(&one["request"]),
        field(&one["state"]),
        field(&one["model"]),
        field(&one["model_ms"]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_answers_instead_of_a_relayer_is_told() {
        for (status, body, part) in [
            (404, "Not found.", "'Not found.' (HTTP status 404)"),
            (200, "# HELP substrate_block_height x", "a Substrate node"),
            (200, "# HELP go_threads x", "another program"),
            (
                200,
                "{\"ready\":1}",
                "another server answers there: '{\"ready\":1}'",
            ),
            (200, "\u{1b}[2J", "'\u{fffd}[2J'"),
        ] {
            let told = other_server(status, body.as_bytes());
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn a_status_reads_in_lines() {
        let status = json!({
            "version": "1", "url": "ws://n", "contract": "5C", "model": "m", "finalized_block": 7,
            "best_block": 9, "pending_model_requests": 0, "live": { "ok": true, "reasons": [] },
            "ready": { "ok": false, "reasons": ["the last iteration failed: x"] },
            "last_reload": { "applied": ["log"], "needs_restart": ["store", "peers.listen"], "error": null },
            "store": { "cursor": 3, "skipped": 1, "jobs": { "revealed": 2 } },
            "operators": [{ "account": "5G", "slot": 0, "eligible": false, "bond": "2000000000000",
                "locked": "0", "balance": "1", "credit": "0", "missed_reveals": 4 }],
            "jobs": [{ "request": 2, "state": "abandoned", "reason": "why", "model": "m", "model_ms": 8 }],
        });
        let shown = text(&status);
        for part in [
            "not ready: the last iteration failed: x",
            "reloaded: log; restart the relayer for: store, peers.listen",
            "2 revealed",
            "4 missed reveals, takes no seats",
            "request 2, abandoned by m in 8 ms: why",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
}
