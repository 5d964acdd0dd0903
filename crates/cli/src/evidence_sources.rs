//! Finding an evidence document by its digest.

use crate::{context::CommandContext, exit::CliError, fetch};
use llm_oracle_primitives::{digest, Hash, SeatView};
use llm_oracle_store::StoreError;
use llm_oracle_support::address::hex0x;
use std::{collections::HashMap, fs, path::PathBuf};

/// Maximum size of a document that is fetched, bytes: two responses of a model, and one copy of them.
const DOCUMENT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Name of a document's file.
pub fn file_name(digest: &Hash) -> String {
    format!("{}.json", hex0x(digest))
}

/// Where documents are searched: a folder and relayers that serve them, or else the store of these settings.
pub struct EvidenceSources {
    folder: Option<PathBuf>,
    stored: HashMap<Hash, Vec<u8>>,
    urls: Vec<String>,
}

impl EvidenceSources {
    /// The sources of request `id` that the arguments and the settings name.
    ///
    /// # Errors
    /// When there is no such folder, or the store of the settings cannot be read. It is no error if there is no
    /// store.
    pub fn new(
        context: &CommandContext,
        id: u64,
        folder: Option<PathBuf>,
        urls: Vec<String>,
    ) -> Result<Self, CliError> {
        if let Some(path) = folder.as_ref().filter(|path| !path.is_dir()) {
            let shown = path.display();
            return Err(CliError::usage(format!("--evidence: {shown} is no folder")));
        }
        // What the arguments name is checked, and nothing else takes its place.
        let is_named = folder.is_some() || !urls.is_empty();
        let stored = match context.archive() {
            _ if is_named => Vec::new(),
            Ok(archive) => archive.evidence(Some(id))?,
            Err(StoreError::Io { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let stored = stored.into_iter().map(|one| (one.digest, one.document));
        Ok(Self {
            folder,
            stored: stored.collect(),
            urls,
        })
    }

    /// The document of a seat, and notes about sources that failed. The result is the first document
    /// with the right digest, or else the first document found: a source with a wrong document does not
    /// hide a right one elsewhere.
    pub async fn find(&self, seat: &SeatView) -> (Option<Vec<u8>>, Vec<String>) {
        if seat.salt.is_none() {
            // Nothing is public before the reveal.
            return (None, Vec::new());
        }
        let matches_digest = |document: &[u8]| {
            let digest = seat.salt.map(|salt| digest::evidence(&salt, document));
            digest == Some(seat.evidence)
        };
        let (mut first, mut notes) = (None, Vec::new());
        let folder = self
            .folder
            .as_ref()
            .map(|folder| folder.join(file_name(&seat.evidence)));
        let from_folder = folder.and_then(|path| fs::read(path).ok());
        let stored = self.stored.get(&seat.evidence).cloned();
        for document in from_folder.into_iter().chain(stored) {
            if matches_digest(&document) {
                return (Some(document), notes);
            }
            first.get_or_insert(document);
        }
        for (position, url) in self.urls.iter().enumerate() {
            let path = format!(
                "{}/evidence/{}",
                url.trim_end_matches('/'),
                hex0x(&seat.evidence)
            );
            match fetch::get(&path, DOCUMENT_BYTES_MAX).await {
                Ok(got) if got.status == 200 && matches_digest(&got.body) => {
                    return (Some(got.body), notes)
                }
                Ok(got) if got.status == 200 => {
                    first.get_or_insert(got.body);
                }
                Ok(got) => notes.push(format!("--from number {position} says {}", got.status)),
                Err(why) => notes.push(format!("--from number {position}: {why}")),
            }
        }
        (first, notes)
    }
}
