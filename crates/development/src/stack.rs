//! The whole oracle on this machine: node, contract, operators, relayer. `dev` and `demo` start it.

use crate::{
    deployment::{contract, dev_signer, operators, StackOperator, OWNER},
    miner::mine_when_idle,
    node::{self, NodeOptions, NodeProcess},
};
use llm_oracle_chain::{Chain, CheckedOracle};
use llm_oracle_cli::{
    context::SigningKey,
    exit::{self, CliError},
    output::Output,
    relayer_task::{self, DevRelayer, RelayerHandle},
};
use llm_oracle_llm::Models;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::task::JoinHandle;

/// Interval between two checks whether everything still runs.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// What to start.
pub struct StackOptions {
    /// Number of operators.
    pub operators: u8,
    /// Port of the node's RPC server; `None` for a free one.
    pub rpc_port: Option<u16>,
    /// Folder that keeps everything; `None` for a temporary one.
    pub state: Option<PathBuf>,
    /// Block time, milliseconds; `None` for a block for each transaction.
    pub block_time_ms: Option<u64>,
    /// Folder with the built contracts.
    pub artifacts: PathBuf,
    /// The model.
    pub model: Models,
}

/// Everything that runs. Fields are dropped in their order: the node is last.
pub struct DevStack {
    /// The contract, checked.
    pub checked: CheckedOracle,
    /// The owner.
    pub owner: SigningKey,
    /// The operators.
    pub operators: Vec<StackOperator>,
    /// Whether an existing chain was resumed.
    pub resumed: bool,
    relayer: RelayerHandle,
    miner: Option<JoinHandle<()>>,
    /// The node.
    pub node: NodeProcess,
    /// The node's binary.
    pub binary: PathBuf,
    /// Where everything is stored.
    pub folder: StateFolder,
}

/// A folder that is kept, or one that is removed at the end.
pub enum StateFolder {
    /// Kept.
    Kept(PathBuf),
    /// Removed at the end.
    Temporary(tempfile::TempDir),
}

impl StateFolder {
    fn open(state: Option<&PathBuf>) -> Result<Self, CliError> {
        let failed =
            |what: String, error| CliError::usage(format!("{what} cannot be created: {error}"));
        match state {
            Some(path) => {
                fs::create_dir_all(path)
                    .map_err(|error| failed(format!("state folder '{}'", path.display()), error))?;
                let path = path.canonicalize().unwrap_or_else(|_| path.clone());
                Ok(Self::Kept(path))
            }
            None => tempfile::Builder::new()
                .prefix("llm-oracle-")
                .tempdir()
                .map(Self::Temporary)
                .map_err(|error| failed("a temporary folder".into(), error)),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

impl DevStack {
    /// Starts everything and prints its progress.
    ///
    /// # Errors
    /// When a part does not start. The parts that have started are stopped.
    pub async fn start(options: &StackOptions, out: &Output) -> Result<Self, CliError> {
        // The model first: loading it is quick, and a missing file is the likeliest mistake.
        out.waiting("loading the model");
        let provider = relayer_task::provider(&options.model)?;
        let folder = StateFolder::open(options.state.as_ref())?;
        let store = folder.path().join("relayer");
        let provider = relayer_task::reading_attachments(provider, &store)?;
        let binary = node::find()?;
        out.waiting("starting the node");
        let kept = matches!(folder, StateFolder::Kept(_)).then(|| folder.path().join("chain"));
        let node = NodeProcess::start(
            &binary,
            &NodeOptions {
                rpc_port: options.rpc_port,
                base_path: kept,
                block_time_ms: options.block_time_ms,
                // The program starts it from its main thread.
                ends_with_parent: true,
                ..NodeOptions::new(folder.path().join("node.log"))
            },
        )
        .await?;
        let chain = Chain::connect(node.url()).await?;
        out.stage(format!("node       {}", node.url()));
        let owner = dev_signer(OWNER)?;
        out.waiting("deploying the contract");
        let (checked, resumed) =
            contract(&chain, &options.artifacts, folder.path(), &owner).await?;
        out.waiting("registering the operators");
        let operators = operators(&checked, &owner, options.operators).await?;
        out.waiting("starting the relayer");
        let relayer = relayer_task::start(DevRelayer {
            url: node.url(),
            checked: &checked,
            operators: &operators
                .iter()
                .map(|operator| operator.suri.clone())
                .collect::<Vec<_>>(),
            folder: folder.path(),
            model: &options.model,
            provider,
        })
        .await?;
        let miner = options
            .block_time_ms
            .is_none()
            .then(|| tokio::spawn(mine_when_idle(checked.clone(), operators.len())));
        out.quiet();
        Ok(Self {
            checked,
            owner,
            operators,
            resumed,
            relayer,
            miner,
            node,
            binary,
            folder,
        })
    }

    /// Runs until the relayer or the node ends by itself, which neither should.
    pub async fn broken(&mut self) -> CliError {
        loop {
            if let Some(status) = self.node.ended() {
                return CliError::new(exit::NODE, format!("the node ended with {status}"))
                    .help(self.node.log_end());
            }
            if let Some(ended) = self.relayer.ended().await {
                let unasked = || CliError::bug("the relayer ended without a reason");
                return ended.err().unwrap_or_else(unasked);
            }
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    }

    /// Stops everything, the relayer before its node.
    pub async fn stop(mut self) {
        if let Some(miner) = self.miner.take() {
            miner.abort();
        }
        self.relayer.stop().await;
        // Dropping the node waits for its end.
        drop(self.node);
    }
}
