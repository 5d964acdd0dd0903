//! The relayer's configuration file.

use crate::{plan::PolicyConfig, retention::RetentionConfig};
use llm_oracle_chain::Expect;
use llm_oracle_llm::Models;
use llm_oracle_peers::PeersConfig;
use llm_oracle_signing::KeySource;
use llm_oracle_store::SharedDatabase;
use llm_oracle_support::{
    address::{parse_hash, AddressError},
    amount::{planck, some_planck},
};
use serde::{de::Error as _, Deserialize, Deserializer};
use std::{collections::BTreeMap, path::PathBuf};

/// Everything that `relayer run` needs to know. Unknown keys are refused.
#[derive(Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct RelayerConfig {
    /// The node's WebSocket.
    pub url: String,
    /// Further nodes: each is looked at now and then, and takes over when those before it fail.
    #[serde(default)]
    pub urls: Vec<String>,
    /// Time between two blocks, milliseconds; a node without a new one for three of them is left
    /// alone. Not set on chains that make blocks on demand.
    #[serde(default)]
    pub block_time_ms: Option<u64>,
    /// Folder for the second copy of salt secrets and answers, on another disk than the store.
    #[serde(default)]
    pub backup_dir: Option<PathBuf>,
    /// Whether a person has decided to go on with what is left of a lost or older store.
    #[serde(skip)]
    pub recover: bool,
    /// Whether a person has decided to forget the finalized block that was acted on last.
    #[serde(skip)]
    pub forget_finalized: bool,
    /// Address of the oracle, SS58.
    pub contract: String,
    /// Hash of its code as the deployment printed it, or several; when given, another is refused.
    #[serde(default)]
    pub code_hash: CodeHashes,
    /// Directory of the store; one process at a time.
    pub store: PathBuf,
    /// The database that replicas share; without one it is a file in the store's directory.
    #[serde(skip)]
    pub shared: Option<SharedDatabase>,
    /// The operators this process works for.
    pub operators: Vec<KeySource>,
    /// The models that answer, for all of them, in the order in which they are asked.
    #[serde(alias = "models")]
    pub model: Models,
    /// Operators that answer with one of these models alone: its name by their address.
    #[serde(default)]
    pub operator_models: BTreeMap<String, String>,
    /// What this relayer takes on.
    #[serde(default)]
    pub limits: Limits,
    /// Which requests it answers.
    #[serde(default)]
    pub policy: PolicyConfig,
    /// The relayers that carry each other's entries.
    #[serde(default)]
    pub peers: PeersConfig,
    /// How long the store keeps what is over.
    #[serde(default)]
    pub retention: RetentionConfig,
}

impl RelayerConfig {
    /// All nodes, in the order of preference.
    pub(crate) fn all_urls(&self) -> Vec<String> {
        let mut all = vec![self.url.clone()];
        all.extend(self.urls.iter().filter(|url| **url != self.url).cloned());
        all
    }
}

/// Hashes of the code that the contract may have, as 0x-hex: in the file one, or a list of them. Empty: any code.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodeHashes(pub Vec<String>);

impl CodeHashes {
    /// What the contract is expected to be.
    ///
    /// # Errors
    /// The first text that is no hash.
    pub fn expected(&self) -> Result<Expect, AddressError> {
        let hashes = self.0.iter().map(|hash| parse_hash(hash));
        Ok(Expect {
            code_hashes: hashes.collect::<Result<_, _>>()?,
        })
    }
}

impl<'de> Deserialize<'de> for CodeHashes {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a hash, or a list of hashes")]
        enum OneOrMany {
            One(String),
            Many(Vec<String>),
        }
        match OneOrMany::deserialize(input)? {
            OneOrMany::One(hash) => Ok(Self(vec![hash])),
            // Left out, any code is accepted; who writes the key wants something else.
            OneOrMany::Many(hashes) if hashes.is_empty() => Err(D::Error::custom(
                "an empty list: name a hash, or leave the key out to accept any code",
            )),
            OneOrMany::Many(hashes) => Ok(Self(hashes)),
        }
    }
}

/// What a relayer takes on, and how often it tries.
#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Least reward of a seat, planck; requests below it are left out. A number, or a string of one.
    #[serde(deserialize_with = "planck")]
    pub min_reward: u128,
    /// Most that one transaction may cost in fees without its tip, planck; a more expensive one is not sent.
    /// 0: any fee. A number, or a string of one; by default ten of the chain's coins.
    #[serde(deserialize_with = "some_planck")]
    pub max_fee: Option<u128>,
    /// Most that one transaction may offer as a tip, planck. Only reveals offer one, in the second half of their
    /// window: more from block to block, never more than the bonds at stake. 0: no tip. A number, or a string of
    /// one; by default a tenth of the chain's coin, and not above the default of the signing daemon.
    #[serde(deserialize_with = "some_planck")]
    pub max_tip: Option<u128>,
    /// Balance for fees below which an operator is called poor, planck. A number, or a string of one; by default one of
    /// the chain's coins.
    #[serde(deserialize_with = "some_planck")]
    pub min_balance: Option<u128>,
    /// Attempts at asking the model before it is given up, counting only those in which a model may have run.
    /// Commits and reveals go on until their deadline, settling without end, deliveries for half an hour.
    pub max_attempts: u32,
    /// Questions put to the model at the same time.
    #[serde(alias = "model_calls")]
    pub max_concurrent_model_requests: u16,
    /// Pause between two looks at a chain whose heads are not heard, milliseconds: two block times if that
    /// is longer, and up to five times as long while nothing moves.
    #[serde(alias = "poll_ms")]
    pub poll_interval_ms: u64,
    /// How much later each further seat's relayer tries what only one needs to do, beside the time until a
    /// block is final, milliseconds.
    #[serde(alias = "turn_ms")]
    pub takeover_delay_ms: u64,
    /// Whether to read each finalized block for operators that sign two answers, and report them.
    pub report_equivocations: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            min_reward: 0,
            max_fee: None,
            max_tip: None,
            min_balance: None,
            max_attempts: 5,
            max_concurrent_model_requests: 1,
            poll_interval_ms: 2_000,
            takeover_delay_ms: 3_000,
            report_equivocations: true,
        }
    }
}

/// The limits of money, planck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoneyLimits {
    /// Most that one transaction may cost in fees without its tip; 0: any fee.
    pub max_fee: u128,
    /// Most that one transaction may offer as a tip.
    pub max_tip: u128,
    /// Balance for fees below which an operator is called poor.
    pub min_balance: u128,
}

/// Tip of one transaction that the signing daemon allows by default, planck: it does not know the chain's coin.
const SIGNER_MAX_TIP: u128 = 100_000_000_000;

impl Limits {
    /// The limits of money on a chain whose coin has so many planck.
    pub fn money(&self, unit: u128) -> MoneyLimits {
        let tenth = unit.checked_div(10).unwrap_or_default();
        MoneyLimits {
            max_fee: self.max_fee.unwrap_or(unit.saturating_mul(10)),
            max_tip: self.max_tip.unwrap_or(tenth.min(SIGNER_MAX_TIP)),
            min_balance: self.min_balance.unwrap_or(unit),
        }
    }

    /// Each limit by its key in the file.
    pub fn shown(&self) -> [(&'static str, String); 9] {
        [
            ("limits.min_reward", self.min_reward.to_string()),
            ("limits.max_fee", or_default(self.max_fee)),
            ("limits.max_tip", or_default(self.max_tip)),
            ("limits.min_balance", or_default(self.min_balance)),
            ("limits.max_attempts", self.max_attempts.to_string()),
            (
                "limits.max_concurrent_model_requests",
                self.max_concurrent_model_requests.to_string(),
            ),
            ("limits.poll_interval_ms", self.poll_interval_ms.to_string()),
            (
                "limits.takeover_delay_ms",
                self.takeover_delay_ms.to_string(),
            ),
            (
                "limits.report_equivocations",
                self.report_equivocations.to_string(),
            ),
        ]
    }
}

fn or_default(amount: Option<u128>) -> String {
    amount.map_or_else(|| "default".to_owned(), |amount| amount.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        url = "ws://127.0.0.1:9944"
        contract = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
        store = "state"
        operators = [{ suri = "//Alice" }, { suri_file = "bob.key" }]
        [model]
        provider = "scripted"
        answer = "yes"
        [limits]
        min_reward = "20000000000000000000"
    "#;

    #[test]
    fn limits_of_money_follow_the_coin_of_the_chain() {
        let set: Limits = toml::from_str("max_fee = 5\nmax_tip = '7'").unwrap();
        for (decimals, fee, tip, balance) in [
            (9, 10_000_000_000, 100_000_000, 1_000_000_000),
            (12, 10_000_000_000_000, 100_000_000_000, 1_000_000_000_000),
            (18, 10_u128.pow(19), 100_000_000_000, 10_u128.pow(18)),
        ] {
            let unit = 10_u128.pow(decimals);
            let (max_fee, max_tip, min_balance) = (fee, tip, balance);
            let expected = MoneyLimits {
                max_fee,
                max_tip,
                min_balance,
            };
            assert_eq!(Limits::default().money(unit), expected, "{decimals}");
            let (max_fee, max_tip) = (5, 7);
            let expected = MoneyLimits {
                max_fee,
                max_tip,
                min_balance,
            };
            assert_eq!(set.money(unit), expected, "{decimals}");
        }
    }

    #[test]
    fn a_file_is_read_and_what_is_left_out_has_defaults() {
        let config: RelayerConfig = toml::from_str(FILE).unwrap();
        assert_eq!(config.operators.len(), 2);
        assert_eq!(config.limits.min_reward, 20_000_000_000_000_000_000);
        assert_eq!(config.limits.max_attempts, Limits::default().max_attempts);
    }

    #[test]
    fn the_code_may_be_one_or_one_of_several() {
        let read = |line: &str| toml::from_str::<RelayerConfig>(&format!("{line}\n{FILE}"));
        let hash = |digits: &str| format!("0x{}", digits.repeat(32));
        let (one, two) = (hash("11"), hash("22"));
        let config = read(&format!("code_hash = '{one}'")).unwrap();
        assert_eq!(
            config.code_hash.expected().unwrap().code_hashes,
            [[0x11; 32]]
        );
        let config = read(&format!("code_hash = ['{one}', '{two}']")).unwrap();
        let expected = config.code_hash.expected().unwrap();
        assert_eq!(expected.code_hashes, [[0x11; 32], [0x22; 32]]);
        assert_eq!(read("").unwrap().code_hash, CodeHashes::default());
        let empty = read("code_hash = []").unwrap_err().to_string();
        assert!(empty.contains("empty list"), "{empty}");
        let number = read("code_hash = 7").unwrap_err().to_string();
        assert!(number.contains("list of hashes"), "{number}");
        let config = read(&format!("code_hash = ['{one}', '0x22']")).unwrap();
        let wrong = config.code_hash.expected().unwrap_err().to_string();
        assert!(wrong.contains("0x22"), "{wrong}");
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        for (line, key) in [
            ("colour = 1\n", "colour"),
            ("[limits]\nmin_rewards = 1\n", "min_rewards"),
        ] {
            let text = if line.starts_with('[') {
                FILE.replace("[limits]\n", line)
            } else {
                format!("{line}{FILE}")
            };
            let error = toml::from_str::<RelayerConfig>(&text)
                .unwrap_err()
                .to_string();
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn the_old_names_of_settings_are_accepted() {
        let old = "[limits]\npoll_ms = 1\nturn_ms = 2\nmodel_calls = 3\n[policy]\nseat_fees = 4\nrisk_a_day = 5\nmax_tokens = 6\nforbidden = ['x']\nonly = ['5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY']\n[policy.each]\nrequests_a_day = 7\ncost_a_day = 8\n";
        let text = FILE.replace(
            "[limits]\n        min_reward = \"20000000000000000000\"",
            old,
        );
        let config: RelayerConfig = toml::from_str(&text).unwrap();
        let (limits, policy) = (config.limits, config.policy);
        assert_eq!(
            (
                limits.poll_interval_ms,
                limits.takeover_delay_ms,
                limits.max_concurrent_model_requests
            ),
            (1, 2, 3)
        );
        assert_eq!(
            (policy.tx_fees_per_seat, policy.max_stake_at_risk_per_day),
            (Some(4), 5)
        );
        assert_eq!((policy.max_output_tokens, policy.allow.len()), (6, 1));
        assert_eq!(policy.forbidden_words, ["x"]);
        let budget = policy.per_requester;
        assert_eq!(
            (budget.max_requests_per_day, budget.max_cost_per_day),
            (7, 8)
        );
    }
}
