//! `show`: one request.

use crate::{
    answers::OpenAnswers,
    context::CommandContext,
    exit::{self, CommandResult},
    follow,
    render::{request_json, request_text},
    subcommand::RunSubcommand,
};
use clap::Args;
use std::time::Duration;

/// Arguments of `show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// Number of the request
    pub id: u64,
    /// Show stages until it ends; the exit code is then that of `ask`
    #[arg(long)]
    pub watch: bool,
    /// Maximum time to watch, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub timeout: u64,
}

impl RunSubcommand for ShowArgs {
    /// # Errors
    /// When the request does not exist, or the chain cannot be read.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let oracle = context.oracle().await?.oracle;
        let terms = oracle.terms(self.id, None).await?;
        if self.watch {
            let timeout = Duration::from_secs(self.timeout);
            let followed =
                follow::until_final(&oracle, (self.id, terms.as_ref()), timeout, &context.out)
                    .await?;
            return followed.print(&context.out, terms.as_ref());
        }
        let view = oracle.request(self.id, None).await?;
        let view = view.ok_or_else(|| follow::no_such_request(self.id))?;
        let answers = OpenAnswers::from_view(&view);
        let text = request_text(&view, terms.as_ref(), &answers);
        let json = request_json(&view, terms.as_ref(), &answers);
        context.out.result(&text, &json)?;
        Ok(exit::OK)
    }
}
