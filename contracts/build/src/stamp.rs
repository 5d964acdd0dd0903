//! Remembering what was built from what.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{code_hash, hex, read, Error};

/// Digest of everything that the results depend on.
pub(crate) fn key(parts: &[&[u8]]) -> String {
    let mut joined = env!("CARGO_PKG_VERSION").as_bytes().to_vec();
    for part in parts {
        // Digests have one length, so parts can't run into each other.
        joined.extend(code_hash(part));
    }
    hex(&code_hash(&joined))
}

/// A file that says from which inputs the results were made, and what they were.
pub(crate) struct Stamp {
    file: PathBuf,
    key: String,
}

impl Stamp {
    pub fn at(work: &Path, key: String) -> Self {
        Self {
            file: work.join("stamp"),
            key,
        }
    }

    /// Whether `outputs` are still what was made from the same inputs.
    pub fn is_current(&self, outputs: &[&PathBuf]) -> Result<bool, Error> {
        if outputs.iter().any(|file| !file.exists()) {
            return Ok(false);
        }
        match fs::read_to_string(&self.file) {
            Ok(found) => Ok(found == self.text(outputs)?),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Error::file(&self.file, e)),
        }
    }

    /// Records `outputs` as made.
    pub fn set(&self, outputs: &[&PathBuf]) -> Result<(), Error> {
        fs::write(&self.file, self.text(outputs)?).map_err(|e| Error::file(&self.file, e))
    }

    fn text(&self, outputs: &[&PathBuf]) -> Result<String, Error> {
        let mut text = self.key.clone();
        for file in outputs {
            text.push('\n');
            text.push_str(&hex(&code_hash(&read(file)?)));
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_input_or_output_is_noticed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let output = folder.path().join("x.wasm");
        let current = |input: &[u8]| {
            Stamp::at(folder.path(), key(&[input]))
                .is_current(&[&output])
                .expect("readable")
        };
        assert!(!current(b"a"), "nothing there yet");
        fs::write(&output, "code").expect("written");
        assert!(!current(b"a"), "no stamp yet");
        Stamp::at(folder.path(), key(&[b"a"]))
            .set(&[&output])
            .expect("written");
        assert!(current(b"a"));
        assert!(!current(b"b"), "another input");
        fs::write(&output, "other").expect("written");
        assert!(!current(b"a"), "another output");
    }

    #[test]
    fn the_border_between_parts_counts() {
        assert_ne!(key(&[b"ab", b"c"]), key(&[b"a", b"bc"]));
    }
}
