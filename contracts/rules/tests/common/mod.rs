//! A small world for tests of the rules: operators with keys, and a chain in memory.
#![allow(dead_code)] // Each test binary uses its own part.

use llm_oracle_primitives::{
    digest, AccountId, Answer, AnswerEntry, AnswerKind, Assignment, Balance, CallbackLimits,
    CommitEntry, Error, Hash, ModelRef, Params, RequestId, RevealEntry, Sampling, Signature, Slot,
    Terms,
};
use llm_oracle_rules::{
    cells::{CellHost, Cells},
    MemoryHost, Oracle, Profile, Refusal,
};
use schnorrkel::{signing_context, ExpansionMode, Keypair, MiniSecretKey};

pub const ASKER: AccountId = account(0xa0);
pub const TRANSMITTER: AccountId = account(0xa1);
pub const REWARD: Balance = 20_000_000_000;

/// How sure operators are unless a test says otherwise.
pub const SURE: u8 = 90;

/// The default parameters of a chain with 12 decimals.
pub fn dev() -> Params {
    Params::for_unit(MemoryHost::UNIT)
}

/// Fee of a seat in [`terms`] under the default parameters, planck.
pub fn seat_fee() -> Balance {
    dev().commit_fee + 20 * dev().lock_fee
}

pub const fn account(byte: u8) -> AccountId {
    AccountId([byte; 32])
}

pub struct Operator {
    pub key: Keypair,
    pub id: AccountId,
    pub slot: Slot,
}

impl Operator {
    pub fn new(seed: u8) -> Self {
        let key = MiniSecretKey::from_bytes(&[seed; 32])
            .unwrap()
            .expand_to_keypair(ExpansionMode::Ed25519);
        let id = AccountId(key.public.to_bytes());
        Self {
            key,
            id,
            slot: Slot::MAX,
        }
    }

    pub fn sign(&self, message: &[u8]) -> Signature {
        self.key
            .sign(signing_context(b"substrate").bytes(message))
            .to_bytes()
    }
}

pub struct World {
    pub chain: MemoryHost,
    pub operators: Vec<Operator>,
}

pub fn terms(answer: AnswerKind, seats: u8, threshold: u8) -> Terms {
    Terms {
        model: ModelRef::Any,
        prompt: b"is the sky blue?".to_vec(),
        system: None,
        sources: Vec::new(),
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

impl World {
    /// A deployment with `count` registered operators of a full bond.
    pub fn new(count: u8, params: Params) -> Self {
        let mut world = Self {
            chain: MemoryHost::new(params),
            operators: Vec::new(),
        };
        for seed in 0..count {
            let mut operator = Operator::new(seed.wrapping_add(1));
            operator.slot = world.register(&operator, params.min_bond).unwrap();
            world.operators.push(operator);
        }
        world
    }

    /// Registers an operator that owns itself and declares no family.
    pub fn register(&mut self, operator: &Operator, bond: Balance) -> Result<Slot, Error> {
        let (owner, family) = (operator.id, Vec::new());
        self.register_as(operator, bond, Profile { owner, family })
    }

    pub fn register_as(
        &mut self,
        operator: &Operator,
        bond: Balance,
        profile: Profile,
    ) -> Result<Slot, Error> {
        let message = digest::register_message(
            &self.chain.domain(),
            &MemoryHost::address(),
            &operator.id,
            &profile.owner,
            &profile.family,
        );
        let (id, signature) = (operator.id, operator.sign(&message));
        self.chain.call(TRANSMITTER, bond, |oracle| {
            oracle.register(id, profile, &signature)
        })
    }

    pub fn ask(&mut self, terms: Terms) -> Result<RequestId, Error> {
        let quote = self.chain.view(|oracle| oracle.quote(&terms, REWARD));
        let total = quote.map_err(|refusal| *refusal)?.total;
        self.chain
            .call(ASKER, total, |oracle| oracle.ask(terms, REWARD, false))
    }

    pub fn salt(&self, id: RequestId, index: usize) -> Hash {
        digest::salt(&[7; 32], &self.context(id, index))
    }

    pub fn context(&self, id: RequestId, index: usize) -> digest::Context {
        let operator = self.operators[index].id;
        self.chain
            .stored(id)
            .unwrap()
            .context(MemoryHost::address(), id, operator, 0)
    }

    pub fn evidence(&self, id: RequestId, index: usize) -> Hash {
        digest::evidence(&self.salt(id, index), b"{}")
    }

    pub fn commit_entry(&self, id: RequestId, index: usize, answer: &Answer) -> CommitEntry {
        let context = self.context(id, index);
        let (salt, evidence) = (self.salt(id, index), self.evidence(id, index));
        let commitment = digest::commitment(&context, answer, Some(SURE), &evidence, &salt);
        let valid_until = self.chain.block.saturating_add(100);
        let message = digest::seat_message(&context, &commitment, &evidence, valid_until);
        let operator = &self.operators[index];
        CommitEntry {
            request_id: id,
            slot: operator.slot,
            commitment,
            evidence,
            signature: Some((valid_until, operator.sign(&message))),
        }
    }

    pub fn reveal_entry(&self, id: RequestId, index: usize, answer: &Answer) -> RevealEntry {
        let context = self.context(id, index);
        let message =
            digest::answer_message(&context, answer, Some(SURE), &self.evidence(id, index));
        let operator = &self.operators[index];
        RevealEntry {
            request_id: id,
            slot: operator.slot,
            answer: answer.clone(),
            confidence: SURE,
            salt: self.salt(id, index),
            signature: operator.sign(&message),
        }
    }

    pub fn answer_entry(&self, id: RequestId, index: usize, answer: &Answer) -> AnswerEntry {
        let (context, salt) = (self.context(id, index), digest::ONE_STEP_SALT);
        let evidence = digest::evidence(&salt, b"{}");
        let operator = &self.operators[index];
        let message = digest::answer_message(&context, answer, Some(SURE), &evidence);
        AnswerEntry {
            request_id: id,
            slot: operator.slot,
            answer: answer.clone(),
            confidence: SURE,
            evidence,
            salt,
            signature: operator.sign(&message),
        }
    }

    pub fn commit(&mut self, id: RequestId, index: usize, answer: &Answer) -> Result<(), Error> {
        let entry = self.commit_entry(id, index, answer);
        self.chain
            .call(TRANSMITTER, 0, |oracle| oracle.commit(entry))
    }

    pub fn reveal(&mut self, id: RequestId, index: usize, answer: &Answer) -> Result<(), Error> {
        let entry = self.reveal_entry(id, index, answer);
        self.chain
            .call(TRANSMITTER, 0, |oracle| oracle.reveal(entry))
    }

    /// What the cells alone say must be what the views say.
    fn check_cells(&mut self) {
        let mut cells = Cells::default();
        let block = self.chain.block;
        let next = self.chain.view(|oracle| oracle.next_id());
        for id in 0..=next {
            let read = loop {
                let view = |oracle: &mut Oracle<&CellHost<'_>>| {
                    let (view, terms) = (oracle.request_view(id), oracle.terms(id));
                    (oracle.next_id(), oracle.summaries(id, 1), view, terms)
                };
                match cells.view(block, view) {
                    Ok(read) => break read,
                    Err(missing) => {
                        for key in missing {
                            assert!(!cells.knows(&key), "{key:?} is looked for twice");
                            cells.insert(key, self.chain.cell(&key));
                        }
                    }
                }
            };
            let said = self.chain.view(|oracle| {
                let (view, terms) = (oracle.request_view(id), oracle.terms(id));
                (oracle.next_id(), oracle.summaries(id, 1), view, terms)
            });
            assert_eq!(read, said, "request {id}");
        }
    }

    /// The books must balance after every call.
    pub fn check_books(&mut self) {
        self.check_cells();
        let ledger = self.chain.view(|oracle| oracle.ledger());
        assert_eq!(ledger.total, ledger.balance, "ledger and balance");
        assert_eq!(
            ledger.total,
            self.chain.liabilities(),
            "ledger and what is owed"
        );
    }
}

/// A message without money.
pub fn call<T>(
    world: &mut World,
    caller: AccountId,
    message: impl FnOnce(&mut Oracle<&mut MemoryHost>) -> Result<T, Refusal>,
) -> Result<T, Error> {
    world.chain.call(caller, 0, message)
}

pub fn credit(world: &mut World, id: AccountId) -> Balance {
    world.chain.view(|oracle| oracle.credit_of(&id))
}

/// A committee of `seats`, and a callback.
pub fn with_callback(seats: u8) -> Terms {
    Terms {
        callback: Some(CallbackLimits {
            ref_time: 1_000,
            proof_size: 1_000,
            storage_deposit: 500,
        }),
        ..terms(AnswerKind::Bool, seats, seats / 2 + 1)
    }
}

/// A request that every seat has answered with yes.
pub fn answered(world: &mut World, terms: Terms) -> RequestId {
    let seats = usize::from(terms.seats);
    let id = world.ask(terms).unwrap();
    for index in 0..seats {
        world.commit(id, index, &Answer::Bool(true)).unwrap();
    }
    for index in 0..seats {
        world.reveal(id, index, &Answer::Bool(true)).unwrap();
    }
    id
}
