//! `operator show`: one operator, its bond and its track record.

use crate::{
    account::AccountInput,
    context::CommandContext,
    exit::{self, CommandResult},
    operators::{operator_json, operator_rows, registered},
    output::table,
    subcommand::RunSubcommand,
};
use clap::Args;

/// Arguments of `operator show`.
#[derive(Args, Debug)]
pub struct OperatorShowArgs {
    /// The operator: SS58, 0x-hex or a development key such as //Operator//1 [default: the account of the key that is set]
    pub account: Option<AccountInput>,
}

impl RunSubcommand for OperatorShowArgs {
    /// # Errors
    /// When the account is not registered.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let account = match self.account {
            Some(account) => account.0,
            None => {
                let signer = context.signer();
                signer
                    .map_err(|failure| failure.help("name an operator, or set a key"))?
                    .account
            }
        };
        let oracle = context.oracle().await?.oracle;
        let view = registered(&oracle, &account).await?;
        let rows = operator_rows(&view)
            .into_iter()
            .map(|(name, value)| vec![name.to_owned(), value]);
        context
            .out
            .result(&table(&[], rows), &operator_json(&view))?;
        Ok(exit::OK)
    }
}
