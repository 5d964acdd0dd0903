//! What a service logs, as the settings have it.

use super::error::ConfigError;
use tracing_subscriber::{filter::LevelFilter, EnvFilter};

/// Checks what is to be logged.
///
/// # Errors
/// When it is no filter; the error names it.
pub(super) fn check_filter(filter: &str) -> Result<(), ConfigError> {
    let wrong = |why: String| {
        ConfigError::Wrong(format!(
            "log: '{}' is no log filter ({why}); give a level (error, warn, info, debug, trace), or \
             levels by target such as info,llm_oracle=debug",
            filter.escape_default()
        ))
    };
    // A word that is no level would count as a target with everything it logs.
    for part in filter.split(',') {
        let level = part.rsplit('=').next().unwrap_or_default().trim();
        if level.parse::<LevelFilter>().is_err() {
            return Err(wrong(format!("'{}' is no level", level.escape_default())));
        }
    }
    let parsed = EnvFilter::try_new(filter);
    parsed.map(drop).map_err(|error| wrong(error.to_string()))
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
        for wrong in ["loud", "info,llm_oracle=loud", "info;debug"] {
            let told = check_filter(wrong).unwrap_err().to_string();
            assert!(told.contains(&format!("'{wrong}'")), "{told}");
        }
    }
}
