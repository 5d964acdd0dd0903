//! `evidence export`: documents of revealed answers.

use crate::{
    context::CommandContext,
    evidence_sources::file_name,
    exit::{self, CliError, CommandResult},
    output::table,
    subcommand::RunSubcommand,
};
use clap::{Args, Subcommand};
use llm_oracle_store::Evidence;
use llm_oracle_support::address::{hex0x, ss58};
use serde_json::json;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Subcommands of `evidence`.
#[derive(Subcommand, Debug)]
pub enum EvidenceSubcommand {
    /// Write the evidence of revealed answers from the store into a folder, one file for each digest
    Export(EvidenceExportArgs),
}

crate::subcommand::run_variants!(EvidenceSubcommand { Export });

/// Arguments of `evidence export`.
#[derive(Args, Debug)]
pub struct EvidenceExportArgs {
    /// Number of the request [default: all]
    pub id: Option<u64>,
    /// The folder
    #[arg(long, value_name = "DIR", default_value = "evidence")]
    pub out: PathBuf,
}

impl RunSubcommand for EvidenceExportArgs {
    /// Exports from the store of these settings; its relayer may be running. Documents of answers that
    /// are not revealed are not exported: anyone who read one could copy the answer.
    ///
    /// # Errors
    /// When there is no store, or the folder cannot be written.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let out = &self.out;
        let archive = context.archive().map_err(|error| {
            CliError::from(error)
                .help("give --config with the settings of the relayer that made the evidence")
        })?;
        let (public, secret): (Vec<_>, Vec<_>) = archive
            .evidence(self.id)?
            .into_iter()
            .partition(|one| one.public);
        fs::create_dir_all(out).map_err(|error| unwritable(out, &error))?;
        for one in &public {
            let path = out.join(file_name(&one.digest));
            fs::write(&path, &one.document).map_err(|error| unwritable(&path, &error))?;
        }
        if !secret.is_empty() {
            let count = secret.len();
            context
                .out
                .stage(format!("{count} skipped: their answers are not revealed"));
        }
        let rows = public.iter().map(|one| {
            vec![
                one.request_id.to_string(),
                ss58(&one.operator.into()),
                out.join(file_name(&one.digest)).display().to_string(),
            ]
        });
        let exported: Vec<_> = public.iter().map(|one| exported_json(one, out)).collect();
        let json = json!({ "exported": exported, "unrevealed": secret.len() });
        let text = table(&["request", "operator", "file"], rows);
        context.out.result(&text, &json)?;
        Ok(exit::OK)
    }
}

fn unwritable(path: &Path, error: &io::Error) -> CliError {
    let path = path.display();
    CliError::usage(format!("cannot write {path}: {error}")).help("give another folder with --out")
}

fn exported_json(one: &Evidence, out: &Path) -> serde_json::Value {
    json!({
        "request": one.request_id,
        "operator": ss58(&one.operator.into()),
        "digest": hex0x(&one.digest),
        "file": out.join(file_name(&one.digest)),
    })
}
