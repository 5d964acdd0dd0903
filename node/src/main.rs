//! The node's process.

use llm_oracle_node::{cli::Cli, command};

fn main() -> sc_cli::Result<()> {
    command::run(Cli::parse_args())
}
