//! A contract of one's own on a node, with accounts of one's own.

use crate::{command::Cli, eventually, market, node::Node, setting, History, UNIT};
use llm_oracle_chain::{
    messages, Chain, ChainApi as _, ChainError, CheckedOracle, Event, Expect, OracleClient,
    TxOptions,
};
use llm_oracle_primitives::{AccountId, Balance, Config, Hash, RequestId, RequestView, Terms};
use llm_oracle_signing::{account_of, load_key, KeySource, Keypair, RegistrationToSign};
use llm_oracle_support::address::ss58;
use std::sync::{
    atomic::{AtomicU32, Ordering},
    Arc,
};
use tempfile::TempDir;
use tokio::sync::Mutex;

/// What each account of a test gets, planck.
const POCKET_MONEY: Balance = 10_000 * UNIT;

/// Alice pays for all tests: one transaction after the other.
static ALICE: Mutex<()> = Mutex::const_new(());
/// Keeps the accounts of tests apart that share a chain.
static WORLDS: AtomicU32 = AtomicU32::new(0);

/// A development key.
pub struct Key {
    /// Its secret URI.
    pub suri: String,
    /// The key.
    pub pair: Keypair,
    /// Its account.
    pub account: AccountId,
}

impl Key {
    /// The development key of a path such as `//Alice`.
    ///
    /// # Panics
    /// When it is none.
    pub fn new(suri: impl Into<String>) -> Self {
        let suri = suri.into();
        let source = KeySource {
            suri: Some(suri.clone()),
            ..KeySource::default()
        };
        let pair = load_key(&source).unwrap();
        Self {
            account: account_of(&pair),
            pair,
            suri,
        }
    }
}

/// A fresh contract with registered operators.
pub struct World {
    /// Keeps the node alive.
    _node: Option<Arc<Node>>,
    number: u32,
    /// Address of the node.
    pub url: String,
    /// The contract.
    pub oracle: OracleClient,
    /// What it says about itself.
    pub config: Config,
    /// Hash of its code.
    pub code_hash: Hash,
    /// Who deployed it.
    pub owner: Key,
    /// Who asks.
    pub requester: Key,
    /// Registered operators.
    pub operators: Vec<Key>,
    /// Settings, stores and logs.
    pub folder: TempDir,
}

impl World {
    /// A contract on the shared node.
    ///
    /// # Panics
    /// When anything refuses.
    pub async fn new(operators: u8) -> Self {
        let node = tokio::task::spawn_blocking(Node::shared).await.unwrap();
        let url = node.url();
        Self::on(url, Some(node), operators).await
    }

    /// A contract on a node of its own. For whoever makes many blocks at once, and for whoever
    /// depends on windows of a few hundred: on the shared node the one would rob the other of its
    /// time.
    ///
    /// # Panics
    /// When anything refuses.
    pub async fn alone(operators: u8) -> Self {
        let node = tokio::task::spawn_blocking(Node::start).await.unwrap();
        Self::on(node.url(), Some(Arc::new(node)), operators).await
    }

    /// A contract on any node.
    ///
    /// # Panics
    /// When anything refuses.
    pub async fn on(url: String, node: Option<Arc<Node>>, operators: u8) -> Self {
        let number = WORLDS.fetch_add(1, Ordering::Relaxed);
        let chain = Chain::connect(&url).await.unwrap();
        let owner = Key::new(format!("//world{number}//owner"));
        let requester = Key::new(format!("//world{number}//requester"));
        let operators: Vec<Key> = (0..operators)
            .map(|n| Key::new(format!("//world{number}//operator{n}")))
            .collect();
        let all = [&owner, &requester].into_iter().chain(&operators);
        give(&chain, all, POCKET_MONEY).await;
        let wasm = setting::wasm("llm_oracle");
        let constructor = messages::with_defaults(chain.genesis(), UNIT);
        let made = chain
            .deploy(&owner.pair, &wasm, &constructor, 0, &[], None)
            .await
            .unwrap();
        let expect = Expect::code(made.code_hash);
        let checked = CheckedOracle::check(&chain, made.address, &expect)
            .await
            .unwrap();
        let folder = tempfile::Builder::new()
            .prefix("oracle-test-")
            .tempdir()
            .unwrap();
        let CheckedOracle {
            oracle,
            config,
            code_hash,
        } = checked;
        let world = Self {
            _node: node,
            number,
            url,
            oracle,
            config,
            code_hash,
            owner,
            requester,
            operators,
            folder,
        };
        futures::future::join_all(world.operators.iter().map(|key| world.register(key))).await;
        world
    }

    /// The same world over a new connection.
    ///
    /// # Panics
    /// When the node does not answer.
    pub async fn reconnected(mut self) -> Self {
        let chain = Chain::connect(&self.url).await.unwrap();
        self.oracle = OracleClient::new(chain, self.oracle.address);
        self
    }

    /// Registers a funded key as an operator with the least bond.
    ///
    /// # Panics
    /// When the contract refuses.
    pub async fn register(&self, key: &Key) {
        let contract = &self.oracle.address;
        let registration = self.registration(key.account);
        let signature = key.pair.sign(&registration.message()).0;
        let (owner, family) = (registration.owner, &registration.family);
        let call = messages::register(key.account, owner, family, signature);
        let bond = self.config.params.min_bond;
        let sent = self
            .chain()
            .call(&key.pair, contract, bond, &call, TxOptions::default())
            .await;
        sent.unwrap();
    }

    /// What an operator signs to register as one that owns itself and declares no model family.
    pub fn registration(&self, operator: AccountId) -> RegistrationToSign {
        RegistrationToSign {
            domain: self.config.domain,
            contract: self.oracle.address,
            operator,
            owner: operator,
            family: Vec::new(),
        }
    }

    /// Gives accounts so much each, planck, out of the development chain's purse.
    ///
    /// # Panics
    /// When it can't be sent.
    pub async fn give(&self, keys: &[Key], amount: Balance) {
        give(self.chain(), keys.iter(), amount).await;
    }

    /// Raises the bond of every operator by so much, planck.
    ///
    /// # Panics
    /// When the contract refuses.
    pub async fn bond_more(&self, amount: Balance) {
        for key in &self.operators {
            let view = self.oracle.operator(&key.account, None).await.unwrap();
            let call = messages::bond(view.expect("it is registered").slot);
            let sent = self
                .chain()
                .call(
                    &self.owner.pair,
                    &self.oracle.address,
                    amount,
                    &call,
                    TxOptions::default(),
                )
                .await;
            sent.unwrap();
        }
    }

    /// The chain.
    pub fn chain(&self) -> &Chain {
        &self.oracle.chain
    }

    /// Salt for further contracts of this world.
    pub fn salt(&self) -> [u8; 4] {
        self.number.to_le_bytes()
    }

    /// Accounts of the operators.
    pub fn accounts(&self) -> Vec<AccountId> {
        self.operators.iter().map(|key| key.account).collect()
    }

    /// All operators' keys.
    pub fn keys(&self) -> Vec<&Key> {
        self.operators.iter().collect()
    }

    /// Asks with the least reward, as the requester.
    ///
    /// # Panics
    /// When the contract refuses.
    pub async fn ask(&self, terms: &Terms) -> RequestId {
        let reward = self.config.params.min_reward;
        let quote = self.oracle.quote(terms, reward, None).await.unwrap();
        let call = messages::ask(terms, reward, false);
        let key = &self.requester.pair;
        let sent = self
            .chain()
            .call(
                key,
                &self.oracle.address,
                quote.total,
                &call,
                TxOptions::default(),
            )
            .await;
        let asked = sent
            .unwrap()
            .events
            .into_iter()
            .find_map(|event| match event {
                Event::Asked(asked) => Some(asked.request_id),
                _ => None,
            });
        asked.expect("an event says which request it is")
    }

    /// A request at the best block.
    ///
    /// # Panics
    /// When there is none.
    pub async fn view(&self, id: RequestId) -> RequestView {
        self.oracle
            .request(id, None)
            .await
            .unwrap()
            .expect("the request exists")
    }

    /// Waits until the request has ended, at the best block.
    pub async fn ended(&self, id: RequestId) -> RequestView {
        eventually("end of the request", || async {
            let view = self.view(id).await;
            view.summary.settled.then_some(view)
        })
        .await
    }

    /// A request at the last final block; `None` also when the contract is not final yet.
    ///
    /// # Panics
    /// When the chain cannot be read.
    pub async fn view_for_good(&self, id: RequestId) -> Option<RequestView> {
        let head = self.chain().finalized().await.unwrap();
        match self.oracle.request(id, Some(head.hash)).await {
            Err(ChainError::NoContract { .. }) => None,
            view => view.unwrap(),
        }
    }

    /// Waits until the request has ended in a final block.
    ///
    /// # Panics
    /// When the chain cannot be read.
    pub async fn ended_for_good(&self, id: RequestId) -> RequestView {
        eventually("final end of the request", || async {
            let view = self.view_for_good(id).await?;
            view.summary.settled.then_some(view)
        })
        .await
    }

    /// Waits until so many seats are taken.
    pub async fn committed(&self, id: RequestId, seats: u8) {
        eventually("commitment", || async {
            (self.view(id).await.summary.committed >= seats).then_some(())
        })
        .await;
    }

    /// What happened to a request.
    pub async fn history(&self, id: RequestId) -> History {
        History::of(self, id).await
    }

    /// Makes empty blocks until the best one is above `block`.
    ///
    /// # Panics
    /// When the node makes none.
    pub async fn mine_past(&self, block: u32) {
        while self.chain().best().await.unwrap().number <= block {
            self.chain().create_block(false).await.unwrap();
        }
    }

    /// Lets the commit phase pass, and settles the request by the command line. Relayers don't, where
    /// nobody has a seat.
    ///
    /// # Panics
    /// When the request does not exist or cannot be settled.
    pub async fn expire(&self, id: RequestId) {
        self.mine_past(self.view(id).await.summary.commit_deadline)
            .await;
        let id = id.to_string();
        self.cli(&["advance", &id, "--suri", &self.owner.suri, "--json"])
            .await
            .json(0);
    }

    /// Runs a command against this node and contract.
    pub async fn cli(&self, arguments: &[&str]) -> Cli {
        let contract = ss58(&self.oracle.address);
        let here = ["--url", &self.url, "--contract", &contract];
        Cli::run(self.folder.path(), &[arguments, &here].concat()).await
    }

    /// Deploys a prediction market that asks this oracle.
    pub async fn market(&self) -> market::Market {
        market::Market::deploy(self).await
    }
}

async fn give(chain: &Chain, keys: impl Iterator<Item = &Key>, amount: Balance) {
    let alice = Key::new("//Alice");
    let _turn = ALICE.lock().await;
    for key in keys {
        chain
            .transfer(&alice.pair, &key.account, amount)
            .await
            .unwrap();
    }
}
