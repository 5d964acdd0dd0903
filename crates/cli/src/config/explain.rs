//! What is wrong with a settings file, without quoting it: somebody may have put a secret in the wrong
//! place, and errors end in logs.

use super::ConfigError;
use llm_oracle_support::toml_errors::{line_of, without_values};
use std::path::Path;

/// What is wrong with a setting: the reason, the key and where it stands.
pub(super) fn explain(error: &figment2::Error) -> String {
    // A chain of errors shows one a line; one sentence is easier to read and to search for.
    without_values(&error.to_string()).replace('\n', "; ")
}

/// Refuses text that is no TOML, before anything shows the line that is none.
pub(super) fn check_syntax(path: &Path, text: &str) -> Result<(), ConfigError> {
    let parsed = toml::from_str::<toml::Table>(text);
    parsed.map(drop).map_err(|error| {
        let (path, line) = (path.display(), line_of(text, error.span()));
        let reason = without_values(error.message()).replace('\n', "; ");
        ConfigError::Wrong(format!("{path} line {line} is no TOML: {reason}"))
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
