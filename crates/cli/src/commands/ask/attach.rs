//! Documents that are attached to a question: held by this machine's relayer from now on.

use crate::{config::Settings, exit::CliError, output::Output};
use llm_oracle_primitives::Source;
use llm_oracle_sources::attachments::HeldAttachments;
use llm_oracle_support::address::hex0x;
use std::{fs, path::Path};

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

/// Copies each file, given as `FILE` or `FILE:MEDIA`, to where the relayer of these settings looks for
/// attachments.
///
/// # Errors
/// When a file can't be read or has no known type, or there is no relayer's folder.
pub fn hold(files: &[String], settings: &Settings, out: &Output) -> Result<Vec<Source>, CliError> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let held = folder(settings)?;
    let mut sources = Vec::new();
    for given in files {
        let (file, media) = file_and_media(given)?;
        let wrong = |error| CliError::usage(format!("'{file}' can't be attached: {error}"));
        let bytes = fs::read(file).map_err(wrong)?;
        let digest = held.hold(&bytes).map_err(wrong)?;
        out.stage(format!("attached   {file} as {}", hex0x(&digest)));
        sources.push(Source::Attachment {
            digest,
            // `hold` refuses what is longer than an attachment may be.
            bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            media: media.into(),
            uri: Vec::new(),
        });
    }
    let folder = held.folder().display();
    out.stage(format!(
        "held in    {folder}; relayers elsewhere need a copy, or a gateway to it"
    ));
    Ok(sources)
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
