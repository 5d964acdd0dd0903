//! Files that `eval` reads and writes.

use crate::exit::CliError;
use llm_oracle_eval::{labels, LabelledQuestion};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// All questions of the files. An id may stand once in all of them.
pub(super) fn read_files(files: &[PathBuf]) -> Result<Vec<LabelledQuestion>, CliError> {
    let mut questions: Vec<LabelledQuestion> = Vec::new();
    for file in files {
        let name = file.display().to_string();
        let text = fs::read_to_string(file).map_err(|error| {
            let failure = CliError::usage(format!("{name} cannot be read: {error}"));
            failure.help("name a file with one labelled question a line")
        })?;
        let read = labels::read(&name, &text).map_err(CliError::usage)?;
        let known = |one: &&LabelledQuestion| questions.iter().any(|other| other.id == one.id);
        if let Some(twice) = read.iter().find(known) {
            let id = &twice.id;
            let failure =
                CliError::usage(format!("{name}: id '{id}' stands in another file already"));
            return Err(failure.help("give each question an id of its own"));
        }
        questions.extend(read);
    }
    Ok(questions)
}

/// Writes a whole file.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    fs::write(path, bytes).map_err(|error| {
        let failure = CliError::usage(format!("{} cannot be written: {error}", path.display()));
        failure.help("name a folder that can be written")
    })
}
