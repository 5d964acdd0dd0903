//! The process that holds operators' keys apart from the relayer, and refuses a second, different answer.
//!
//! It trusts nothing that it is asked: messages are built here from their parts, calls are decoded before
//! they are signed, and what was signed first for a request is on disk before its signature leaves. A
//! relayer that was taken over can keep an operator from answering, and can waste: fees, storage deposits up
//! to `max_deposit` a call, the bonds of seats that it takes and never opens. It cannot make the operator
//! answer twice, and cannot send its money anywhere.
//!
//! **Architecture invariant:** no network, no node, no model: one socket, one folder.

mod config;
mod payload;
pub mod program;
mod record;
mod server;

pub use config::GuardConfig;
pub use record::Decision;
pub use server::{bind, serve};

use llm_oracle_primitives::{digest::Context, AccountId, Hash, RequestId, Signature};
use llm_oracle_signing::{
    account_of, load_key, signed_part,
    wire::{Ask, Told},
    AnswerToSign, KeyError, Keypair, PeerToSign, SeatToSign, Signer,
};
use llm_oracle_support::address::{parse_account, parse_hash, ss58, AddressError};
use payload::Bounds;
use record::Record;
use std::path::PathBuf;

/// Why a signer does not start.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The messages spell the fields out.
pub enum GuardError {
    #[error("the signer's settings {} cannot be read: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("{} line {line}: {reason}", path.display())]
    Wrong {
        path: PathBuf,
        line: usize,
        reason: String,
    },
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error("the settings name no key; add one [[operators]] table")]
    NoKeys,
    #[error("the key of {0} is named twice")]
    KeyTwice(String),
    #[error("the signer's store {} is in use by another process; stop that one first", path.display())]
    Locked { path: PathBuf },
    #[error("{} has mode {mode:03o} and others could reach the signer; run chmod 700 on it", path.display())]
    OpenFolder { path: PathBuf, mode: u32 },
    #[error("another process answers at {}; stop it, or give another `socket`", path.display())]
    SocketInUse { path: PathBuf },
    #[error("cannot use {}: {source}", path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the signer's database {} fails: {reason}", path.display())]
    Database { path: PathBuf, reason: String },
}

/// Why something is not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // The messages spell the fields out.
pub enum Refusal {
    #[error("it has no key of {0}")]
    UnknownAccount(String),
    #[error("it signs for the contract {expected} only, not for {found}")]
    OtherContract { expected: String, found: String },
    #[error("it signs for another deployment of the contract; see `domain` in its settings")]
    OtherDomain,
    #[error("round {round} and phase {phase} are none that this version knows")]
    OtherPhase { round: u8, phase: u8 },
    #[error("another commitment was signed for request {0} before")]
    ConflictingCommitment(RequestId),
    #[error("another answer was signed for request {0} before")]
    ConflictingAnswer(RequestId),
    #[error("the payload is no call of a contract: {0}")]
    NotACall(&'static str),
    #[error("the call moves {0} planck; a relayer has nothing to pay")]
    Value(u128),
    #[error("the call offers a tip of {0} planck")]
    Tip(u128),
    #[error("the transaction would never expire")]
    Immortal,
    #[error("the call may take a storage deposit of {found}, and `max_deposit` is {most} planck")]
    Deposit { found: String, most: u128 },
    #[error("the call is of the message {0}, which no relayer sends")]
    Message(String),
    #[error("its own record fails, and it signs nothing that is not recorded: {0}")]
    Record(String),
}

impl Refusal {
    /// Name for machines.
    pub fn name(&self) -> &'static str {
        match self {
            Self::UnknownAccount(_) => "unknown_account",
            Self::OtherContract { .. } => "other_contract",
            Self::OtherDomain => "other_domain",
            Self::OtherPhase { .. } => "other_phase",
            Self::ConflictingCommitment(_) => "conflicting_commitment",
            Self::ConflictingAnswer(_) => "conflicting_answer",
            Self::NotACall(_) => "not_a_call",
            Self::Value(_) => "value",
            Self::Tip(_) => "tip",
            Self::Immortal => "immortal",
            Self::Deposit { .. } => "deposit",
            Self::Message(_) => "message",
            Self::Record(_) => "record_failed",
        }
    }
}

/// Keys, what they are for, and what they have signed.
pub struct Guard {
    keys: Vec<Keypair>,
    domain: Hash,
    bounds: Bounds,
    record: Record,
}

impl Guard {
    /// Loads the keys and opens the record.
    ///
    /// # Errors
    /// See [`GuardError`].
    pub fn open(config: &GuardConfig) -> Result<Self, GuardError> {
        let mut keys: Vec<Keypair> = Vec::new();
        for source in &config.operators {
            let key = load_key(source)?;
            let account = account_of(&key);
            if keys.iter().any(|known| account_of(known) == account) {
                return Err(GuardError::KeyTwice(ss58(&account)));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(GuardError::NoKeys);
        }
        Ok(Self {
            keys,
            domain: parse_hash(&config.domain)?,
            bounds: Bounds {
                contract: parse_account(&config.contract)?,
                contracts_call: config.contracts_call,
                max_deposit: config.max_deposit,
            },
            record: Record::open(&config.store)?,
        })
    }

    /// The accounts that it signs for.
    pub fn accounts(&self) -> Vec<AccountId> {
        self.keys.iter().map(account_of).collect()
    }

    /// Answers one question. What was signed is durable before this returns.
    pub fn answer(&self, ask: &Ask) -> Told {
        let signed = match ask {
            Ask::Accounts => return Told::Accounts(self.accounts()),
            Ask::Seat(seat) => self.seat(seat),
            Ask::Answer(answer) => self.decision(answer),
            Ask::Registration {
                domain,
                contract,
                operator,
            } => self.registration(domain, contract, operator),
            Ask::Call { account, payload } => self.call(account, payload),
            Ask::Peer(message) => self.peer(message),
        };
        match signed {
            Ok(signature) => Told::Signed(signature),
            Err(refusal) => {
                let name = refusal.name();
                tracing::warn!(name, %refusal, "refused");
                Told::Refused {
                    name: name.to_owned(),
                    reason: refusal.to_string(),
                }
            }
        }
    }

    fn seat(&self, seat: &SeatToSign) -> Result<Signature, Refusal> {
        let key = self.key_for(&seat.context)?;
        self.record.note(
            &self.domain,
            &self.bounds.contract,
            &[Decision {
                request_id: seat.context.request_id,
                operator: seat.context.operator,
                commitment: seat.commitment,
                evidence: seat.evidence,
                answer: None,
            }],
        )?;
        Ok(key.sign(&seat.message()).0)
    }

    fn decision(&self, answer: &AnswerToSign) -> Result<Signature, Refusal> {
        let key = self.key_for(&answer.context)?;
        self.record.note(
            &self.domain,
            &self.bounds.contract,
            &[Decision {
                request_id: answer.context.request_id,
                operator: answer.context.operator,
                commitment: answer.commitment(),
                evidence: answer.evidence,
                answer: Some(llm_oracle_primitives::digest::answer_digest(&answer.answer)),
            }],
        )?;
        Ok(key.sign(&answer.message()).0)
    }

    fn registration(
        &self,
        domain: &Hash,
        contract: &AccountId,
        operator: &AccountId,
    ) -> Result<Signature, Refusal> {
        self.is_ours(domain, contract)?;
        let key = self.key(operator)?;
        let signed = key.sign_registration(domain, contract);
        signed.map_err(|error| Refusal::Record(error.to_string()))
    }

    fn call(&self, account: &AccountId, payload: &[u8]) -> Result<Signature, Refusal> {
        let key = self.key(account)?;
        let input = payload::input(payload, &self.bounds)?;
        let decisions = payload::decisions(&input, account)?;
        self.record
            .note(&self.domain, &self.bounds.contract, &decisions)?;
        Ok(key.sign(&signed_part(payload)).0)
    }

    /// Letters and receipts are worth nothing on chain, and say nothing that could be said twice.
    fn peer(&self, message: &PeerToSign) -> Result<Signature, Refusal> {
        self.is_ours(
            &message.deployment.domain,
            &message.deployment.contract.into(),
        )?;
        let key = self.key(&message.signer().into())?;
        Ok(key.sign(&message.message()).0)
    }

    /// The key of a context's operator, if the context is of this oracle and this version.
    fn key_for(&self, context: &Context) -> Result<&Keypair, Refusal> {
        self.is_ours(&context.domain, &context.contract)?;
        let (round, phase) = (context.round, context.phase);
        if (round, phase) != (0, 0) {
            return Err(Refusal::OtherPhase { round, phase });
        }
        self.key(&context.operator)
    }

    fn is_ours(&self, domain: &Hash, contract: &AccountId) -> Result<(), Refusal> {
        if *contract != self.bounds.contract {
            return Err(self.bounds.other_contract(contract));
        }
        if *domain != self.domain {
            return Err(Refusal::OtherDomain);
        }
        Ok(())
    }

    fn key(&self, account: &AccountId) -> Result<&Keypair, Refusal> {
        let found = self.keys.iter().find(|key| account_of(key) == *account);
        found.ok_or_else(|| Refusal::UnknownAccount(ss58(account)))
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
