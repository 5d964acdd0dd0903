//! `evidence export`, and finding a document by its digest.

use super::{
    args::VerifyArgs,
    context::Context,
    exit::{self, Failure, Outcome},
    fetch,
    output::table,
};
use llm_oracle_primitives::{digest, Hash, SeatView};
use llm_oracle_store::{Evidence, StoreError};
use llm_oracle_support::address::{hex0x, ss58};
use serde_json::json;
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

/// Largest document that is fetched, bytes: the largest response of a model, asked twice, and its copy.
const DOCUMENT_BYTES_MAX: usize = 8 * 1024 * 1024;

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(exit::STORE, error)
    }
}

/// Name of a document's file.
fn file_name(digest: &Hash) -> String {
    format!("{}.json", hex0x(digest))
}

/// Writes documents from the store of these settings, also while its relayer runs. Those whose answer
/// is not revealed stay where they are: whoever reads one could copy the answer.
///
/// # Errors
/// When there is no store, or the folder cannot be written.
pub fn export(context: &Context, id: Option<u64>, out: &Path) -> Outcome {
    let archive = context.archive().map_err(|error| {
        Failure::from(error)
            .help("give --config with the settings of the relayer whose evidence it is")
    })?;
    let (public, kept): (Vec<_>, Vec<_>) = archive
        .evidence(id)?
        .into_iter()
        .partition(|one| one.public);
    let unwritable = |path: &Path, error: std::io::Error| {
        let path = path.display();
        Failure::usage(format!("cannot write {path}: {error}"))
            .help("give another folder with --out")
    };
    fs::create_dir_all(out).map_err(|error| unwritable(out, error))?;
    for one in &public {
        let path = out.join(file_name(&one.digest));
        fs::write(&path, &one.document).map_err(|error| unwritable(&path, error))?;
    }
    if !kept.is_empty() {
        let count = kept.len();
        context
            .out
            .stage(format!("{count} left out: their answers are not revealed"));
    }
    let rows = public.iter().map(|one| {
        vec![
            one.request_id.to_string(),
            ss58(&one.operator.into()),
            out.join(file_name(&one.digest)).display().to_string(),
        ]
    });
    let json: Vec<_> = public.iter().map(|one| line(one, out)).collect();
    let value = json!({ "exported": json, "unrevealed": kept.len() });
    context
        .out
        .result(&table(&["request", "operator", "file"], rows), &value)?;
    Ok(exit::OK)
}

fn line(one: &Evidence, out: &Path) -> serde_json::Value {
    json!({
        "request": one.request_id,
        "operator": ss58(&one.operator.into()),
        "digest": hex0x(&one.digest),
        "file": out.join(file_name(&one.digest)),
    })
}

/// Where documents may be: a folder, the store of these settings, relayers that serve them.
pub struct Sources {
    folder: Option<PathBuf>,
    stored: HashMap<Hash, Vec<u8>>,
    urls: Vec<String>,
}

impl Sources {
    /// The places that the arguments and the settings name.
    ///
    /// # Errors
    /// When the store of the settings cannot be read; that there is none is no error.
    pub fn new(context: &Context, args: &VerifyArgs) -> Result<Self, Failure> {
        let stored = match context.archive() {
            Ok(archive) => archive.evidence(Some(args.id))?,
            Err(StoreError::Io { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let stored = stored.into_iter().map(|one| (one.digest, one.document));
        Ok(Self {
            folder: args.evidence.clone(),
            stored: stored.collect(),
            urls: args.from.clone(),
        })
    }

    /// The document of a seat: the first with the right digest; if there is none, the first at all. A
    /// place that has it wrong keeps nobody from finding it elsewhere.
    pub async fn find(&self, seat: &SeatView) -> (Option<Vec<u8>>, Vec<String>) {
        if seat.salt.is_none() {
            // Nothing is public before the reveal.
            return (None, Vec::new());
        }
        let fits = |document: &[u8]| {
            let made = seat.salt.map(|salt| digest::evidence(&salt, document));
            made == Some(seat.evidence)
        };
        let (mut first, mut notes) = (None, Vec::new());
        let folder = self
            .folder
            .as_ref()
            .map(|folder| folder.join(file_name(&seat.evidence)));
        let here = folder.and_then(|path| fs::read(path).ok());
        let stored = self.stored.get(&seat.evidence).cloned();
        for document in here.into_iter().chain(stored) {
            if fits(&document) {
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
                Ok(got) if got.status == 200 && fits(&got.body) => return (Some(got.body), notes),
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
