//! The oracle's Wasm on the pallet: deployment, operators with keys, calls with decoded results.

use std::{path::PathBuf, sync::OnceLock};

use codec::{Decode, Encode};
use llm_oracle_primitives::{
    AccountId, Answer, AnswerKind, AnswerState, Assignment, Balance, BlockNumber, CommitEntry,
    Config, DeliveryStatus, Error, Hash, LedgerView, ModelRef, OperatorView, Params, Quote,
    RequestId, RequestView, RevealEntry, Sampling, Slot, Terms, digest,
};
use llm_oracle_rules::{
    Oracle as Rules,
    cells::{CellHost, Cells, storage_key},
};
use llm_oracle_sandbox::{CallOutcome, Limits, Sandbox, runtime};

use super::keys::{Operator, commit_entry, reveal_entry};

pub const UNIT: Balance = 1_000_000_000_000;
pub const REWARD: Balance = UNIT / 50;

pub const DEPLOYER: AccountId = AccountId([0xee; 32]);
pub const SINK: AccountId = AccountId([0xdd; 32]);
pub const ASKER: AccountId = AccountId([0xa0; 32]);
pub const CARRIER: AccountId = AccountId([0xa1; 32]);
pub const STRANGER: AccountId = AccountId([0xa2; 32]);
pub const GENESIS: Hash = [0x11; 32];

pub const YES: Answer = Answer::Bool(true);
pub const NO: Answer = Answer::Bool(false);
pub const CANNOT_TELL: Answer = Answer::Abstain(llm_oracle_primitives::Reason::Unclear);

/// A chain with one oracle in view.
pub struct World {
    pub sandbox: Sandbox,
    pub oracle: AccountId,
    pub config: Config,
    pub operators: Vec<Operator>,
}

/// Parameters with short windows, so that tests pass few blocks.
pub fn params() -> Params {
    Params {
        max_window: 256,
        delivery_blocks: 10,
        retention_blocks: 20,
        unbonding_blocks: 530,
        upgrade_delay_blocks: 1_060,
        ..Params::for_unit(UNIT)
    }
}

pub fn terms(answer: AnswerKind, seats: u8, threshold: u8) -> Terms {
    Terms {
        model: ModelRef::Any,
        prompt: b"is the sky blue?".to_vec(),
        system: None,
        sources: vec![],
        answer,
        sampling: Sampling::default(),
        seats,
        threshold,
        assignment: Assignment::open(),
        max_seats_per_family: 0,
        min_confidence: 0,
        not_before: 0,
        commit_blocks: 10,
        reveal_blocks: 10,
        callback: None,
        refund_to: None,
        one_step: false,
    }
}

pub fn selector(message: &str) -> [u8; 4] {
    let [a, b, c, d, ..] = digest::blake2(message.as_bytes());
    [a, b, c, d]
}

pub fn input(message: &str, arguments: &impl Encode) -> Vec<u8> {
    let mut bytes = selector(message).to_vec();
    arguments.encode_to(&mut bytes);
    bytes
}

pub fn on_chain(id: AccountId) -> llm_oracle_sandbox::AccountId {
    llm_oracle_sandbox::AccountId::new(id.0)
}

fn artifacts() -> PathBuf {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("LLM_ORACLE_ARTIFACTS").unwrap_or_else(|| {
        let cache = set("LLM_ORACLE_CACHE").or_else(|| {
            let home = || set("HOME").map(|home| home.join(".cache"));
            Some(set("XDG_CACHE_HOME").or_else(home)?.join("llm-oracle"))
        });
        cache.unwrap_or_default().join("artifacts")
    })
}

/// The optimised code of a contract.
pub fn wasm(name: &str) -> Vec<u8> {
    let path = artifacts().join(name).with_extension("wasm");
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "no contract at {}: {error}; build it with `scripts/setup.sh --contracts`, or name \
             the folder that has it in LLM_ORACLE_ARTIFACTS",
            path.display()
        )
    })
}

fn oracle_wasm() -> &'static [u8] {
    static WASM: OnceLock<Vec<u8>> = OnceLock::new();
    WASM.get_or_init(|| wasm("llm_oracle"))
}

/// What a message returned, without ink!'s layer for messages that it does not know.
pub fn returned<T: Decode>(outcome: &CallOutcome) -> Option<T> {
    let data = &outcome.result.as_ref().ok()?.data;
    let (0, mut value) = (*data.first()?, data.get(1..)?) else {
        return None;
    };
    T::decode(&mut value).ok()
}

impl World {
    /// A new chain, the oracle with [`params`] and `operators` registered operators.
    pub fn new(operators: u8) -> Self {
        Self::with_params(params(), operators)
    }

    pub fn with_params(params: Params, operators: u8) -> Self {
        let mut world = Self::deploy(Sandbox::new(), params, 0);
        for seed in 1..=operators {
            world
                .register(Operator::new(seed), params.min_bond)
                .unwrap();
        }
        world
    }

    /// Deploys on a chain. The same chain, salt and parameters give the same address.
    pub fn deploy(sandbox: Sandbox, params: Params, salt: u8) -> Self {
        let mut this = Self::deploy_code(
            sandbox,
            oracle_wasm(),
            &(GENESIS, UNIT, params, Some(SINK)),
            salt,
        );
        this.config = this.view("config", ());
        this
    }

    /// Deploys some version of the oracle; the caller fills the config in.
    pub fn deploy_code(
        mut sandbox: Sandbox,
        code: &[u8],
        arguments: &impl Encode,
        salt: u8,
    ) -> Self {
        for id in [DEPLOYER, SINK, ASKER, CARRIER, STRANGER] {
            sandbox.mint(&on_chain(id), 1_000_000 * UNIT).unwrap();
        }
        let arguments = input("new", arguments);
        let (deployer, salt) = (on_chain(DEPLOYER), vec![salt]);
        let oracle = sandbox
            .upload_and_instantiate(code, arguments, 0, salt, deployer)
            .unwrap_or_else(|error| panic!("{error}"));
        Self {
            sandbox,
            oracle: AccountId(oracle.into()),
            config: no_config(params()),
            operators: Vec::new(),
        }
    }

    /// Hash of the oracle's code.
    pub fn code_hash(&mut self) -> Hash {
        let oracle = on_chain(self.oracle);
        self.sandbox
            .execute(|| runtime::Contracts::code_hash(&oracle))
            .map(|hash| hash.0)
            .unwrap()
    }

    pub fn fund(&mut self, id: AccountId, amount: Balance) {
        self.sandbox.mint(&on_chain(id), amount).unwrap();
    }

    /// Deploys another contract with `value`, by the deployer.
    pub fn deploy_other(
        &mut self,
        name: &str,
        arguments: &impl Encode,
        value: Balance,
    ) -> AccountId {
        let input = input("new", arguments);
        let deployer = on_chain(DEPLOYER);
        let contract = self
            .sandbox
            .upload_and_instantiate(&wasm(name), input, value, vec![], deployer)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        AccountId(contract.into())
    }

    pub fn block(&mut self) -> BlockNumber {
        self.sandbox.block_number()
    }

    pub fn pass(&mut self, blocks: u32) {
        let to = self.block() + blocks;
        self.sandbox.advance_to(to);
    }

    /// Goes to a far block without the ones between.
    pub fn jump_to(&mut self, block: BlockNumber) {
        self.sandbox
            .execute(|| runtime::System::set_block_number(block));
    }

    /// Calls a message of the oracle as a transaction would.
    pub fn send(
        &mut self,
        caller: AccountId,
        value: Balance,
        message: &str,
        arguments: &impl Encode,
    ) -> CallOutcome {
        self.send_with(caller, value, message, arguments, Limits::default())
    }

    pub fn send_with(
        &mut self,
        caller: AccountId,
        value: Balance,
        message: &str,
        arguments: &impl Encode,
        limits: Limits,
    ) -> CallOutcome {
        let (caller, oracle) = (on_chain(caller), on_chain(self.oracle));
        let input = input(message, arguments);
        self.sandbox
            .call_with_limits(caller, oracle, input, value, limits)
    }

    /// [`Self::send`], with the result of the message.
    pub fn call<T: Decode>(
        &mut self,
        caller: AccountId,
        value: Balance,
        message: &str,
        arguments: impl Encode,
    ) -> Result<T, Error> {
        let outcome = self.send(caller, value, message, &arguments);
        returned(&outcome).unwrap_or_else(|| panic!("{message}: {outcome:?}"))
    }

    /// A message that only reads.
    pub fn view<T: Decode>(&mut self, message: &str, arguments: impl Encode) -> T {
        self.view_of(self.oracle, message, arguments)
    }

    pub fn view_of<T: Decode>(
        &mut self,
        contract: AccountId,
        message: &str,
        arguments: impl Encode,
    ) -> T {
        let input = input(message, &arguments);
        let outcome = self
            .sandbox
            .dry_run(on_chain(ASKER), on_chain(contract), input, 0);
        returned(&outcome).unwrap_or_else(|| panic!("{message}: {outcome:?}"))
    }

    /// What a call would return; nothing changes.
    pub fn dry<T: Decode>(
        &mut self,
        caller: AccountId,
        message: &str,
        arguments: impl Encode,
    ) -> Result<T, Error> {
        let input = input(message, &arguments);
        let outcome = self
            .sandbox
            .dry_run(on_chain(caller), on_chain(self.oracle), input, 0);
        returned(&outcome).unwrap_or_else(|| panic!("{message}: {outcome:?}"))
    }

    pub fn register(&mut self, mut operator: Operator, bond: Balance) -> Result<Slot, Error> {
        let (domain, id) = (self.config.domain, operator.id);
        let message = digest::register_message(&domain, &self.oracle, &id, &id, b"");
        let arguments = (id, id, Vec::<u8>::new(), operator.sign(&message));
        operator.slot = self.call(CARRIER, bond, "register", arguments)?;
        let slot = operator.slot;
        self.operators.push(operator);
        Ok(slot)
    }

    /// Fee of a seat under [`terms`], planck.
    pub fn seat_fee(&self) -> Balance {
        let params = self.config.params;
        params.commit_fee + 20 * params.lock_fee
    }

    pub fn ask(&mut self, terms: &Terms) -> Result<RequestId, Error> {
        let quote: Result<Quote, Error> = self.view("quote", (terms, REWARD));
        self.call(ASKER, quote?.total, "ask", (terms, REWARD, false))
    }

    /// A request, as the contract's message shows it. Its cells alone must show the same.
    pub fn request(&mut self, id: RequestId) -> RequestView {
        let view = self.view::<Option<RequestView>>("request", id);
        let terms = self.view::<Option<Terms>>("terms", id);
        let read = self.read_cells(|rules| (rules.request_view(id), rules.terms(id)));
        assert_eq!(read, (view.clone(), terms), "request {id}");
        view.unwrap()
    }

    /// Runs views of the rules over the contract's storage, past the contract.
    pub fn read_cells<T>(&mut self, views: impl Fn(&mut Rules<&CellHost<'_>>) -> T) -> T {
        let (block, oracle) = (self.block(), on_chain(self.oracle));
        let mut cells = Cells::default();
        loop {
            match cells.view(block, &views) {
                Ok(value) => return value,
                Err(missing) => {
                    for key in missing {
                        assert!(!cells.knows(&key), "{key:?} is looked for twice");
                        let found = self.sandbox.stored(&oracle, &storage_key(&key));
                        cells.insert(key, found);
                    }
                }
            }
        }
    }

    pub fn answer_of(&mut self, id: RequestId) -> Result<AnswerState, Error> {
        self.view("answer_of", id)
    }

    pub fn operator(&mut self, index: usize) -> OperatorView {
        let id = self.operators[index].id;
        self.view::<Option<OperatorView>>("operator", id).unwrap()
    }

    pub fn credit_of(&mut self, id: AccountId) -> Balance {
        self.view("credit_of", id)
    }

    pub fn ledger(&mut self) -> LedgerView {
        self.view("ledger", ())
    }

    pub fn context(&mut self, id: RequestId, index: usize) -> digest::Context {
        let view = self.request(id);
        digest::Context {
            domain: self.config.domain,
            contract: self.oracle,
            request_id: id,
            terms_digest: view.terms_digest,
            round: 0,
            phase: 0,
            operator: self.operators[index].id,
            model: 0,
        }
    }

    pub fn commit_entry(&mut self, id: RequestId, index: usize, answer: &Answer) -> CommitEntry {
        let (context, until) = (self.context(id, index), self.block() + 100);
        commit_entry(&self.operators[index], &context, answer, until)
    }

    pub fn reveal_entry(&mut self, id: RequestId, index: usize, answer: &Answer) -> RevealEntry {
        let context = self.context(id, index);
        reveal_entry(&self.operators[index], &context, answer)
    }

    pub fn commit(&mut self, id: RequestId, index: usize, answer: &Answer) -> Result<(), Error> {
        let entry = self.commit_entry(id, index, answer);
        self.call(CARRIER, 0, "commit", entry)
    }

    pub fn reveal(&mut self, id: RequestId, index: usize, answer: &Answer) -> Result<(), Error> {
        let entry = self.reveal_entry(id, index, answer);
        self.call(CARRIER, 0, "reveal", entry)
    }

    /// Carries a request of open seats to its end with these answers, in two batches.
    pub fn finish(&mut self, id: RequestId, answers: &[Answer]) {
        let entries = |world: &mut Self| -> (Vec<_>, Vec<_>) {
            let one = |(index, answer)| {
                (
                    world.commit_entry(id, index, answer),
                    world.reveal_entry(id, index, answer),
                )
            };
            answers.iter().enumerate().map(one).unzip()
        };
        let (commits, reveals) = entries(self);
        let fine: Batch = vec![Ok(()); answers.len()];
        assert_eq!(
            self.call(CARRIER, 0, "commit_batch", commits),
            Ok(fine.clone())
        );
        assert_eq!(self.call(CARRIER, 0, "reveal_batch", reveals), Ok(fine));
    }

    pub fn deliver(&mut self, id: RequestId) -> Result<DeliveryStatus, Error> {
        self.call(CARRIER, 0, "deliver", id)
    }
}

/// Bytes as they are.
pub struct Raw(pub Vec<u8>);

impl Encode for Raw {
    fn encode_to<W: codec::Output + ?Sized>(&self, output: &mut W) {
        output.write(&self.0);
    }
}

impl Decode for Raw {
    fn decode<I: codec::Input>(input: &mut I) -> Result<Self, codec::Error> {
        let mut bytes = vec![0; input.remaining_len()?.unwrap_or_default()];
        input.read(&mut bytes)?;
        Ok(Self(bytes))
    }
}

pub type Batch = Vec<Result<(), Error>>;

fn no_config(params: Params) -> Config {
    Config {
        interface_version: 0,
        domain: Hash::default(),
        genesis: GENESIS,
        deployer: DEPLOYER,
        deployed_at: 0,
        deployed_at_ms: 0,
        owner: DEPLOYER,
        sink: SINK,
        params,
        unit: UNIT,
        min_notice_blocks: 0,
        next_id: 0,
        lowest_open_id: 0,
        operators: 0,
        sets: 0,
        paused: false,
        offered_to: None,
        next_params: None,
        next_code: None,
    }
}
