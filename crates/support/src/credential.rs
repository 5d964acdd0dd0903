//! Credentials of systemd: secrets in a directory that only one service can enter.

use std::{
    env,
    path::{Path, PathBuf},
};

/// Prefix of paths in the settings that are relative to the credentials directory.
const PREFIX: &str = "$CREDENTIALS_DIRECTORY";

/// The credentials directory that systemd passes to the service.
fn folder() -> Option<PathBuf> {
    env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)
}

/// Whether a path is relative to the credentials directory.
pub fn is_credential(path: &Path) -> bool {
    path.starts_with(PREFIX)
}

/// The path below the credentials directory; unchanged for other paths, and outside of such a service.
pub fn resolve(path: PathBuf) -> PathBuf {
    resolve_in(path, folder().as_deref())
}

fn resolve_in(path: PathBuf, folder: Option<&Path>) -> PathBuf {
    match (path.strip_prefix(PREFIX), folder) {
        (Ok(name), Some(folder)) => folder.join(name),
        _ => path,
    }
}

/// Bits that the mode of a file with a secret must not have. systemd lets the service into a
/// credential by an access list, whose mask stands where the group's bits are; its folder keeps
/// everybody else out.
pub fn forbidden_mode(path: &Path) -> u32 {
    forbidden_in(path, folder().as_deref())
}

fn forbidden_in(path: &Path, folder: Option<&Path>) -> u32 {
    match folder {
        Some(folder) if path.starts_with(folder) && !folder.as_os_str().is_empty() => 0o007,
        _ => 0o077,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_service_has_credentials() {
        let (name, folder) = (
            PathBuf::from("$CREDENTIALS_DIRECTORY/key"),
            Path::new("/run/c"),
        );
        assert!(is_credential(&name) && !is_credential(Path::new("/run/c/key")));
        assert_eq!(
            resolve_in(name.clone(), Some(folder)),
            Path::new("/run/c/key")
        );
        assert_eq!(resolve_in(name.clone(), None), name);
        assert_eq!(resolve_in("key".into(), Some(folder)), Path::new("key"));
    }

    #[test]
    fn the_group_may_read_in_the_folder_of_credentials_alone() {
        let folder = Some(Path::new("/run/c"));
        assert_eq!(forbidden_in(Path::new("/run/c/key"), folder), 0o007);
        assert_eq!(forbidden_in(Path::new("/run/cc/key"), folder), 0o077);
        assert_eq!(forbidden_in(Path::new("/run/c/key"), None), 0o077);
        assert_eq!(
            forbidden_in(Path::new("/run/c/key"), Some(Path::new(""))),
            0o077
        );
    }
}
