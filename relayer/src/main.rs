//! The binary `llm-oracle`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    llm_oracle_relayer::cli::main()
}
