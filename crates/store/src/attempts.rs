//! Transactions from signing to their end, and how often something failed.

use super::{Store, StoreError};
use llm_oracle_primitives::{BlockNumber, Hash, RequestId};

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Asking the model; never a transaction, but it can fail like one.
    Ask,
    /// Taking seats.
    Commit,
    /// Opening commitments.
    Reveal,
    /// Answering in one step.
    Answer,
    /// Settling after a deadline.
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

/// How far a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptState {
    /// On disk, not known to be sent.
    Signed,
    /// A node took it.
    Broadcast,
    /// Its nonce is used up at the best block.
    InBlock,
    /// What it was for stands at a finalized block.
    Final,
    /// Proved to have no effect any more: expired, or its nonce was used up without it.
    Dead,
}

impl AttemptState {
    pub(super) const ALL: [Self; 5] = [
        Self::Signed,
        Self::Broadcast,
        Self::InBlock,
        Self::Final,
        Self::Dead,
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
            Self::Dead => "dead",
        }
    }
}

/// What one transaction does for one seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entry {
    /// The request.
    pub request_id: RequestId,
    /// The operator's account; for what belongs to no operator, that of the one whose turn it is.
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
    pub carrier: [u8; 32],
    /// The carrier's nonce.
    pub nonce: u64,
    /// Last block that can include it.
    pub valid_until: BlockNumber,
    /// What it is for.
    pub purpose: Purpose,
    /// What it does.
    pub entries: Vec<Entry>,
}

/// A stored transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its row.
    pub id: i64,
    /// The transaction.
    pub tx: NewAttempt,
    /// How far it is.
    pub state: AttemptState,
    /// When it was last handed to a node, milliseconds since 1970.
    pub sent_at_ms: Option<i64>,
}

impl Store {
    /// Stores a signed transaction. Only then may it be sent.
    ///
    /// # Errors
    /// `NonceTaken` when another live transaction has the carrier's nonce; `Database`.
    pub fn add_attempt(&self, attempt: &NewAttempt) -> Result<i64, StoreError> {
        self.database.insert_attempt(attempt)
    }

    /// Notes that a node took the transaction.
    ///
    /// # Errors
    /// `Database`.
    pub fn mark_sent(&self, id: i64) -> Result<(), StoreError> {
        self.database.mark_sent(id)
    }

    /// Notes how far a transaction is, and says whether it did: ended ones stay as they are.
    ///
    /// # Errors
    /// `Database`.
    pub fn set_attempt_state(
        &self,
        id: i64,
        state: AttemptState,
        reason: Option<&str>,
    ) -> Result<bool, StoreError> {
        self.database.set_attempt_state(id, state, reason)
    }

    /// Transactions that may still have an effect, oldest first.
    ///
    /// # Errors
    /// `Database`, `Damaged`.
    pub fn live_attempts(&self) -> Result<Vec<Attempt>, StoreError> {
        self.database.live_attempts()
    }

    /// Counts a failure and says how many there are now.
    ///
    /// # Errors
    /// `Database`.
    pub fn add_failure(
        &self,
        entry: &Entry,
        purpose: Purpose,
        reason: &str,
    ) -> Result<u32, StoreError> {
        self.database.add_failure(entry, purpose, reason)
    }

    /// How often something failed, and when last (milliseconds since 1970).
    ///
    /// # Errors
    /// `Database`.
    pub fn failures(&self, entry: &Entry, purpose: Purpose) -> Result<(u32, i64), StoreError> {
        let failed = self.database.failure(entry, purpose)?;
        Ok(failed.map_or((0, 0), |failed| (failed.count, failed.at_ms)))
    }

    /// Why something failed last, if it did.
    ///
    /// # Errors
    /// `Database`.
    pub fn failure_reason(
        &self,
        entry: &Entry,
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
