//! The model's file: checked before llama.cpp sees it, and named by its digest.

use super::super::ModelError;
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{Read, Seek},
    path::Path,
};

/// First bytes of every GGUF file.
const MAGIC: [u8; 4] = *b"GGUF";
/// Versions of the format that llama.cpp reads.
const VERSIONS: std::ops::RangeInclusive<u32> = 2..=3;

/// Checks that the file is a GGUF and returns its SHA-256, hex.
///
/// # Errors
/// `Load` with the path and what to do.
pub(super) fn check(path: &Path) -> Result<String, ModelError> {
    let refused = |reason: String| ModelError::Load {
        path: path.to_owned(),
        reason,
    };
    let unreadable = |error: std::io::Error| {
        refused(format!(
            "{}; check `path`, or download the model first",
            error.kind()
        ))
    };
    let mut file = File::open(path).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(refused(
            "it is no file; give the path of a .gguf file".to_owned(),
        ));
    }
    let mut head = [0; 8];
    let no_gguf = "it is no GGUF file (it does not begin with 'GGUF'); give a model in GGUF format";
    file.read_exact(&mut head)
        .map_err(|_| refused(no_gguf.to_owned()))?;
    let [m0, m1, m2, m3, v0, v1, v2, v3] = head;
    if [m0, m1, m2, m3] != MAGIC {
        return Err(refused(no_gguf.to_owned()));
    }
    let version = u32::from_le_bytes([v0, v1, v2, v3]);
    if !VERSIONS.contains(&version) {
        return Err(refused(format!(
            "its GGUF version is {version}, this build reads 2 and 3; convert it"
        )));
    }
    file.rewind().map_err(unreadable)?;
    let mut hasher = Sha256::new();
    std::io::copy(&mut file, &mut hasher).map_err(unreadable)?;
    Ok(hex::encode(hasher.finalize()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_gguf_is_refused_with_path_and_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        for (content, word) in [
            (b"".as_slice(), "no GGUF"),
            (b"GGU", "no GGUF"),
            (b"<html><body>", "no GGUF"),
            (b"ggml\x03\0\0\0", "no GGUF"),
            (b"GGUF\x01\0\0\0", "version is 1"),
            (b"GGUF\0\0\0\x03", "version is 50331648"),
        ] {
            std::fs::write(&path, content).unwrap();
            let text = check(&path).unwrap_err().to_string();
            assert!(text.contains(word) && text.contains("model.gguf"), "{text}");
        }
        let text = check(&folder.path().join("missing.gguf"))
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("missing.gguf") && text.contains("download"),
            "{text}"
        );
        assert!(check(folder.path())
            .unwrap_err()
            .to_string()
            .contains("no file"));
    }
}
