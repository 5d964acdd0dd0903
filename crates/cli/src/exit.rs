//! The error that carries an exit code to `main`.

pub use llm_oracle_support::exit_code::*;

use serde_json::{json, Value};
use std::fmt;

/// Why a command ends early: an expected error with its code and, mostly, its remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliError {
    /// One of the codes above.
    pub code: u8,
    /// What is wrong, as a lowercase fragment that names the value.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl CliError {
    /// A failure with this code.
    pub fn new(code: u8, message: impl fmt::Display) -> Self {
        Self {
            code,
            message: message.to_string(),
            help: None,
        }
    }

    /// A mistake in arguments or settings.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::new(USAGE, message)
    }

    /// Something unexpected.
    pub fn bug(message: impl fmt::Display) -> Self {
        Self::new(BUG, message)
    }

    /// Adds the remedy.
    #[must_use]
    pub fn help(mut self, help: impl fmt::Display) -> Self {
        self.help = Some(help.to_string());
        self
    }

    /// Name of the code in JSON.
    pub fn name(&self) -> &'static str {
        ALL.iter()
            .find(|(code, ..)| *code == self.code)
            .map_or("bug", |(_, name, _)| name)
    }

    /// What `--json` prints to stderr.
    pub fn to_json(&self) -> Value {
        json!({ "error": {
            "code": self.name(),
            "exit": self.code,
            "message": self.message,
            "help": self.help,
        }})
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "error: {}", self.message)?;
        if let Some(help) = &self.help {
            write!(out, "\n  help: {help}")?;
        }
        Ok(())
    }
}

/// What every subcommand returns: an exit code.
pub type CommandResult = Result<u8, CliError>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_well_in_both_forms() {
        let failure =
            CliError::new(CONTRACT, "there is no request 9").help("see `llm-oracle list`");
        assert_eq!(
            failure.to_string(),
            "error: there is no request 9\n  help: see `llm-oracle list`"
        );
        assert_eq!(
            failure.to_json(),
            json!({ "error": {
                "code": "refused_by_contract",
                "exit": 5,
                "help": "see `llm-oracle list`",
                "message": "there is no request 9",
            }})
        );
    }
}
