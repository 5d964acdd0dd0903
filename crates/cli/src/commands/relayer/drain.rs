//! `relayer drain`: lets a running relayer finish what it owes and end.

use crate::{
    context::CommandContext,
    exit::{self, CliError, CommandResult},
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_relayer::DRAIN_FILE;
use serde_json::json;
use std::{fs, io};

/// Arguments of `relayer drain`.
#[derive(Args, Debug)]
pub struct RelayerDrainArgs {
    /// Take seats again
    #[arg(long)]
    pub undo: bool,
}

impl RunSubcommand for RelayerDrainArgs {
    /// # Errors
    /// `STORE` when the settings have no store's folder, or it can't be written to.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let folder = &context.settings.store;
        let failed = |error: io::Error| {
            CliError::new(exit::STORE, format!("{}: {error}", folder.display()))
                .help("give the --config of the relayer that is to end")
        };
        let file = folder.join(DRAIN_FILE);
        let text = if self.undo {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => "the relayer of this store takes seats again",
            }
        } else {
            fs::write(&file, "").map_err(failed)?;
            "the relayer of this store takes no more seats, reveals those it has, and ends when every request that it answered has ended; `relayer drain --undo` takes this back, also before the next start"
        };
        let value = json!({ "draining": !self.undo, "file": file });
        context.out.result(&format!("{text}\n"), &value)?;
        Ok(exit::OK)
    }
}
