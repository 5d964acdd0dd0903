//! What `/status` shows and what `/livez` and `/readyz` decide on.

use super::reload_report::ReloadReport;
use llm_oracle_store::now_ms;
use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};

/// Longest time between two iterations of a relayer that lives. An iteration may wait for several requests to a
/// node, each of which has a deadline of its own.
pub const LIVE_WITHIN: Duration = Duration::from_secs(180);

/// The coin of amounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CoinStatus {
    /// Its name.
    pub symbol: String,
    /// Decimal places: a coin is 10 to the power of them, planck.
    pub decimals: u8,
}

/// What a relayer says about itself. Amounts are decimal text in planck, as in every JSON of this
/// program: JSON's numbers end at 2^53.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Version of the program.
    pub version: &'static str,
    /// Number of the process.
    pub pid: u32,
    /// When it started, milliseconds since 1970.
    pub started_at_ms: i64,
    /// The node, without anything secret.
    pub url: String,
    /// The oracle's address.
    pub contract: String,
    /// Hash of the chain's first block.
    pub genesis: String,
    /// The coin of the amounts, once the chain has been asked.
    pub coin: Option<CoinStatus>,
    /// Name of the model.
    pub model: String,
    /// Whether the last iteration reached the node.
    pub connected: bool,
    /// Why iterations fail, while they do.
    pub last_error: Option<String>,
    /// End of the last iteration that succeeded, milliseconds since 1970.
    pub last_iteration_at_ms: Option<i64>,
    /// Height of the finalized block.
    pub finalized_block: Option<u32>,
    /// Height of the best block.
    pub best_block: Option<u32>,
    /// Questions that are put to the model.
    pub pending_model_requests: usize,
    /// Whether it has been told to stop.
    pub stopping: bool,
    /// Whether it takes no more seats, to end once it owes nothing.
    pub draining: bool,
    /// What came of reading the settings again, if that was asked for.
    pub last_reload: Option<ReloadReport>,
    /// What of it has stopped while the rest goes on, with the reasons.
    pub degraded: BTreeMap<String, String>,
    /// Whether no model can answer.
    pub model_down: bool,
    /// Its operators, as last read from the chain.
    pub operators: Vec<OperatorStatus>,
}

/// One operator of the process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OperatorStatus {
    /// Its account, SS58.
    pub account: String,
    /// Its slot.
    pub slot: u32,
    /// Whether it may take seats.
    pub eligible: bool,
    /// Whether its key is in use elsewhere.
    pub key_in_use_elsewhere: bool,
    /// Whether it signed two answers to one question.
    pub slashed: bool,
    /// Bond without what is being unbonded, planck.
    #[serde(serialize_with = "planck")]
    pub bond: u128,
    /// Least bond for a seat, planck.
    #[serde(serialize_with = "planck")]
    pub min_bond: u128,
    /// What one more seat would lock of the bond, planck.
    #[serde(serialize_with = "planck")]
    pub seat_bond: u128,
    /// Locked by seats, planck.
    #[serde(serialize_with = "planck")]
    pub locked: u128,
    /// Earned and not paid out, planck.
    #[serde(serialize_with = "planck")]
    pub credit: u128,
    /// Free balance for fees, planck.
    #[serde(serialize_with = "planck")]
    pub balance: u128,
    /// Balance for fees below which it counts as low, planck.
    #[serde(serialize_with = "planck")]
    pub min_balance: u128,
    /// Seats whose reveal was missed.
    pub missed_reveals: u32,
    /// Seats that agreed with a result.
    pub agreed: u32,
    /// Seats that answered something else.
    pub dissented: u32,
    /// Seats that abstained.
    pub abstained: u32,
}

impl OperatorStatus {
    /// Whether it is this account and has too little for fees.
    pub fn has_low_balance(&self, account: &str) -> bool {
        self.account == account && self.balance < self.min_balance
    }
}

fn planck<S: serde::Serializer>(amount: &u128, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&amount.to_string())
}

impl Status {
    pub(super) fn new() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            started_at_ms: now_ms(),
            url: String::new(),
            contract: String::new(),
            genesis: String::new(),
            coin: None,
            model: String::new(),
            connected: false,
            last_error: None,
            last_iteration_at_ms: None,
            finalized_block: None,
            best_block: None,
            pending_model_requests: 0,
            stopping: false,
            draining: false,
            last_reload: None,
            degraded: BTreeMap::new(),
            model_down: false,
            operators: Vec::new(),
        }
    }
}

/// Whether a relayer should be restarted, and whether it can work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The main loop makes progress. If not, only a restart helps.
    pub live: HealthVerdict,
    /// It reaches its node and has an operator that may take seats.
    pub ready: HealthVerdict,
}

impl Health {
    /// Judges a status whose last sign of life is `silent` ago.
    pub(super) fn of(status: &Status, silent: Duration) -> Self {
        let mut live = Vec::new();
        if silent > LIVE_WITHIN {
            live.push(format!(
                "no iteration finished for {} s; restart it",
                silent.as_secs()
            ));
        }
        let mut ready = live.clone();
        match (&status.last_error, status.last_iteration_at_ms) {
            (Some(error), _) => ready.push(format!("the last iteration failed: {error}")),
            (None, None) => ready.push("the first iteration is still running".to_owned()),
            (None, Some(_)) => {}
        }
        let idle = !status.operators.is_empty() && status.operators.iter().all(|one| !one.eligible);
        if idle {
            ready.push("no operator may take a seat; see `llm-oracle doctor`".to_owned());
        }
        if status.model_down {
            ready.push("no model can answer".to_owned());
        }
        if status.stopping {
            ready.push("it is stopping".to_owned());
        }
        let degraded = status.degraded.iter();
        let degraded = degraded.map(|(part, reason)| format!("{part}: {reason}"));
        Self {
            live: HealthVerdict::of(live),
            ready: HealthVerdict {
                degraded: degraded.collect(),
                ..HealthVerdict::of(ready)
            },
        }
    }
}

/// Whether a check holds, with the reasons if not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthVerdict {
    /// Whether it is well.
    pub ok: bool,
    /// Why not.
    pub reasons: Vec<String>,
    /// Parts that have stopped while the others go on, with the reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub degraded: Vec<String>,
}

impl HealthVerdict {
    fn of(reasons: Vec<String>) -> Self {
        Self {
            ok: reasons.is_empty(),
            reasons,
            degraded: Vec::new(),
        }
    }
}
