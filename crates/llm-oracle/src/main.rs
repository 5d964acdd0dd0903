//! The program `llm-oracle`: the command line, with the subcommands of a development machine unless the
//! feature `development` is off.

use std::process::ExitCode;

#[cfg(feature = "development")]
use llm_oracle_development::Development as More;

#[cfg(not(feature = "development"))]
use llm_oracle_cli::NoMoreSubcommands as More;

fn main() -> ExitCode {
    llm_oracle_cli::main::<More>()
}
