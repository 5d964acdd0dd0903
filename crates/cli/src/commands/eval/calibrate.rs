//! `eval calibrate`: the calibration map, from replies that `eval` kept.

use super::files::{read_files, write};
use crate::{
    context::CommandContext,
    exit::{self, CliError, CommandResult},
    output::table,
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_eval::{calibrate, reply_log::ReplyLog};
use llm_oracle_primitives::digest;
use llm_oracle_support::address::hex0x;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `eval calibrate`.
#[derive(Args, Debug)]
pub struct EvalCalibrateArgs {
    /// Labelled questions that `eval` has asked
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Folder of the replies
    #[arg(long, value_name = "FOLDER", default_value = "eval")]
    pub out: PathBuf,
    /// File to write the map to
    #[arg(long, value_name = "FILE", default_value = "calibration.json")]
    pub map: PathBuf,
}

impl RunSubcommand for EvalCalibrateArgs {
    /// # Errors
    /// When a file is wrong, or there are too few answers for any map.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let questions = read_files(&self.files)?;
        let log = ReplyLog::read(&self.out)?;
        let (file, gains) = calibrate::calibrate(&log.matrix(&log.models(), &questions));
        if file.maps.is_empty() {
            let least = calibrate::ANSWERS_MIN;
            let folder = self.out.display();
            let what =
                format!("no model has {least} answers of a kind with a confidence in {folder}");
            return Err(CliError::usage(what).help("run `llm-oracle eval` with more questions"));
        }
        let bytes = file.to_bytes();
        write(&self.map, &bytes)?;
        let digest = hex0x(&digest::blake2(&bytes));
        let rows = gains.iter().map(|gain| {
            let after = gain.ece_after.map(|after| format!("{after:.2}"));
            vec![
                gain.model.clone(),
                gain.kind.clone(),
                gain.answers.to_string(),
                format!("{:.2}", gain.ece_before),
                after.unwrap_or_else(|| "too few answers".to_owned()),
            ]
        });
        let header = ["model", "kind", "answers", "ECE before", "ECE after"];
        let path = self.map.display().to_string();
        let text = format!("{}\n{path} has the digest {digest}", table(&header, rows));
        let json = json!({ "map": path, "digest": digest, "maps": gains });
        context.out.result(&text, &json)?;
        Ok(exit::OK)
    }
}
