//! Signers as processes.

use crate::{
    eventually,
    process::{launch, Relayer},
    world::{Key, World},
};
use llm_oracle_primitives::AccountId;
use llm_oracle_signing::{RemoteSigner, Signer as _};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// A signer's folder: settings, record, socket, log.
pub struct Signer {
    folder: PathBuf,
}

impl Signer {
    /// Writes the settings of a signer with these keys.
    ///
    /// # Panics
    /// When the chain or the file system refuses.
    pub async fn new(world: &World, name: &str, keys: &[&Key]) -> Self {
        let sources: Vec<String> = keys
            .iter()
            .map(|key| format!("suri = '{}'", key.suri))
            .collect();
        Self::with_sources(world, name, &sources).await
    }

    /// The same, with lines that say where each key comes from.
    ///
    /// # Panics
    /// When the chain or the file system refuses.
    pub async fn with_sources(world: &World, name: &str, sources: &[String]) -> Self {
        let folder = world.folder.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        let told = world.cli(&["signer", "settings"]).await;
        assert_eq!(told.code, 0, "{told:?}");
        let mut text = format!("socket = 'run/socket'\nstore = 'record'\n{}", told.stdout);
        for source in sources {
            writeln!(text, "[[operators]]\n{source}").unwrap();
        }
        fs::write(folder.join("signer.toml"), text).unwrap();
        Self { folder }
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("run/socket")
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A relayer's view of it.
    pub fn remote(&self, account: AccountId) -> RemoteSigner {
        RemoteSigner::new(self.socket(), account)
    }

    /// Starts it and waits until it signs for the account.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn run(&self, account: AccountId) -> Relayer {
        self.run_with(account, &[]).await
    }

    /// The same with further variables.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn run_with(&self, account: AccountId, variables: &[(&str, &str)]) -> Relayer {
        let config = self.folder.join("signer.toml");
        let arguments = ["--config", config.to_str().unwrap(), "signer", "run"];
        let process = launch(&self.folder, &arguments, variables);
        let remote = self.remote(account);
        eventually("signer", || async { remote.check().ok() }).await;
        process
    }
}
