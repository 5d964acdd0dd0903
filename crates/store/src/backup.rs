//! The backup: salt secrets and answers as files, in a directory that should be on another disk.
//!
//! An answer's file is written before its row. So every answer that was committed to is in both places;
//! a file without a row is an answer that was never used.

use super::{make_private_directory, secret, Answered, StoreError};
use llm_oracle_primitives::{Answer, RequestId};
use scale::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

/// The backup directory.
#[derive(Debug)]
pub(super) struct Backup {
    folder: PathBuf,
}

/// One answer in a backup file: what its reveal needs, and its evidence.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerCopy {
    request_id: RequestId,
    operator: String,
    terms_digest: String,
    answer: String,
    /// Files of version 2 lack it.
    #[serde(default)]
    confidence: Option<u8>,
    document: String,
    evidence: String,
    salt_secret: u32,
    commitment: String,
    model: String,
    model_ms: i64,
    seen_at_ms: i64,
}

impl Backup {
    /// Opens the directory. A store without salt secrets gets those of the backup, so that a lost store is
    /// restored with the secrets that its seats need.
    pub(super) fn open(folder: &Path, store: &Path) -> Result<Self, StoreError> {
        make_private_directory(folder)?;
        let copied = secret::files(folder)?;
        if secret::files(store)?.is_empty() {
            for (number, path) in copied {
                write(store, &secret::name(number), &read(&path)?)?;
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Copies the store's salt secrets. A different secret with the same number is refused.
    pub(super) fn persist_secrets(&self, store: &Path) -> Result<(), StoreError> {
        let copied = secret::files(&self.folder)?;
        for (number, path) in secret::files(store)? {
            let bytes = read(&path)?;
            match copied.get(&number) {
                None => write(&self.folder, &secret::name(number), &bytes)?,
                Some(copy) if read(copy)? == bytes => {}
                Some(copy) => return Err(StoreError::OtherBackup { path: copy.clone() }),
            }
        }
        Ok(())
    }

    /// Writes an answer, synced to disk when this returns.
    pub(super) fn persist(&self, answered: &Answered) -> Result<(), StoreError> {
        let hex = |bytes: &[u8]| hex::encode(bytes);
        let copy = AnswerCopy {
            request_id: answered.request_id,
            operator: hex(&answered.operator),
            terms_digest: hex(&answered.terms_digest),
            answer: hex(&answered.answer.encode()),
            confidence: answered.confidence,
            document: hex(&answered.document),
            evidence: hex(&answered.evidence),
            salt_secret: answered.salt_secret,
            commitment: hex(&answered.commitment),
            model: answered.model.clone(),
            model_ms: answered.model_ms,
            seen_at_ms: answered.seen_at_ms,
        };
        let text = serde_json::to_vec_pretty(&copy);
        let text = text.map_err(|error| StoreError::damaged("backup", error))?;
        write(
            &self.folder,
            &name(answered.request_id, &answered.operator),
            &text,
        )
    }

    /// Removes the backup of an answer, if there is one.
    pub(super) fn remove(&self, request: RequestId, operator: &[u8; 32]) -> Result<(), StoreError> {
        let path = self.folder.join(name(request, operator));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::io(&path)(error))
            }
            _ => Ok(()),
        }
    }

    /// The backup of an answer, if there is one.
    pub(super) fn find(
        &self,
        request: RequestId,
        operator: &[u8; 32],
    ) -> Result<Option<Answered>, StoreError> {
        let path = self.folder.join(name(request, operator));
        if !path.exists() {
            return Ok(None);
        }
        let copy: AnswerCopy = serde_json::from_slice(&read(&path)?)
            .map_err(|error| StoreError::damaged("backup", error))?;
        copy.answered().map(Some)
    }
}

impl AnswerCopy {
    fn answered(self) -> Result<Answered, StoreError> {
        let bytes =
            |text: &str| hex::decode(text).map_err(|error| StoreError::damaged("backup", error));
        let hash = |text: &str| super::bytes32("backup", bytes(text)?);
        let answer = Answer::decode(&mut bytes(&self.answer)?.as_slice());
        Ok(Answered {
            request_id: self.request_id,
            operator: hash(&self.operator)?,
            terms_digest: hash(&self.terms_digest)?,
            answer: answer.map_err(|error| StoreError::damaged("backup", error))?,
            confidence: self.confidence,
            document: bytes(&self.document)?,
            evidence: hash(&self.evidence)?,
            salt_secret: self.salt_secret,
            commitment: hash(&self.commitment)?,
            model: self.model,
            model_ms: self.model_ms,
            seen_at_ms: self.seen_at_ms,
        })
    }
}

fn name(request: RequestId, operator: &[u8; 32]) -> String {
    format!("answer-{request}-{}.json", hex::encode(operator))
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    fs::read(path).map_err(StoreError::io(path))
}

/// Written under another name first, so that a crash leaves no partial file.
pub(super) fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    use std::os::unix::fs::OpenOptionsExt;
    let (draft, path) = (folder.join("draft"), folder.join(name));
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&draft).map_err(StoreError::io(&draft))?;
    file.write_all(bytes).map_err(StoreError::io(&draft))?;
    file.sync_all().map_err(StoreError::io(&draft))?;
    fs::rename(&draft, &path).map_err(StoreError::io(&path))?;
    let directory = File::open(folder).map_err(StoreError::io(folder))?;
    directory.sync_all().map_err(StoreError::io(folder))
}
