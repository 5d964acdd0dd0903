//! The whole oracle on one machine: `dev` starts it, `demo` runs one scenario, `mine` makes blocks.
//!
//! A crate of its own, because a program for operators does not need to start development chains.

mod demo;

mod deployment;
mod dev;
mod dev_files;
pub mod market;
mod mine;
mod miner;
pub mod node;
mod stack;
mod stopwatch;

use clap::Subcommand;
use llm_oracle_cli::{run_variants, MoreSubcommands};

/// The subcommands of a development machine.
#[derive(Subcommand, Debug)]
pub enum Development {
    /// Start a chain, a contract, operators and their relayers on this machine
    Dev(dev::DevArgs),
    /// Run one scenario: three operators answer, and a market pays its winners
    Demo(demo::DemoArgs),
    /// Make empty blocks on a development chain
    Mine(mine::MineArgs),
}

impl MoreSubcommands for Development {}

run_variants!(Development { Dev, Demo, Mine });
