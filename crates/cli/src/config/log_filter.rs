//! What a service logs, as the settings have it.

use super::error::ConfigError;
use tracing_subscriber::{filter::LevelFilter, EnvFilter};

/// Checks what is to be logged.
///
/// # Errors
/// When it is no filter; the error names it.
pub(super) fn check_filter(filter: &str) -> Result<(), ConfigError> {
    let why = match EnvFilter::try_new(filter) {
        Err(error) => error.to_string(),
        // Alone it would be a target, and nothing else would be logged: most likely a level with a typing error.
        Ok(_) => match bare_target(filter) {
            None => return Ok(()),
            Some(part) => format!("'{}' is no level", part.escape_default()),
        },
    };
    Err(ConfigError::Wrong(format!(
        "log: '{}' is no log filter ({why}); give a level (error, warn, info, debug, trace, off), or \
         levels by target such as info,llm_oracle=debug",
        filter.escape_default()
    )))
}

/// The first part of a filter that names no level. Filters of spans may have commas inside and are let through.
fn bare_target(filter: &str) -> Option<&str> {
    let mut parts = filter.split(',').map(str::trim);
    let is_bare = |part: &&str| !part.contains('=') && part.parse::<LevelFilter>().is_err();
    parts.find(is_bare).filter(|_| !filter.contains('['))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_level_or_levels_by_target_and_nothing_else() {
        for filter in ["debug", "info,llm_oracle=trace", "off"] {
            assert!(check_filter(filter).is_ok(), "{filter}");
        }
        for wrong in [
            "loud",
            "debgu,subxt=warn",
            "info,llm_oracle=loud",
            "info;debug",
        ] {
            let told = check_filter(wrong).unwrap_err().to_string();
            assert!(told.contains(&format!("'{wrong}'")), "{told}");
        }
    }
}
