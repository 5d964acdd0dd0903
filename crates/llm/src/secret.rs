//! API keys: read from a private file or the environment, never printed.

use super::ModelError;
use secrecy::SecretString;
use std::{io::Read, path::Path};

/// Longest key, bytes; more is a wrong file.
const KEY_BYTES_MAX: u64 = 4096;

/// The key from the file or the environment variable; none when neither is named, which servers on
/// one's own machine accept.
///
/// # Errors
/// When both are named, or the named one cannot be used; the text never shows the key.
pub(super) fn api_key(
    file: Option<&Path>,
    variable: Option<&str>,
) -> Result<Option<SecretString>, ModelError> {
    let key = match (file, variable) {
        (Some(_), Some(_)) => {
            return Err(refused(
                "both `api_key_file` and `api_key_env` are set: keep one".into(),
            ))
        }
        (None, None) => return Ok(None),
        (Some(path), None) => from_file(path)?,
        (None, Some(name)) => std::env::var(name).map_err(|_| {
            refused(format!(
                "environment variable {name} is not set to text: the settings read a key from it"
            ))
        })?,
    };
    let key = key.trim();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let place = file.map_or_else(
            || variable.unwrap_or_default().to_owned(),
            |path| path.display().to_string(),
        );
        return Err(refused(format!(
            "{place} holds no API key: it must be one line of printable ASCII without spaces"
        )));
    }
    Ok(Some(SecretString::from(key)))
}

fn from_file(path: &Path) -> Result<String, ModelError> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| {
        refused(format!(
            "key file {shown} cannot be read ({}): check `api_key_file`",
            error.kind()
        ))
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    // Of the opened file, so that nobody swaps it between the check and the read.
    private(&file.metadata().map_err(unreadable)?, path)?;
    let mut text = String::new();
    file.take(KEY_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    Ok(text)
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
    use secrecy::ExposeSecret;
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
        let key = api_key(Some(&path), None).unwrap().unwrap();
        assert_eq!(key.expose_secret(), "sk-canary");
        assert!(!format!("{key:?}").contains("canary"));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_its_mode_and_the_remedy() {
        for mode in [0o644, 0o640, 0o604, 0o660] {
            let (_folder, path) = key_file("sk-canary", mode);
            let text = api_key(Some(&path), None).unwrap_err().to_string();
            assert!(text.contains(&format!("mode {mode:04o}")), "{text}");
            assert!(text.contains("chmod 600"), "{text}");
            assert!(!text.contains("canary"), "{text}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        for content in ["", "  \n", "two words", "tab\there", "café"] {
            let (_folder, path) = key_file(content, 0o600);
            let text = api_key(Some(&path), None).unwrap_err().to_string();
            assert!(text.contains("holds no API key"), "{text}");
            assert!(
                content.trim().is_empty() || !text.contains(content.trim()),
                "{text}"
            );
        }
        assert!(api_key(Some(Path::new("/nonexistent/key")), None).is_err());
        assert!(api_key(Some(Path::new("/nonexistent/key")), Some("X")).is_err());
        let unset = api_key(None, Some("LLM_ORACLE_TEST_NO_SUCH_VARIABLE")).unwrap_err();
        assert!(unset
            .to_string()
            .contains("LLM_ORACLE_TEST_NO_SUCH_VARIABLE"));
        assert!(api_key(None, None).unwrap().is_none());
    }
}
