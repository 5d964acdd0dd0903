//! Draining: a person wants the relayer to take no more seats, and to end once it owes nothing.

use std::path::{Path, PathBuf};

/// File in the store's folder that says so. It outlives a restart.
pub const DRAIN_FILE: &str = "drain";

/// Whether the relayer is being drained.
pub(crate) struct DrainSwitch {
    file: PathBuf,
    is_on: bool,
}

impl DrainSwitch {
    /// The switch of a store's folder.
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            file: folder.join(DRAIN_FILE),
            is_on: false,
        }
    }

    /// Looks at the file, once for each iteration.
    pub(crate) fn look(&mut self) -> bool {
        let is_on = self.file.exists();
        if is_on != self.is_on {
            self.is_on = is_on;
            let what = match is_on {
                true => {
                    "draining: no more seats are taken, and the relayer ends once it owes nothing"
                }
                false => "no longer draining",
            };
            tracing::info!(file = %self.file.display(), "{what}");
        }
        is_on
    }

    /// What the last look found.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_the_switch() {
        let folder = llm_oracle_fixtures::private_folder();
        let mut switch = DrainSwitch::new(folder.path());
        assert!(!switch.look() && !switch.is_on());
        std::fs::write(folder.path().join(DRAIN_FILE), "").unwrap();
        assert!(switch.look() && switch.is_on());
        std::fs::remove_file(folder.path().join(DRAIN_FILE)).unwrap();
        assert!(!switch.look() && !switch.is_on());
    }
}
