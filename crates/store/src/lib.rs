//! Durable state of a relayer: answers before they are committed to, transactions before they are
//! sent, and the reasons of skipped requests.
//!
//! A store is a directory with the database, its lock, and the secrets that salts are derived from.
//! Several replicas may share a database on a PostgreSQL server; the directory then holds the rest.
//! A write is synced to disk when its function returns. [`Store`] is what the relayer uses; it keeps
//! its rows in a [`database::Database`].
//!
//! **Architecture invariant:** this crate knows neither the chain nor the models. The chain is the
//! source of truth about what happened; the store remembers what must not be done twice.

mod attempts;
mod backup;
pub mod crash_point;
pub mod database;
mod jobs;
mod lease;
mod lock;
mod postgres;
mod retention;
#[cfg(test)]
pub mod sample;
mod seat_records;
mod secret;
pub mod sqlite;
mod stats;
mod usage;

pub use attempts::{live_nonces, Attempt, AttemptState, NewAttempt, Purpose, SeatId};
pub use jobs::{Answered, Job, JobState, JobUpdate, Recorded, Skip};
pub use llm_oracle_support::clock::now_ms;
pub use postgres::{DatabaseUrl, SharedDatabase, UrlSource};
pub use retention::{prune, PruneResult, PruneRule};
pub use seat_records::{unrevealed_requests, SeatFailures, SeatRecords};
pub use secret::{SaltSecret, SaltSecrets};
pub use stats::{Archive, Evidence, Stats};

use database::Database;
use llm_oracle_primitives::{BlockNumber, Hash};
use llm_oracle_support::blocking::blocking;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Why the store cannot be used, or refused a write.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages spell the fields out.
pub enum StoreError {
    /// Another process works with this store.
    #[error("the store {} is in use by another process; stop that one first, or give this one a store of its own", path.display())]
    Locked { path: PathBuf },
    /// The store was made for something else.
    #[error("the store belongs to the {what} {found}, and this relayer is for {wanted}; give it another store, or connect to the right {what}")]
    Foreign {
        what: &'static str,
        found: String,
        wanted: String,
    },
    /// The store was written by a newer version.
    #[error("the store {} was written by a newer version of this program; use that one", path.display())]
    TooNew { path: PathBuf },
    /// The database does not promise what we need of it.
    #[error("the database does not sync every write ({pragma} is {found}, not {wanted}); use a local file system")]
    NotDurable {
        pragma: &'static str,
        found: String,
        wanted: &'static str,
    },
    /// A secret that others could read.
    #[error("{} has mode {mode:03o} and holds a secret; run chmod 600 on it", path.display())]
    Exposed { path: PathBuf, mode: u32 },
    /// A folder that others can enter: they could replace files, or hold the lock.
    #[error("the store {} has mode {mode:03o} and holds secrets; run chmod 700 on it", path.display())]
    OpenFolder { path: PathBuf, mode: u32 },
    /// A secret that is not 32 bytes.
    #[error("{} has {bytes} bytes, not 32; restore it from a backup", path.display())]
    BadSecret { path: PathBuf, bytes: usize },
    /// The file that a stored answer needs is gone.
    #[error("the salt secret number {number} is missing from the store; restore salt-secret-{number} from a backup, or seats made with it stay unrevealed")]
    MissingSecret { number: u32 },
    /// The second copy is another store's.
    #[error("{} is another store's secret; give this store a `backup_dir` of its own, or the copy that belongs to it", path.display())]
    OtherBackup { path: PathBuf },
    /// A replica without a secret that answers of others were made with.
    #[error("the shared database has answers made with the salt secret number {number}, and {} has no salt-secret-{number}; copy it there from another replica's folder", path.display())]
    LacksSecret { path: PathBuf, number: u32 },
    /// A replica with a secret of its own.
    #[error("{}/salt-secret-{number} is not the secret of that number that the shared database is used with; copy the one of another replica over it", path.display())]
    OtherSecret { path: PathBuf, number: u32 },
    /// The address of a shared database cannot be read.
    #[error("store_url is no address of a PostgreSQL database; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with sslmode=disable, prefer or require if any")]
    BadUrl,
    /// Answers and a password would cross a network in the open.
    #[error("the way to {place} leaves this machine and is not encrypted; name the authority of its certificate with store_ca_file, or go through a tunnel that begins on this machine")]
    OpenWire { place: String },
    /// A certificate that cannot be used.
    #[error("{} holds no certificate of an authority: {reason}; give it as PEM", path.display())]
    BadAuthority { path: PathBuf, reason: String },
    /// The database server does not promise what we need of it.
    #[error("the database server can forget what it has confirmed ({setting} is {found}, not {wanted}); change its settings")]
    NotDurableServer {
        setting: &'static str,
        found: String,
        wanted: &'static str,
    },
    /// The shared database is away. What was under way is found out when it is back.
    #[error("the shared database does not answer: {reason}; it is tried again")]
    Unreachable { reason: String },
    /// Another replica was faster.
    #[error("another transaction for the same seat is under way; the next turn sees it")]
    Underway,
    /// A row that does not read back.
    #[error("the store's {what} is damaged: {reason}; restore a backup")]
    Damaged { what: &'static str, reason: String },
    /// Two transactions of one account cannot both count: somebody else was faster.
    #[error("another transaction of the sender that may still count has the nonce {nonce}; it is tried again with the next one")]
    NonceTaken { nonce: u64 },
    #[error("the database failed: {0}")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("cannot use {}: {source}", path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
}

impl StoreError {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    fn damaged(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Damaged {
            what,
            reason: reason.to_string(),
        }
    }

    /// Whether the next iteration of the relayer, which reads everything again, may succeed.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::NonceTaken { .. } | Self::Underway
        )
    }
}

/// The deployment that a store belongs to. It never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreIdentity {
    /// Genesis hash of the chain.
    pub genesis: Hash,
    /// The oracle's address.
    pub contract: [u8; 32],
    /// The oracle's domain: another one means a restarted chain.
    pub domain: Hash,
}

/// An open store. Dropping it releases the lock.
pub struct Store {
    database: Arc<dyn Database>,
    secrets: SaltSecrets,
    directory: PathBuf,
    /// Where a shared database is, as people may see it.
    shared: Option<String>,
    backup: Option<backup::Backup>,
    /// Held while an answer is recorded in two places.
    recording: Mutex<()>,
    _lock: Option<lock::Lock>,
}

impl Store {
    /// Opens or makes the store in `directory` and binds it to `identity`.
    ///
    /// # Errors
    /// `Locked` when another process has it, `Foreign` when it was made for another chain or
    /// contract, `TooNew`, `NotDurable`, `OpenFolder`, `Exposed`, or what the file system says.
    pub fn open(directory: &Path, identity: &StoreIdentity) -> Result<Self, StoreError> {
        Self::open_with_backup(directory, None, identity)
    }

    /// Opens the store with a backup directory for secrets and answers.
    ///
    /// # Errors
    /// As [`Self::open`]; `OtherBackup` when the folder holds another store's copy.
    pub fn open_with_backup(
        directory: &Path,
        backup: Option<&Path>,
        identity: &StoreIdentity,
    ) -> Result<Self, StoreError> {
        make_private_directory(directory)?;
        let lock = lock::Lock::take(directory)?;
        let backup = backup.map(|folder| backup::Backup::open(folder, directory));
        let backup = backup.transpose()?;
        let database = sqlite::Sqlite::open(&directory.join(sqlite::FILE), identity)?;
        let secrets = SaltSecrets::load_or_create(directory)?;
        if let Some(backup) = &backup {
            backup.persist_secrets(directory)?;
        }
        Ok(Self {
            backup,
            database: Arc::new(database),
            secrets,
            directory: directory.to_owned(),
            shared: None,
            recording: Mutex::default(),
            _lock: Some(lock),
        })
    }

    /// A store whose database is shared with other replicas of the same operators. The directory is
    /// this replica's own: its lock, its salt secrets, which are the same in all replicas, and what
    /// it has used.
    ///
    /// # Errors
    /// As [`Self::open_with_backup`]; `Unreachable`; `LacksSecret` and `OtherSecret` when the secrets
    /// are not those of the other replicas; `BadUrl`, `OpenWire`, `BadAuthority`, `NotDurableServer`.
    pub fn open_shared(
        directory: &Path,
        backup: Option<&Path>,
        shared: &SharedDatabase,
        identity: &StoreIdentity,
    ) -> Result<Self, StoreError> {
        make_private_directory(directory)?;
        let lock = lock::Lock::take(directory)?;
        let backup = backup.map(|folder| backup::Backup::open(folder, directory));
        let backup = backup.transpose()?;
        let database = postgres::Postgres::open(shared, identity)?;
        let known = secret::files(directory)?;
        // Checked before a secret is created here: the other replicas would not have it.
        for number in database.secret_numbers()? {
            if !known.contains_key(&number) {
                let path = directory.to_owned();
                return Err(StoreError::LacksSecret { path, number });
            }
        }
        let secrets = SaltSecrets::load_or_create(directory)?;
        database.bind_secrets(&secrets, directory)?;
        if let Some(backup) = &backup {
            backup.persist_secrets(directory)?;
        }
        Ok(Self {
            backup,
            database: Arc::new(database),
            secrets,
            directory: directory.to_owned(),
            shared: Some(shared.place()),
            recording: Mutex::default(),
            _lock: Some(lock),
        })
    }

    /// A store on an open database, without a directory, a lock and a backup. The database may outlive
    /// the store: the simulation opens a new store on it for each process that it starts.
    pub fn with_database(database: Arc<dyn Database>, secrets: SaltSecrets) -> Self {
        Self {
            database,
            secrets,
            directory: PathBuf::new(),
            shared: None,
            backup: None,
            recording: Mutex::default(),
            _lock: None,
        }
    }

    /// The secrets that salts are derived from.
    pub fn secrets(&self) -> &SaltSecrets {
        &self.secrets
    }

    /// The store's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the database is, for people: a folder, or an address without its password.
    pub fn place(&self) -> String {
        let folder = || self.directory.display().to_string();
        self.shared.clone().unwrap_or_else(folder)
    }

    /// Lowest request that may still need work; all requests below it have ended.
    ///
    /// # Errors
    /// `Database`.
    pub fn cursor(&self) -> Result<u64, StoreError> {
        let value = self.database.meta("cursor")?;
        let Some(value) = value else { return Ok(0) };
        let bytes = value
            .try_into()
            .map_err(|_| StoreError::damaged("cursor", "wrong length"))?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Moves the cursor. It only saves reads: moving it back is harmless.
    ///
    /// # Errors
    /// `Database`.
    pub fn set_cursor(&self, request_id: u64) -> Result<(), StoreError> {
        synced_write(self, |database| {
            database.set_meta("cursor", &request_id.to_le_bytes())
        })
    }

    /// The highest finalized block that was acted on: height and hash.
    ///
    /// # Errors
    /// `Database`, `Damaged`.
    pub fn finalized_seen(&self) -> Result<Option<(BlockNumber, Hash)>, StoreError> {
        let value = self.database.meta("finalized")?;
        let Some(value) = value else { return Ok(None) };
        let split = value.split_first_chunk::<4>();
        let (height, hash) = split.ok_or_else(|| StoreError::damaged("head", "too short"))?;
        let hash = bytes32("head", hash.to_vec())?;
        Ok(Some((BlockNumber::from_le_bytes(*height), hash)))
    }

    /// Records the highest finalized block that was acted on.
    ///
    /// # Errors
    /// `Database`.
    pub fn set_finalized_seen(&self, height: BlockNumber, hash: &Hash) -> Result<(), StoreError> {
        // Another replica's node may be ahead. Concurrent writes may leave a lower block than the
        // highest, which is harmless.
        let higher = self.is_shared() && self.finalized_seen()?.is_some_and(|seen| seen.0 > height);
        if higher {
            return Ok(());
        }
        let value = [height.to_le_bytes().as_slice(), hash].concat();
        synced_write(self, |database| database.set_meta("finalized", &value))
    }

    /// Removes the record of [`Self::finalized_seen`], for an operator who knows that the chain was reset.
    ///
    /// # Errors
    /// `Database`.
    pub fn forget_finalized_seen(&self) -> Result<(), StoreError> {
        synced_write(self, |database| database.remove_meta("finalized"))
    }

    fn recording(&self) -> MutexGuard<'_, ()> {
        // The lock guards an order, not data: a panic leaves nothing inconsistent.
        self.recording
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a write to the database. It waits for the disk, so the runtime moves the worker's other tasks to
/// another thread; a current-thread runtime, such as the simulation's, just waits.
fn synced_write<T>(store: &Store, write: impl FnOnce(&dyn Database) -> T) -> T {
    blocking(|| write(&*store.database))
}

/// Makes the folder, or checks the one that is there.
fn make_private_directory(directory: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory);
    made.map_err(StoreError::io(directory))?;
    let found = fs::metadata(directory).map_err(StoreError::io(directory))?;
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(StoreError::OpenFolder {
            path: directory.to_owned(),
            mode,
        });
    }
    Ok(())
}

/// The databases' integers are signed; request numbers count up from 0 and stay far below.
fn to_sql(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|error| StoreError::damaged("number", error))
}

fn from_sql(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|error| StoreError::damaged("number", error))
}

fn bytes32(what: &'static str, bytes: Vec<u8>) -> Result<[u8; 32], StoreError> {
    let length = bytes.len();
    bytes
        .try_into()
        .map_err(|_| StoreError::damaged(what, format!("{length} bytes, not 32")))
}

#[cfg(test)]
mod tests;
