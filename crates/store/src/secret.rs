//! The secrets that salts are derived from: numbered 32-byte files beside the database.
//!
//! A seat's salt must be derivable until its reveal, so old secrets are kept and each answer stores the
//! number of its secret.

use super::StoreError;
use secrecy::{ExposeSecret, SecretBox};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    path::{Path, PathBuf},
};

const PREFIX: &str = "salt-secret-";

/// One secret, which never prints itself.
pub type SaltSecret = SecretBox<[u8; 32]>;

/// All secrets of a store by their numbers.
#[derive(Debug)]
pub struct SaltSecrets {
    by_number: BTreeMap<u32, SaltSecret>,
}

impl SaltSecrets {
    /// Number of the secret that new answers use: the greatest.
    pub fn current(&self) -> u32 {
        // Never empty: `load_or_create` made number 1 if there was none.
        self.by_number.keys().next_back().copied().unwrap_or(1)
    }

    /// The secret with a number.
    ///
    /// # Errors
    /// `MissingSecret` when its file is gone.
    pub fn get(&self, number: u32) -> Result<&[u8; 32], StoreError> {
        let secret = self.by_number.get(&number).map(ExposeSecret::expose_secret);
        secret.ok_or(StoreError::MissingSecret { number })
    }

    /// All secrets with their numbers, the newest first.
    pub fn all(&self) -> impl Iterator<Item = (u32, &[u8; 32])> {
        let newest_first = self.by_number.iter().rev();
        newest_first.map(|(number, secret)| (*number, secret.expose_secret()))
    }

    /// Secrets from numbers and bytes, for stores without a directory.
    pub fn from_pairs(secrets: impl IntoIterator<Item = (u32, [u8; 32])>) -> Self {
        let boxed = |(number, bytes)| (number, SecretBox::new(Box::new(bytes)));
        Self {
            by_number: secrets.into_iter().map(boxed).collect(),
        }
    }

    pub(super) fn load_or_create(directory: &Path) -> Result<Self, StoreError> {
        let mut by_number = BTreeMap::new();
        for (number, path) in files(directory)? {
            by_number.insert(number, read(&path)?);
        }
        if by_number.is_empty() {
            let path = directory.join(name(1));
            create(directory, &path)?;
            by_number.insert(1, read(&path)?);
        }
        Ok(Self { by_number })
    }
}

/// The file name of the secret with a number.
pub(super) fn name(number: u32) -> String {
    format!("{PREFIX}{number}")
}

/// The files with secrets in a folder, by their numbers.
pub(super) fn files(directory: &Path) -> Result<BTreeMap<u32, PathBuf>, StoreError> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).map_err(StoreError::io(directory))? {
        let entry = entry.map_err(StoreError::io(directory))?;
        let name = entry.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.parse().ok());
        if let Some(number) = number {
            files.insert(number, entry.path());
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<SaltSecret, StoreError> {
    use std::os::unix::fs::PermissionsExt;
    let file = File::open(path).map_err(StoreError::io(path))?;
    let mode = file
        .metadata()
        .map_err(StoreError::io(path))?
        .permissions()
        .mode()
        & 0o777;
    if mode & 0o077 != 0 {
        return Err(StoreError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let mut bytes = Vec::with_capacity(33);
    // One more than it should be, to see that it ends there.
    file.take(33)
        .read_to_end(&mut bytes)
        .map_err(StoreError::io(path))?;
    let length = bytes.len();
    let secret: [u8; 32] = bytes.try_into().map_err(|_| StoreError::BadSecret {
        path: path.to_owned(),
        bytes: length,
    })?;
    Ok(SecretBox::new(Box::new(secret)))
}

/// Written under another name first, so that a crash leaves no partial secret.
fn create(directory: &Path, path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut secret = [0; 32];
    llm_oracle_support::random::fill(&mut secret)
        .map_err(|error| StoreError::damaged("source of randomness", error))?;
    let draft = directory.join("new-salt-secret");
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&draft).map_err(StoreError::io(&draft))?;
    file.write_all(&secret).map_err(StoreError::io(&draft))?;
    file.sync_all().map_err(StoreError::io(&draft))?;
    fs::rename(&draft, path).map_err(StoreError::io(path))?;
    let folder = File::open(directory).map_err(StoreError::io(directory))?;
    folder.sync_all().map_err(StoreError::io(directory))
}
