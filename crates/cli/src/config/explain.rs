//! Errors of a settings file that do not quote it: a secret may be in the wrong place, and errors are
//! logged.

use super::error::ConfigError;
use llm_oracle_support::toml_errors::{line_of, without_values};
use std::path::Path;

/// An error of a setting: the reason, the key and its position.
pub(super) fn explain(error: &figment2::Error) -> String {
    // Several errors are on several lines; one line is easier to search for.
    without_values(&error.to_string()).replace('\n', "; ")
}

/// Rejects text that is not TOML. The error names the line and does not show it.
pub(super) fn check_syntax(path: &Path, text: &str) -> Result<(), ConfigError> {
    let parsed = toml::from_str::<toml::Table>(text);
    parsed.map(drop).map_err(|error| {
        let (path, line) = (path.display(), line_of(text, error.span()));
        let reason = without_values(error.message()).replace('\n', "; ");
        ConfigError::Wrong(format!("{path} line {line} is not TOML: {reason}"))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_line_is_named_by_its_number_and_not_shown() {
        let text = "url = 'ws://x'\n[[operators]]\nsuri = \"s3cret phrase\n";
        let error = check_syntax(Path::new("a.toml"), text)
            .unwrap_err()
            .to_string();
        assert!(error.contains("a.toml line 3"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
        assert!(check_syntax(Path::new("a.toml"), "url = 'x'").is_ok());
    }
}
