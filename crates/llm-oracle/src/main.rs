//! The program `llm-oracle`: the command line, with the subcommands of a development machine unless they
//! are left out.

use std::process::ExitCode;

#[cfg(feature = "development")]
use llm_oracle_development::Development as Extra;

#[cfg(not(feature = "development"))]
use llm_oracle_cli::NoExtra as Extra;

fn main() -> ExitCode {
    llm_oracle_cli::main::<Extra>()
}
