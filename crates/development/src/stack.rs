//! A whole oracle on this machine: node, contract, operators, relayer. `dev` shows it, `demo` plays
//! with it.

use super::{
    mine::create_block,
    miner::{self, Open},
    node::{self, Node, NodeOptions},
};
use llm_oracle_chain::{Chain, CheckedOracle, Expect, TxOptions};
use llm_oracle_cli::{
    account::dev_key,
    context::Signer,
    deploy,
    exit::{self, Failure},
    operator::registration,
    output::Output,
    relayer::{self, Running},
};
use llm_oracle_llm::Models;
use llm_oracle_primitives::{Balance, Slot, Summary};
use llm_oracle_signing::account_of;
use llm_oracle_support::address::{parse_account, parse_hash};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

/// The development account that owns and pays.
pub const OWNER: &str = "//Alice";
/// What an operator gets above its bond, planck (100 UNIT): fees for some thousand requests.
const POCKET_MONEY: Balance = 100_000_000_000_000;
/// Time between two looks of the miner.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Pause of the miner after a block could not be made.
const AFTER_FAILURE: Duration = Duration::from_secs(10);

/// What to start.
pub struct StackOptions {
    /// Number of operators.
    pub operators: u8,
    /// Port of the node's RPC server; none: a free one.
    pub rpc_port: Option<u16>,
    /// Folder that keeps everything; none: thrown away.
    pub state: Option<PathBuf>,
    /// Milliseconds between blocks; none: a block for each transaction.
    pub block_time_ms: Option<u64>,
    /// Folder with the built contracts.
    pub artifacts: PathBuf,
    /// The model.
    pub model: Models,
}

/// One operator of the stack.
pub struct Member {
    /// Its development key.
    pub suri: String,
    /// The key itself.
    pub signer: Signer,
    /// Its slot.
    pub slot: Slot,
}

/// Everything that runs. Fields are dropped in their order: the node goes last.
pub struct Stack {
    /// The contract, checked.
    pub checked: CheckedOracle,
    /// The owner.
    pub owner: Signer,
    /// The operators.
    pub members: Vec<Member>,
    /// Whether the chain was there before.
    pub resumed: bool,
    relayer: Running,
    miner: Option<JoinHandle<()>>,
    /// The node.
    pub node: Node,
    /// Its binary.
    pub binary: PathBuf,
    /// Where everything is kept.
    pub folder: Folder,
}

/// A folder that is kept, or one that goes with us.
pub enum Folder {
    /// Kept.
    Kept(PathBuf),
    /// Removed at the end.
    Thrown(tempfile::TempDir),
}

impl Folder {
    fn open(state: Option<&PathBuf>) -> Result<Self, Failure> {
        let failed =
            |what: String, error| Failure::usage(format!("{what} cannot be made: {error}"));
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
                .map(Self::Thrown)
                .map_err(|error| failed("a folder for the chain".into(), error)),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Thrown(folder) => folder.path(),
        }
    }
}

/// A development key with its account.
///
/// # Errors
/// When the path is no development key.
pub fn dev_signer(suri: &str) -> Result<Signer, Failure> {
    let pair = dev_key(suri).ok_or_else(|| {
        Failure::usage(format!(
            "'{suri}' is no development key; give one such as //Alice"
        ))
    })?;
    Ok(Signer {
        account: account_of(&pair),
        pair,
    })
}

impl Stack {
    /// Starts everything and says on the way what it does.
    ///
    /// # Errors
    /// When any part does not start. What has started by then is stopped again.
    pub async fn start(options: &StackOptions, out: &Output) -> Result<Self, Failure> {
        // The model first: loading it is quick and finds the likeliest mistake before anything runs.
        out.waiting("loading the model");
        let provider = relayer::provider(&options.model)?;
        let folder = Folder::open(options.state.as_ref())?;
        let binary = node::find()?;
        out.waiting("starting the node");
        let kept = matches!(folder, Folder::Kept(_)).then(|| folder.path().join("chain"));
        let node = Node::start(
            &binary,
            &NodeOptions {
                rpc_port: options.rpc_port,
                base_path: kept,
                block_time_ms: options.block_time_ms,
                log: folder.path().join("node.log"),
            },
        )
        .await?;
        let chain = Chain::connect(node.url()).await?;
        out.stage(format!("node       {}", node.url()));
        let owner = dev_signer(OWNER)?;
        out.waiting("deploying the contract");
        let (checked, resumed) = contract(&chain, options, folder.path(), &owner).await?;
        out.waiting("registering the operators");
        let members = members(&checked, &owner, options.operators).await?;
        out.waiting("starting the relayer");
        let relayer = relayer::start(relayer::Service {
            url: node.url(),
            checked: &checked,
            operators: &members
                .iter()
                .map(|member| member.suri.clone())
                .collect::<Vec<_>>(),
            folder: folder.path(),
            model: &options.model,
            provider,
        })
        .await?;
        let miner = options
            .block_time_ms
            .is_none()
            .then(|| tokio::spawn(mine_when_quiet(checked.clone(), members.len())));
        out.quiet();
        Ok(Self {
            checked,
            owner,
            members,
            resumed,
            relayer,
            miner,
            node,
            binary,
            folder,
        })
    }

    /// Runs until the relayer or the node ends by itself, which neither should.
    pub async fn broken(&mut self) -> Failure {
        loop {
            if let Some(status) = self.node.ended() {
                return Failure::new(exit::NODE, format!("the node ended with {status}"))
                    .help(self.node.log_end());
            }
            if let Some(failure) = self.relayer.ended().await {
                return failure;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Stops everything in order: no relayer loses its node under its feet.
    pub async fn stop(mut self) {
        if let Some(miner) = self.miner.take() {
            miner.abort();
        }
        self.relayer.stop().await;
        // Dropping the node waits for its end.
        drop(self.node);
    }
}

/// The contract: the one that the state folder knows, otherwise a new one.
async fn contract(
    chain: &Chain,
    options: &StackOptions,
    folder: &Path,
    owner: &Signer,
) -> Result<(CheckedOracle, bool), Failure> {
    let record = folder.join("contract.json");
    if let Ok(text) = fs::read_to_string(&record) {
        let stale = |why: String| {
            Failure::new(
                exit::WRONG_CHAIN,
                format!(
                    "'{}' does not fit the chain beside it: {why}",
                    record.display()
                ),
            )
            .help("remove the state folder to start over, or give another --state")
        };
        let known: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| stale(error.to_string()))?;
        let field = |name: &str| {
            known
                .get(name)
                .and_then(|value| value.as_str())
                .unwrap_or_default()
        };
        let address = parse_account(field("contract")).map_err(|error| stale(error.to_string()))?;
        let code_hash = parse_hash(field("code_hash")).map_err(|error| stale(error.to_string()))?;
        let expect = Expect {
            code_hash: Some(code_hash),
        };
        return match CheckedOracle::check(chain, address, expect).await {
            Ok(checked) => Ok((checked, true)),
            Err(error) if error.is_connection() => Err(error.into()),
            Err(error) => Err(stale(error.to_string())),
        };
    }
    let made = deploy::dev_oracle(chain, &options.artifacts, owner).await?;
    let text = serde_json::json!({
        "contract": llm_oracle_support::address::ss58(&made.address),
        "code_hash": llm_oracle_support::address::hex0x(&made.code_hash),
    });
    fs::write(&record, format!("{text}\n")).map_err(|error| {
        Failure::bug(format!("'{}' cannot be written: {error}", record.display()))
    })?;
    let expect = Expect {
        code_hash: Some(made.code_hash),
    };
    Ok((
        CheckedOracle::check(chain, made.address, expect).await?,
        false,
    ))
}

/// Funds and registers the operators that are not registered yet.
async fn members(
    checked: &CheckedOracle,
    owner: &Signer,
    count: u8,
) -> Result<Vec<Member>, Failure> {
    let (oracle, bond) = (&checked.oracle, checked.config.params.min_bond);
    let mut members = Vec::new();
    for number in 1..=count {
        let suri = format!("//Operator//{number}");
        let signer = dev_signer(&suri)?;
        if let Some(view) = oracle.operator(&signer.account, None).await? {
            members.push(Member {
                suri,
                signer,
                slot: view.slot,
            });
            continue;
        }
        let funds = bond.saturating_add(POCKET_MONEY);
        oracle
            .chain
            .transfer(&owner.pair, &signer.account, funds)
            .await?;
        let call = registration(checked, &signer);
        let receipt = oracle
            .chain
            .call(
                &signer.pair,
                &oracle.address,
                bond,
                &call,
                TxOptions::default(),
            )
            .await?;
        members.push(Member {
            suri,
            slot: receipt.value,
            signer,
        });
    }
    Ok(members)
}

/// Makes time when nothing else happens, see [`miner`].
async fn mine_when_quiet(checked: CheckedOracle, operators: usize) {
    let (oracle, timeout) = (&checked.oracle, checked.config.params.draw_timeout);
    let (mut best, mut since, mut oldest) = (0, Instant::now(), 0);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Ok(head) = oracle.chain.best().await else {
            continue;
        };
        if head.number != best {
            (best, since) = (head.number, Instant::now());
            continue;
        }
        if since.elapsed() < miner::NOBODY_LEFT {
            continue;
        }
        let Ok(all) = oracle.summaries_from(oldest, head.hash).await else {
            continue;
        };
        let unsettled: Vec<Summary> = all.into_iter().filter(|request| !request.settled).collect();
        // Settled requests stay settled, so the next look starts at the first that is not.
        oldest = unsettled
            .first()
            .map_or(oldest, |request| request.request_id);
        let mut open = Vec::new();
        for request in unsettled {
            // One that cannot be read now is looked at again soon.
            let view = oracle.request(request.request_id, Some(head.hash)).await;
            open.extend(view.ok().flatten().map(|view| Open::new(view, timeout)));
        }
        let Some(block) = miner::target(&open, operators, best, since.elapsed()) else {
            continue;
        };
        tracing::info!(
            from = best,
            to = block,
            "nothing happens: mining to the next deadline"
        );
        for _ in best..block {
            if let Err(failure) = create_block(&oracle.chain).await {
                // A remark can lose its place to another transaction of the same account.
                tracing::warn!("no empty block: {}", failure.message);
                tokio::time::sleep(AFTER_FAILURE).await;
                break;
            }
        }
    }
}
