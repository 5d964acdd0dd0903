//! Local chain for smart contracts: blocks on demand or at an interval, finality after a fixed
//! delay, and all state kept.

mod chain_spec;
mod cli;
mod command;
mod finality;
mod rpc;
mod seal;
mod service;

fn main() -> sc_cli::Result<()> {
    command::run(cli::Cli::parse_args())
}
