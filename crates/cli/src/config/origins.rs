//! Each setting with its value and where it comes from, and what follows from that.

use super::{key::SignerSource, model::describe_model, settings::Settings};
use figment2::Figment;
use llm_oracle_chain::redact;
use llm_oracle_store::{SharedDatabase, UrlSource};

/// Keys of version 0.3, which are accepted for one release, with their names now.
pub(crate) const OLD_KEYS: [(&str, &str); 18] = [
    ("store_lease_ms", "store_lease_ttl_ms"),
    ("limits.poll_ms", "limits.poll_interval_ms"),
    ("limits.turn_ms", "limits.takeover_delay_ms"),
    ("limits.model_calls", "limits.max_concurrent_model_requests"),
    ("policy.risk_a_day", "policy.max_stake_at_risk_per_day"),
    ("policy.seat_fees", "policy.tx_fees_per_seat"),
    ("policy.only", "policy.allow"),
    ("policy.forbidden", "policy.forbidden_words"),
    ("policy.max_tokens", "policy.max_output_tokens"),
    (
        "policy.each.requests_a_day",
        "policy.per_requester.max_requests_per_day",
    ),
    (
        "policy.each.cost_a_day",
        "policy.per_requester.max_cost_per_day",
    ),
    ("model.calls_at_once", "model.max_concurrent_calls"),
    ("model.requests_a_minute", "model.max_requests_per_minute"),
    ("model.tokens_a_day", "model.max_tokens_per_day"),
    ("model.money_a_day", "model.max_spend_per_day"),
    ("model.planck_per_call", "model.planck_per_request"),
    ("peers.carrier_blocks", "peers.transmitter_timeout_blocks"),
    ("peers.company_ms", "peers.batching_window_ms"),
];

impl Settings {
    /// Each setting with its value (secrets as `***`) and where it comes from.
    pub fn origins(&self) -> Vec<(&'static str, String, String)> {
        let set = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let list = |values: &mut dyn Iterator<Item = String>| {
            let all: Vec<String> = values.collect();
            set(&(!all.is_empty()).then(|| all.join(", ")))
        };
        let key = self
            .key
            .as_ref()
            .map_or_else(|| "-".to_owned(), SignerSource::describe);
        let key_name = if matches!(self.key, Some(SignerSource::File(_))) {
            "key_file"
        } else {
            "suri"
        };
        let url_key = match self.shared.as_ref().map(|shared| &shared.url) {
            Some(UrlSource::File(_)) => "store_url_file",
            _ => "store_url",
        };
        let shared = |value: &dyn Fn(&SharedDatabase) -> Option<String>| {
            self.shared.as_ref().and_then(value)
        };
        let limits = &self.limits;
        [
            ("url", "url", redact(&self.url)),
            (
                "urls",
                "urls",
                list(&mut self.urls.iter().map(|url| redact(url))),
            ),
            (
                "block_time_ms",
                "block_time_ms",
                set(&self.block_time_ms.map(|time| time.to_string())),
            ),
            (
                "allow_plaintext_nodes",
                "allow_plaintext_nodes",
                self.allow_plaintext_nodes.to_string(),
            ),
            ("contract", "contract", set(&self.contract)),
            (
                "code_hash",
                "code_hash",
                list(&mut self.code_hash.0.iter().cloned()),
            ),
            ("key", key_name, key),
            (
                "artifacts",
                "artifacts",
                self.artifacts.display().to_string(),
            ),
            ("log", "log", set(&self.log)),
            ("model", self.model_key, describe_model(&self.model)),
            ("store", "store", self.store.display().to_string()),
            (
                url_key,
                url_key,
                set(&self.shared.as_ref().map(SharedDatabase::place)),
            ),
            (
                "store_ca_file",
                "store_ca_file",
                set(&shared(&|shared| {
                    let file = shared.ca_file.as_ref()?;
                    Some(file.display().to_string())
                })),
            ),
            (
                "store_lease_ttl_ms",
                "store_lease_ttl_ms",
                set(&shared(&|shared| Some(shared.lease_ms.to_string()))),
            ),
            (
                "backup_dir",
                "backup_dir",
                set(&self
                    .backup_dir
                    .as_ref()
                    .map(|path| path.display().to_string())),
            ),
            ("operators", "operators", self.operators.len().to_string()),
            (
                "operator_models",
                "operator_models",
                self.operator_models.len().to_string(),
            ),
            ("ops.listen", "ops.listen", self.ops.listen.clone()),
            ("peers.listen", "peers.listen", self.peers.listen.clone()),
        ]
        .into_iter()
        .chain(
            limits
                .shown()
                .into_iter()
                .chain(self.policy.shown())
                .chain(self.retention.shown())
                .chain(self.sources.shown())
                .chain(self.rationale.shown())
                .map(|(name, value)| (name, name, value)),
        )
        .map(|(name, key, value)| (name, value, origin(&self.figment, key)))
        .collect()
    }
}

/// Where a value comes from: a file, a variable, a flag, or the default.
fn origin(figment: &Figment, key: &str) -> String {
    let old_key = OLD_KEYS.iter().find(|(_, new)| *new == key);
    let old = || figment.find_metadata(old_key?.0);
    match figment.find_metadata(key).or_else(old) {
        None => "default".to_owned(),
        Some(found) => match found.source.as_ref().and_then(|source| source.file_path()) {
            Some(file) => file.display().to_string(),
            None => found.name.to_string(),
        },
    }
}
