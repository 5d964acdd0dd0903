//! The two files that describe a running `dev` to other programs: settings, and a description as JSON.
//!
//! **Architecture invariant:** a file that `dev` did not write is neither written over nor removed.

use llm_oracle_cli::{
    config::ConfigFile,
    exit::{CliError, NODE},
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where the two files are.
#[derive(Clone, Debug)]
pub struct DevPaths {
    /// The settings.
    pub config: PathBuf,
    /// The description.
    pub description: PathBuf,
}

impl DevPaths {
    /// The paths for `--config-out`, checked before anything is started.
    ///
    /// # Errors
    /// When both would be one file, or a file is there that `dev` did not write, or another `dev` uses them.
    pub fn claim(config_out: &Path) -> Result<Self, CliError> {
        Self::claim_unless(config_out, &is_running)
    }

    fn claim_unless(config_out: &Path, is_running: &dyn Fn(u64) -> bool) -> Result<Self, CliError> {
        let paths = Self {
            config: absolute(config_out),
            description: absolute(&config_out.with_extension("json")),
        };
        if paths.config == paths.description {
            return Err(CliError::usage(format!(
                "--config-out '{}' ends in .json, the name of the description beside it",
                config_out.display()
            ))
            .help("give the settings another name, such as dev.toml"));
        }
        if !paths.config.exists() && !paths.description.exists() {
            return Ok(paths);
        }
        match paths.process() {
            Some(process) if is_running(process) => Err(CliError::new(
                NODE,
                format!(
                    "another `dev`, process {process}, has its settings in '{}'",
                    paths.config.display()
                ),
            )
            .help("stop it, or give another --config-out")),
            // One that was killed has left them.
            Some(_) => Ok(paths),
            None => Err(CliError::usage(format!(
                "'{}' exists, and `dev` did not write it",
                if paths.config.exists() {
                    &paths.config
                } else {
                    &paths.description
                }
                .display()
            ))
            .help("give another --config-out; it would be written over, and removed at the end")),
        }
    }

    /// The process that wrote the description, if it describes these settings.
    fn process(&self) -> Option<u64> {
        let text = fs::read_to_string(&self.description).ok()?;
        let description: Value = serde_json::from_str(&text).ok()?;
        let of_these = description["config"].as_str() == self.config.to_str();
        description["pid"].as_u64().filter(|_| of_these)
    }

    /// Writes both.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn write(&self, settings: &ConfigFile, description: &Value) -> Result<(), CliError> {
        // Somebody else may have come first since.
        Self::claim(&self.config)?;
        let folder = self.description.parent();
        let made = folder.map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| fs::write(&self.description, format!("{description:#}\n")))
            .map_err(|error| {
                let path = self.description.display();
                CliError::usage(format!("'{path}' cannot be written: {error}"))
            })?;
        // Settings without a description would be those of somebody else.
        Ok(settings.write(&self.config)?)
    }

    /// Removes both, unless another process has written its own since.
    pub fn remove(&self) {
        if self.process() == Some(std::process::id().into()) {
            // They may have been removed already.
            let _ = fs::remove_file(&self.config);
            let _ = fs::remove_file(&self.description);
        }
    }
}

/// Whether a process with this number is a `dev`. Numbers are given again after a while.
fn is_running(process: u64) -> bool {
    let arguments = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    arguments
        .split(|byte| *byte == 0)
        .any(|word| word == b"dev")
}

/// The path from the root on.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn describe(paths: &DevPaths, process: u32) {
        let description = json!({ "pid": process, "config": paths.config });
        paths.write(&ConfigFile::default(), &description).unwrap();
    }

    #[test]
    fn a_file_of_somebody_else_is_neither_written_over_nor_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mine = folder.path().join("mine.toml");
        for name in ["mine.toml", "mine.json"] {
            let file = folder.path().join(name);
            fs::write(&file, "contract = '5C'\n").unwrap();
            let refused = DevPaths::claim(&mine).unwrap_err();
            assert!(refused.message.contains(name), "{refused}");
            fs::remove_file(file).unwrap();
        }
        // Settings as `deploy` writes them have no description beside them.
        ConfigFile::default().write(&mine).unwrap();
        assert!(DevPaths::claim(&mine).is_err());
        let json = DevPaths::claim(&folder.path().join("x.json")).unwrap_err();
        assert!(json.message.contains("x.json"), "{json}");
    }

    #[test]
    fn a_second_dev_is_refused_and_one_that_was_killed_is_not_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let paths = DevPaths::claim(&folder.path().join("new/dev.toml")).unwrap();
        describe(&paths, 4_711);
        let refused = DevPaths::claim_unless(&paths.config, &|_| true).unwrap_err();
        assert!(refused.message.contains("4711"), "{refused}");
        assert!(DevPaths::claim_unless(&paths.config, &|_| false).is_ok());
        // It does not take away what another one has written.
        paths.remove();
        assert!(paths.config.exists() && paths.description.exists());
        describe(&paths, std::process::id());
        paths.remove();
        assert!(!paths.config.exists() && !paths.description.exists());
    }
}
