//! The subcommands. Each has a file with its arguments and what it does: to add one, write that file and
//! name it in [`Subcommands`] and in the list below it.

mod advance;
mod ask;
mod check;
mod config;
mod deliver;
mod deploy;
mod doctor;
mod eval;
mod evidence;
mod fund_delivery;
mod list;
mod model;
pub mod operator;
mod owner;
mod prune;
mod relayer;
mod set;
mod show;
pub mod signer;
mod verify;
mod withdraw;

use crate::{exit, flags::GlobalFlags, subcommand::MoreSubcommands};
use clap::{Parser, Subcommand};

/// Ask language models from a contract, and answer such questions.
///
/// Stdout is the result and nothing else; stages and errors go to stderr. With --json the result
/// is one JSON object on stdout, and an error is one JSON object {"error": {code, exit, message,
/// help}} on stderr. In JSON, amounts are decimal strings in planck, hashes 0x-hex, accounts SS58.
#[derive(Parser, Debug)]
#[command(name = "llm-oracle", version, after_help = exit::table())]
pub struct CommandLine<M: Subcommand> {
    /// Flags of every subcommand.
    #[command(flatten)]
    pub global: GlobalFlags,
    /// The subcommand.
    #[command(subcommand)]
    pub subcommand: Subcommands<M>,
}

/// All subcommands, in the order in which `--help` lists them.
#[derive(Subcommand, Debug)]
#[allow(clippy::large_enum_variant)] // A process makes one.
pub enum Subcommands<M: Subcommand> {
    /// Ask a question and wait for the answer
    Ask(ask::AskArgs),
    /// Find defects in a question before money is bound, and estimate how far models agree
    Check(check::CheckArgs),
    /// Show a request
    Show(show::ShowArgs),
    /// List requests
    List(list::ListArgs),
    /// Check an answered request from the chain and its evidence alone
    Verify(verify::VerifyArgs),
    /// Register operators, change their bonds and show them
    #[command(subcommand)]
    Operator(operator::OperatorSubcommand),
    /// Publish and show lists of operators that requests name by number
    #[command(subcommand)]
    Set(set::SetSubcommand),
    /// Run a relayer, which answers questions, and show its status
    #[command(subcommand)]
    Relayer(relayer::RelayerSubcommand),
    /// Settings for llm-oracle-signer, which holds keys in a process of its own
    #[command(subcommand)]
    Signer(signer::SignerSubcommand),
    /// Try the models of the settings
    #[command(subcommand)]
    Model(model::ModelSubcommand),
    /// Evidence of how answers were made
    #[command(subcommand)]
    Evidence(evidence::EvidenceSubcommand),
    /// Measure models and committees on labelled questions
    Eval(eval::EvalArgs),
    /// Show settings
    #[command(subcommand)]
    Config(config::ConfigSubcommand),
    /// Check that node, contract, keys, store and model are usable
    Doctor(doctor::DoctorArgs),
    /// Pay out an account's credit; anyone may send it
    Withdraw(withdraw::WithdrawArgs),
    /// Move a request on after a deadline; anyone may send it
    Advance(advance::AdvanceArgs),
    /// Deliver the outcome of a request to the contract that asked; anyone may send it
    Deliver(deliver::DeliverArgs),
    /// Pay for another attempt to deliver the outcome of a request; anyone may send it
    FundDelivery(fund_delivery::FundDeliveryArgs),
    /// Remove a finished request and free its storage
    Prune(prune::PruneArgs),
    /// Put the oracle's contract on a chain
    Deploy(deploy::DeployArgs),
    /// What the oracle's owner may do: pause, transfer ownership, announce parameters and code
    #[command(subcommand)]
    Owner(owner::OwnerSubcommand),
    /// Those of another crate.
    #[command(flatten)]
    More(M),
}

crate::subcommand::run_variants!(Subcommands<M: MoreSubcommands> {
    Ask,
    Check,
    Show,
    List,
    Verify,
    Operator,
    Set,
    Relayer,
    Signer,
    Model,
    Evidence,
    Eval,
    Config,
    Doctor,
    Withdraw,
    Advance,
    Deliver,
    FundDelivery,
    Prune,
    Deploy,
    Owner,
    More,
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoMoreSubcommands;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        CommandLine::<NoMoreSubcommands>::command().debug_assert();
    }

    #[test]
    fn model_of_version_0_3_names_a_model_file_for_one_release() {
        let parse = |words: &[&str]| {
            let line = ["llm-oracle"].iter().chain(words);
            CommandLine::<NoMoreSubcommands>::try_parse_from(line).map(|line| line.subcommand)
        };
        for flag in ["--model", "--model-file"] {
            let Ok(Subcommands::Doctor(doctor)) = parse(&["doctor", flag, "m.gguf"]) else {
                unreachable!()
            };
            assert_eq!(doctor.model_file, Some("m.gguf".into()));
            let Ok(Subcommands::Verify(verify)) = parse(&["verify", "1", flag, "m.gguf"]) else {
                unreachable!()
            };
            assert_eq!(verify.model_file, Some("m.gguf".into()));
        }
    }
}
