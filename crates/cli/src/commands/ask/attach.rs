//! Documents that are attached to a question: held by this machine's relayer from now on.

use crate::{config::Settings, exit::CliError, output::Output};
use llm_oracle_primitives::{digest::blake2, Source};
use llm_oracle_sources::attachments::{check_length, HeldAttachments};
use llm_oracle_support::address::hex0x;
use std::{fs, io, path::Path};

/// Media types by the ends of files' names.
const TYPES: [(&str, &str); 7] = [
    ("csv", "text/csv"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("json", "application/json"),
    ("md", "text/plain"),
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
];

/// Files to attach, read and not held yet.
pub struct Attachments {
    held: Option<HeldAttachments>,
    files: Vec<(String, Vec<u8>)>,
    /// Each as the terms name it.
    pub sources: Vec<Source>,
}

impl Attachments {
    /// Reads each file, given as `FILE` or `FILE:MEDIA`.
    ///
    /// # Errors
    /// When a file can't be read, has no known type or length, or there is no relayer's folder.
    pub fn read(given: &[String], settings: &Settings) -> Result<Self, CliError> {
        let mut this = Self {
            held: (!given.is_empty()).then(|| folder(settings)).transpose()?,
            files: Vec::new(),
            sources: Vec::new(),
        };
        for given in given {
            let (file, media) = file_and_media(given)?;
            let bytes = fs::read(file).map_err(|error| wrong(file, &error))?;
            check_length(bytes.len()).map_err(|error| wrong(file, &error))?;
            this.sources.push(Source::Attachment {
                digest: blake2(&bytes),
                // Checked: an attachment is far shorter.
                bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
                media: media.into(),
                uri: Vec::new(),
            });
            this.files.push((file.to_owned(), bytes));
        }
        Ok(this)
    }

    /// Copies the files to where the relayer of these settings looks for attachments.
    ///
    /// # Errors
    /// When one can't be written.
    pub fn hold(&self, out: &Output) -> Result<(), CliError> {
        let Some(held) = &self.held else {
            return Ok(());
        };
        for (file, bytes) in &self.files {
            let digest = held.hold(bytes).map_err(|error| wrong(file, &error))?;
            out.stage(format!("attached   {file} as {}", hex0x(&digest)));
        }
        let folder = held.folder().display();
        out.stage(format!(
            "held in    {folder}: evidence shows what models read of it, so it is public from now on; relayers elsewhere need a copy, or a gateway to it"
        ));
        Ok(())
    }
}

fn wrong(file: &str, error: &io::Error) -> CliError {
    CliError::usage(format!("'{file}' can't be attached: {error}"))
}

fn folder(settings: &Settings) -> Result<HeldAttachments, CliError> {
    let folder = settings.sources.folder.as_deref();
    let is_there = |folder: &&Path| folder.is_dir() || folder.parent().is_some_and(Path::is_dir);
    let folder = folder.filter(is_there).ok_or_else(|| {
        CliError::usage("--attach needs the folder of a relayer on this machine, and there is none").help(
            "set `folder` in [sources] of the settings, or serve the document yourself and give --attach-digest",
        )
    })?;
    Ok(HeldAttachments::new(folder))
}

fn file_and_media(given: &str) -> Result<(&str, &str), CliError> {
    if let Some((file, media)) = given
        .rsplit_once(':')
        .filter(|(_, media)| media.contains('/'))
    {
        return Ok((file, media));
    }
    let end = Path::new(given)
        .extension()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let known = TYPES.iter().find(|(known, _)| end == *known);
    known.map(|(_, media)| (given, *media)).ok_or_else(|| {
        let ends: Vec<_> = TYPES.iter().map(|(end, _)| *end).collect();
        CliError::usage(format!(
            "'{given}' ends in none of {}, so its media type is not known",
            ends.join(", ")
        ))
        .help(format!("give it, such as {given}:text/plain"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_comes_from_the_name_or_stands_behind_it() {
        assert_eq!(
            file_and_media("a/b.PDF").ok(),
            Some(("a/b.PDF", "application/pdf"))
        );
        assert_eq!(
            file_and_media("x:text/plain").ok(),
            Some(("x", "text/plain"))
        );
        assert_eq!(
            file_and_media("C:y.csv").ok(),
            Some(("C:y.csv", "text/csv"))
        );
        let refused = file_and_media("data.bin").unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("'data.bin' ends in none of csv"),
            "{refused}"
        );
    }
}
