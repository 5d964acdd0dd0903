//! What the origin of a value decides: which of two settings wins, and what a path is relative to.

use figment2::Figment;
use llm_oracle_support::credential;
use std::path::{Path, PathBuf};

/// Which of two settings wins: 0 for the file or none, 1 for the environment, 2 for a flag.
pub(super) fn origin_rank(figment: &Figment, key: &str) -> u8 {
    match figment.find_metadata(key) {
        Some(found) if found.name.starts_with("flag") => 2,
        Some(found) if found.name.starts_with("environment") => 1,
        _ => 0,
    }
}

/// Resolves a path of the settings: a relative one in the file is relative to the file.
pub(super) fn relative_to_file(path: PathBuf, figment: &Figment, key: &str) -> PathBuf {
    if credential::is_credential(&path) {
        return credential::resolve(path);
    }
    let source = figment
        .find_metadata(key)
        .and_then(|found| found.source.as_ref());
    match source
        .and_then(|source| source.file_path())
        .and_then(Path::parent)
    {
        Some(folder) => folder.join(path),
        None => path,
    }
}
