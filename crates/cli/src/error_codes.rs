//! Which exit code and which remedy each error of the other modules has.

use crate::{
    config::ConfigError,
    exit::{self, CliError},
};
use llm_oracle_chain::{ChainError, ChainErrorKind};
use llm_oracle_llm::ModelError;
use llm_oracle_relayer::RelayerError;
use llm_oracle_store::StoreError;

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        let help = match &error {
            ConfigError::Unreadable { .. } => "give another file with --config",
            ConfigError::Unwritable { .. } => "give another file with --config-out",
            ConfigError::Wrong(_) => "`llm-oracle config show` lists what can be set",
            ConfigError::ModelFlag(_) => {
                "omit --model-file, or give --config with settings for the local model"
            }
            ConfigError::NoKey => "give --suri or --key-file, or start `llm-oracle dev`",
            ConfigError::NoContract => {
                "give --contract with the address that `deploy` printed, or start `llm-oracle dev`"
            }
            ConfigError::Key(_) => "a key is one line: a phrase, 0x and 64 hex digits, or //Alice; a file has mode 0600",
        };
        Self::usage(error).help(help)
    }
}

impl From<ChainError> for CliError {
    fn from(error: ChainError) -> Self {
        let code = match (&error, error.kind()) {
            (ChainError::Contract(_) | ChainError::ForeignContract { .. }, _) => exit::CONTRACT,
            (ChainError::Signer(_), _) => exit::SIGNER,
            (_, ChainErrorKind::Unreachable) => exit::CHAIN,
            (_, ChainErrorKind::Rejected) => exit::TRANSACTION,
            (_, ChainErrorKind::Mismatch) => exit::WRONG_CHAIN,
            (_, ChainErrorKind::Unreadable) => exit::BUG,
        };
        let failure = Self::new(code, &error);
        match (&error, code) {
            (ChainError::Unreachable { .. }, _) => {
                failure.help("`llm-oracle dev` starts a node on this machine")
            }
            (_, exit::CONTRACT) => failure.help("nothing has changed on chain"),
            _ => failure,
        }
    }
}

impl From<RelayerError> for CliError {
    fn from(error: RelayerError) -> Self {
        match error {
            RelayerError::Chain(error) => error.into(),
            // Another look may show the right one.
            RelayerError::Unconfirmed(_) => Self::new(exit::CHAIN, error),
            RelayerError::Unsigned { .. } => Self::new(exit::SIGNER, error),
            RelayerError::NotRegistered { .. } | RelayerError::Barred { .. } => {
                Self::new(exit::CONTRACT, error)
            }
            RelayerError::Store(error) => error.into(),
            RelayerError::Unopened { .. }
            | RelayerError::ForeignCommitment { .. }
            | RelayerError::FreshStore { .. }
            | RelayerError::OldStore { .. }
            | RelayerError::Evidence { .. } => Self::new(exit::STORE, error),
            RelayerError::Inconsistent { .. } => Self::new(exit::WRONG_CHAIN, error),
            RelayerError::Key(_)
            | RelayerError::Address(_)
            | RelayerError::Peers(_)
            | RelayerError::NoOperators
            | RelayerError::OperatorTwice(_)
            | RelayerError::OperatorModel(_) => Self::usage(error),
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let code = match error {
            StoreError::Unreachable { .. } => exit::STORE_UNREACHABLE,
            _ => exit::STORE,
        };
        Self::new(code, error)
    }
}

impl From<ModelError> for CliError {
    fn from(error: ModelError) -> Self {
        Self::new(exit::MODEL, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use llm_oracle_primitives::{AccountId, Error};
    use llm_oracle_signing::SignerError;

    #[test]
    fn each_kind_of_error_has_its_exit_code() {
        let text = String::new;
        let address = AccountId::from([1; 32]);
        for (error, code) in [
            (
                ChainError::Unreachable {
                    url: text(),
                    reason: text(),
                },
                exit::CHAIN,
            ),
            (
                ChainError::Lost {
                    url: text(),
                    reason: text(),
                },
                exit::CHAIN,
            ),
            (ChainError::Contract(Error::PromptEmpty), exit::CONTRACT),
            (
                ChainError::ForeignContract {
                    message: text(),
                    bytes: Vec::new(),
                },
                exit::CONTRACT,
            ),
            (
                ChainError::Node {
                    what: text(),
                    reason: text(),
                },
                exit::CHAIN,
            ),
            (
                ChainError::Dispatch {
                    message: text(),
                    name: text(),
                    debug: text(),
                },
                exit::TRANSACTION,
            ),
            (ChainError::NoContract { address }, exit::WRONG_CHAIN),
            (
                ChainError::OtherChain {
                    expected: [1; 32],
                    found: [2; 32],
                },
                exit::WRONG_CHAIN,
            ),
            (ChainError::Immortal, exit::BUG),
        ] {
            let shown = error.to_string();
            assert_eq!(CliError::from(error).code, code, "{shown}");
        }
        let signer = SignerError::Unreachable {
            socket: "signer.sock".into(),
            reason: text(),
        };
        assert_eq!(CliError::from(ChainError::from(signer)).code, exit::SIGNER);
        assert_eq!(CliError::from(ConfigError::NoKey).code, exit::USAGE);
        let locked = StoreError::Locked {
            path: "store".into(),
        };
        assert_eq!(CliError::from(RelayerError::from(locked)).code, exit::STORE);
        let away = StoreError::Unreachable { reason: text() };
        let away = CliError::from(RelayerError::from(away));
        assert_eq!(away.code, exit::STORE_UNREACHABLE);
        assert_eq!(CliError::from(RelayerError::NoOperators).code, exit::USAGE);
        let model = ModelError::NotConfigured(text());
        assert_eq!(CliError::from(model).code, exit::MODEL);
    }
}
