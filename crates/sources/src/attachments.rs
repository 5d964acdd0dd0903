//! Attachments that this relayer holds, as files that are named by their digest.

use llm_oracle_primitives::{digest::blake2, limits, Hash};
use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// A folder of attachments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldAttachments {
    folder: PathBuf,
}

impl HeldAttachments {
    /// The attachments in a folder, which need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self { folder }
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Holds a document from now on, and gives its digest.
    ///
    /// # Errors
    /// When it is empty or larger than a source may be, or can't be written.
    pub fn hold(&self, bytes: &[u8]) -> io::Result<Hash> {
        check_length(bytes.len())?;
        let digest = blake2(bytes);
        fs::create_dir_all(&self.folder)?;
        let path = self.path(&digest);
        // Whole or not at all, whoever reads meanwhile.
        let half = path.with_extension(format!("half-{}", std::process::id()));
        let mut file = File::options();
        let file = file.write(true).create(true).truncate(true).mode(0o600);
        file.open(&half)?.write_all(bytes)?;
        fs::rename(&half, path)?;
        Ok(digest)
    }

    /// The document with a digest, if it is held and still is what it was.
    ///
    /// # Errors
    /// When it can't be read, or its file has been changed.
    pub fn get(&self, digest: &Hash) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.path(digest)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        let most = u64::from(limits::MAX_SOURCE_BYTES).saturating_add(1);
        file.take(most).read_to_end(&mut bytes)?;
        if blake2(&bytes) == *digest {
            return Ok(Some(bytes));
        }
        let name = hex::encode(digest);
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "the attachment '{name}' has been changed; put the right file there or remove it"
            ),
        ))
    }

    fn path(&self, digest: &Hash) -> PathBuf {
        self.folder.join(hex::encode(digest))
    }
}

/// Checks that a document is as long as an attachment may be.
///
/// # Errors
/// When it is empty or too long.
pub fn check_length(bytes: usize) -> io::Result<()> {
    let most = limits::MAX_SOURCE_BYTES;
    if bytes == 0 || bytes > most as usize {
        let why = format!("it has {bytes} bytes, and an attachment has 1 to {most}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    Ok(())
}
