//! API keys: read from a private file or the environment, never printed.

use super::ModelError;
use secrecy::{ExposeSecret, SecretString};
use std::{io::Read, path::Path, time::SystemTime};

/// Longest key, bytes; more is a wrong file.
pub(super) const KEY_BYTES_MAX: u64 = 4096;

/// The key in an environment variable.
///
/// # Errors
/// `NotConfigured` when it is not set, or holds no key; the text never shows the key.
pub(super) fn from_variable(name: &str) -> Result<SecretString, ModelError> {
    let text = std::env::var(name).map_err(|_| {
        refused(format!(
            "environment variable {name} is not set to text: the settings read a key from it"
        ))
    })?;
    from_text(&text, name).map_err(refused)
}

/// The key in a file of mode 0600, and which version of the file holds it.
///
/// # Errors
/// `NotConfigured` when the file cannot be read, others may read it, or it holds no key; the text never
/// shows the key.
pub(super) fn from_file(path: &Path) -> Result<(SecretString, FileVersion), ModelError> {
    let (text, version) = read(path)?;
    let key = from_text(&text, &path.display().to_string()).map_err(refused)?;
    Ok((key, version))
}

/// The key that a text is, but for white space around it.
///
/// # Errors
/// That `place` holds no key.
pub(super) fn from_text(text: &str, place: &str) -> Result<SecretString, String> {
    let key = text.trim();
    let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_key {
        return Err(format!(
            "{place} holds no API key: it must be one line of printable ASCII without spaces"
        ));
    }
    Ok(SecretString::from(key))
}

/// A text without this secret, also where a slash in it was escaped as some servers do.
pub(super) fn without(text: String, secret: &SecretString) -> String {
    let secret = secret.expose_secret();
    let escaped = secret.replace('/', "\\/");
    if text.contains(secret) || text.contains(&escaped) {
        text.replace(secret, "***").replace(&escaped, "***")
    } else {
        text
    }
}

/// What tells that a file was written or replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileVersion {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

impl FileVersion {
    /// That of the file which has this path now; `None` when there is none.
    pub(super) fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path)
            .ok()
            .map(|metadata| Self::read(&metadata))
    }

    fn read(metadata: &std::fs::Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Self {
            modified: metadata.modified().ok(),
            bytes: metadata.len(),
            inode,
        }
    }
}

fn read(path: &Path) -> Result<(String, FileVersion), ModelError> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| {
        refused(format!(
            "key file {shown} cannot be read ({}): check `api_key_file`",
            error.kind()
        ))
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    // Of the opened file, so that nobody swaps it between the check and the read.
    let metadata = file.metadata().map_err(unreadable)?;
    private(&metadata, path)?;
    let mut text = String::new();
    file.take(KEY_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    Ok((text, FileVersion::read(&metadata)))
}

#[cfg(unix)]
fn private(metadata: &std::fs::Metadata, path: &Path) -> Result<(), ModelError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & llm_oracle_support::credential::forbidden_mode(path) == 0 {
        return Ok(());
    }
    let path = path.display();
    Err(refused(format!(
        "key file {path} has mode {mode:04o} and others may read it: run `chmod 600 {path}`"
    )))
}

#[cfg(not(unix))]
fn private(_: &std::fs::Metadata, _: &Path) -> Result<(), ModelError> {
    Ok(())
}

fn refused(reason: String) -> ModelError {
    ModelError::NotConfigured(reason)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn key_file(content: &str, mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn a_private_file_holds_the_key() {
        let (_folder, path) = key_file("sk-canary\n", 0o600);
        let (key, _) = from_file(&path).unwrap();
        assert_eq!(key.expose_secret(), "sk-canary");
        assert!(!format!("{key:?}").contains("canary"));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_its_mode_and_the_remedy() {
        for mode in [0o644, 0o640, 0o604, 0o660] {
            let (_folder, path) = key_file("sk-canary", mode);
            let text = from_file(&path).unwrap_err().to_string();
            assert!(text.contains(&format!("mode {mode:04o}")), "{text}");
            assert!(text.contains("chmod 600"), "{text}");
            assert!(!text.contains("canary"), "{text}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        for content in ["", "  \n", "two words", "tab\there", "café"] {
            let (_folder, path) = key_file(content, 0o600);
            let text = from_file(&path).unwrap_err().to_string();
            assert!(text.contains("holds no API key"), "{text}");
            assert!(
                content.trim().is_empty() || !text.contains(content.trim()),
                "{text}"
            );
        }
        assert!(from_file(Path::new("/nonexistent/key")).is_err());
        let unset = from_variable("LLM_ORACLE_TEST_NO_SUCH_VARIABLE").unwrap_err();
        assert!(unset
            .to_string()
            .contains("LLM_ORACLE_TEST_NO_SUCH_VARIABLE"));
    }
}
