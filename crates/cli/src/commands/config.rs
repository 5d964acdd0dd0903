//! `config show`: each setting and where it comes from.

use crate::{
    context::CommandContext,
    exit::{self, CommandResult},
    output::table,
    subcommand::RunSubcommand,
};
use clap::{Args, Subcommand};
use serde_json::{json, Map, Value};

/// Subcommands of `config`.
#[derive(Subcommand, Debug)]
pub enum ConfigSubcommand {
    /// Show each setting, its value and where it comes from
    Show(ConfigShowArgs),
}

crate::subcommand::run_variants!(ConfigSubcommand { Show });

/// Arguments of `config show`: none of its own.
#[derive(Args, Debug)]
pub struct ConfigShowArgs {}

impl RunSubcommand for ConfigShowArgs {
    async fn run(self, context: &CommandContext) -> CommandResult {
        let origins = context.settings.origins();
        let entry = |(name, value, origin): &(&'static str, String, String)| {
            let entry = json!({ "value": value, "origin": origin });
            ((*name).to_owned(), entry)
        };
        let json: Map<String, Value> = origins.iter().map(entry).collect();
        let rows = origins
            .into_iter()
            .map(|(name, value, origin)| vec![name.to_owned(), value, origin]);
        let text = table(&["setting", "value", "origin"], rows);
        context.out.result(&text, &Value::Object(json))?;
        Ok(exit::OK)
    }
}
