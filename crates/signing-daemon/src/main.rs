//! The program `llm-oracle-signer`.

use std::process::ExitCode;

fn main() -> ExitCode {
    llm_oracle_signer::program::main()
}
