//! What can be typed.

use clap::Args;
use llm_oracle_cli::config::paths;
use std::path::PathBuf;

/// Arguments of `dev`.
#[derive(Args, Debug, Clone)]
pub struct DevArgs {
    /// Operators to register and serve
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub operators: u8,
    /// Port of the node's RPC server [default: a free one]
    #[arg(long, value_name = "PORT")]
    pub rpc_port: Option<u16>,
    /// Keep the chain and the relayer's store here, and pick them up again
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Make a block every so many milliseconds instead of one for each transaction
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(50..))]
    pub block_time: Option<u64>,
    /// Where to write the settings for the other verbs; what was started goes beside it as JSON
    #[arg(long, value_name = "FILE", default_value_os_t = paths::dev_config(), hide_default_value = true)]
    pub config_out: PathBuf,
    /// Model file (GGUF) [env: LLM_ORACLE_MODEL]
    #[arg(long, value_name = "PATH")]
    pub model: Option<PathBuf>,
    /// Folder with the built contracts [env: LLM_ORACLE_ARTIFACTS]
    #[arg(long, value_name = "DIR")]
    pub artifacts: Option<PathBuf>,
}

/// Arguments of `demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// The announcement whose tone is judged
    #[arg(long, value_name = "TEXT", default_value = crate::demo::ANNOUNCEMENT)]
    pub announcement: String,
    /// Model file (GGUF) [env: LLM_ORACLE_MODEL]
    #[arg(long, value_name = "PATH")]
    pub model: Option<PathBuf>,
    /// Folder with the built contracts [env: LLM_ORACLE_ARTIFACTS]
    #[arg(long, value_name = "DIR")]
    pub artifacts: Option<PathBuf>,
}

/// Arguments of `mine`.
#[derive(Args, Debug)]
pub struct MineArgs {
    /// How many
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub blocks: u32,
}
