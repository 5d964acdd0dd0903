//! Transactions from signing to their end, and counts of failures.

use super::{synced_write, Store, StoreError};
use llm_oracle_primitives::{BlockNumber, Hash, RequestId};

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Asking the model; never a transaction, but it can fail like one.
    Ask,
    /// Taking seats.
    Commit,
    /// Revealing answers.
    Reveal,
    /// Answering in one step.
    Answer,
    /// Settling a request after a deadline.
    Advance,
    /// Calling the requester back.
    Deliver,
    /// Reporting an operator that signed two answers.
    Report,
}

impl Purpose {
    pub(super) const ALL: [Self; 7] = [
        Self::Ask,
        Self::Commit,
        Self::Reveal,
        Self::Answer,
        Self::Advance,
        Self::Deliver,
        Self::Report,
    ];

    /// The purpose with a name, as the database has it.
    pub(super) fn named(name: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.into_iter().find(|known| known.name() == name);
        found.ok_or_else(|| StoreError::damaged("purpose", "an unknown name"))
    }

    /// Its name in the database and in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Commit => "commit",
            Self::Reveal => "reveal",
            Self::Answer => "answer",
            Self::Advance => "advance",
            Self::Deliver => "deliver",
            Self::Report => "report",
        }
    }
}

/// State of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptState {
    /// Stored, not known to be sent.
    Signed,
    /// A node accepted it.
    Broadcast,
    /// Its nonce is used at the best block.
    InBlock,
    /// Its effect was found at a finalized block.
    Final,
    /// Proved to have no effect: past its era, or its nonce was used by another transaction.
    Expired,
}

impl AttemptState {
    pub(super) const ALL: [Self; 5] = [
        Self::Signed,
        Self::Broadcast,
        Self::InBlock,
        Self::Final,
        Self::Expired,
    ];

    /// The state with a name, as the database has it.
    pub(super) fn named(name: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.into_iter().find(|known| known.name() == name);
        found.ok_or_else(|| StoreError::damaged("attempt state", "an unknown name"))
    }

    /// All names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(Self::name)
    }

    /// Its name in the database and in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Broadcast => "broadcast",
            Self::InBlock => "in_block",
            Self::Final => "final",
            Self::Expired => "dead",
        }
    }
}

/// The seat of one operator in one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeatId {
    /// The request.
    pub request_id: RequestId,
    /// The operator's account. For transactions that belong to no seat, the account of the operator
    /// that submits them.
    pub operator: [u8; 32],
}

/// A transaction to be stored before it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttempt {
    /// Hash of the bytes.
    pub hash: Hash,
    /// The signed bytes.
    pub bytes: Vec<u8>,
    /// Who signed.
    pub sender: [u8; 32],
    /// The sender's nonce.
    pub nonce: u64,
    /// Last block that can include it.
    pub valid_until: BlockNumber,
    /// What it is for.
    pub purpose: Purpose,
    /// What it does.
    pub entries: Vec<SeatId>,
}

/// A stored transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its row.
    pub id: i64,
    /// The transaction.
    pub tx: NewAttempt,
    /// Its state.
    pub state: AttemptState,
    /// When it was last handed to a node, milliseconds since 1970.
    pub sent_at_ms: Option<i64>,
}

/// Nonces of an account's transactions that may still have an effect.
///
/// # Errors
/// `Database`, `Damaged`.
pub fn live_nonces(store: &Store, signer: &[u8; 32]) -> Result<Vec<u64>, StoreError> {
    store.database.live_nonces(signer)
}

impl Store {
    /// Stores a signed transaction. Only then may it be sent.
    ///
    /// # Errors
    /// `NonceTaken` when another live transaction has the account's nonce; `Database`.
    pub fn add_attempt(&self, attempt: &NewAttempt) -> Result<i64, StoreError> {
        synced_write(self, |database| database.insert_attempt(attempt))
    }

    /// Records that a node accepted the transaction.
    ///
    /// # Errors
    /// `Database`.
    pub fn mark_sent(&self, id: i64) -> Result<(), StoreError> {
        synced_write(self, |database| database.mark_sent(id))
    }

    /// Records the state of a transaction. False if it has ended: then its state stays.
    ///
    /// # Errors
    /// `Database`.
    pub fn set_attempt_state(
        &self,
        id: i64,
        state: AttemptState,
        reason: Option<&str>,
    ) -> Result<bool, StoreError> {
        synced_write(self, |database| {
            database.set_attempt_state(id, state, reason)
        })
    }

    /// Transactions that may still have an effect, oldest first.
    ///
    /// # Errors
    /// `Database`, `Damaged`.
    pub fn live_attempts(&self) -> Result<Vec<Attempt>, StoreError> {
        self.database.live_attempts()
    }

    /// Counts a failure and returns the count.
    ///
    /// # Errors
    /// `Database`.
    pub fn add_failure(
        &self,
        entry: &SeatId,
        purpose: Purpose,
        reason: &str,
    ) -> Result<u32, StoreError> {
        synced_write(self, |database| {
            database.add_failure(entry, purpose, reason)
        })
    }

    /// How often something failed, and when last (milliseconds since 1970).
    ///
    /// # Errors
    /// `Database`.
    pub fn failures(&self, entry: &SeatId, purpose: Purpose) -> Result<(u32, i64), StoreError> {
        let failed = self.database.failure(entry, purpose)?;
        Ok(failed.map_or((0, 0), |failed| (failed.count, failed.at_ms)))
    }

    /// Why something failed last, if it did.
    ///
    /// # Errors
    /// `Database`.
    pub fn failure_reason(
        &self,
        entry: &SeatId,
        purpose: Purpose,
    ) -> Result<Option<String>, StoreError> {
        let failed = self.database.failure(entry, purpose)?;
        Ok(failed.map(|failed| failed.reason))
    }

    /// How many transactions there are in each state, for status output and tests.
    ///
    /// # Errors
    /// `Database`.
    pub fn count_attempts(&self, purpose: Purpose, state: AttemptState) -> Result<u64, StoreError> {
        self.database.count_attempts(purpose, state)
    }
}
