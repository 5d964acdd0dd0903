//! The whole oracle on one machine: `dev` starts and shows it, `demo` plays with it, `mine` makes blocks.
//!
//! A crate of its own: a program for operators need not know how to start a development chain.

mod args;
mod demo;
mod dev;
pub mod market;
mod mine;
mod miner;
pub mod node;
mod stack;

pub use args::{DemoArgs, DevArgs, MineArgs};

use clap::Subcommand;
use llm_oracle_cli::{config::Overrides, context::Context, exit::Outcome, Extra};

/// The subcommands of a development machine.
#[derive(Subcommand, Debug)]
pub enum Development {
    /// Start a chain, a contract, operators and their relayers on this machine
    Dev(DevArgs),
    /// Play everything through once: three operators answer, a market pays its winners
    Demo(DemoArgs),
    /// Make blocks without effect on a development chain
    Mine(MineArgs),
}

impl Extra for Development {
    fn overrides(&self, flags: Overrides) -> Overrides {
        let (artifacts, model_file) = match self {
            Self::Dev(args) => (args.artifacts.clone(), args.model.clone()),
            Self::Demo(args) => (args.artifacts.clone(), args.model.clone()),
            Self::Mine(_) => return flags,
        };
        Overrides {
            artifacts,
            model_file,
            ..flags
        }
    }

    async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Dev(args) => dev::run(context, &args).await,
            Self::Demo(args) => demo::run(context, &args).await,
            Self::Mine(args) => mine::run(context, args.blocks).await,
        }
    }
}
