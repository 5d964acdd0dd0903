//! The reader's process: a document on stdin, its text on stdout.

use std::process::ExitCode;

fn main() -> ExitCode {
    llm_oracle_sources::reader::serve()
}
