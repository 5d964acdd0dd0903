//! Comparing what calls cost with what they did when the stored table was written.

use std::path::Path;

use serde_json::Value;

use crate::targets;

/// How much more a row may cost than it did, in percent.
const MOST_PERCENT: u64 = 5;

/// Fails with every row that takes more execution time, proof, storage deposit or event bytes than
/// [`MOST_PERCENT`] above the stored table, and with every stored row that is missing now. Then the
/// targets: another compiler makes other code, for which those of the stored table have to do.
pub fn check(report: &Value, stored: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(stored).map_err(|error| error.to_string());
    let before: Value = serde_json::from_str(&text?).map_err(|error| error.to_string())?;
    compare(report, &before, stored)?;
    let is_same_code = report["code_bytes"] == before["code_bytes"];
    targets::check(if is_same_code { report } else { &before })
}

fn compare(report: &Value, before: &Value, stored: &Path) -> Result<(), String> {
    let mut worse = Vec::new();
    for table in ["messages", "requests", "crowds"] {
        let rows = before[table].as_object().into_iter().flatten();
        for (name, row) in rows {
            let now = &report[table][name];
            if now.is_null() {
                worse.push(format!("{name}: not measured any more"));
            }
            let fields = row.as_object().into_iter().flatten();
            for (field, before) in fields {
                let (before, now) = (number(before), number(&now[field]));
                // Refunds are negative: a smaller one is worse, too.
                if (now - before) * 100 > before.abs() * i128::from(MOST_PERCENT) {
                    worse.push(format!("{name}: {field} was {before} and is {now}"));
                }
            }
        }
    }
    if worse.is_empty() {
        println!(
            "nothing costs over {MOST_PERCENT} % more than in {}",
            stored.display()
        );
        return Ok(());
    }
    let list = worse.join("\n  ");
    Err(format!(
        "over {MOST_PERCENT} % more than in {}; if it must be so, renew the table with \
         `scripts/bench.sh contract --renew`:\n  {list}",
        stored.display()
    ))
}

/// Deposits are texts, for they can be too large for a JSON number; refunds are negative.
fn number(value: &Value) -> i128 {
    let text = value.as_str().and_then(|text| text.parse().ok());
    text.or_else(|| value.as_i64().map(i128::from)).unwrap_or(0)
}
