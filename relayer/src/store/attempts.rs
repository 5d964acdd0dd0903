//! Transactions from signing to their end, and how often something failed.

use super::{bytes32, from_sql, now_ms, to_sql, Store, StoreError};
use llm_oracle_primitives::{BlockNumber, Hash, RequestId};
use rusqlite::{OptionalExtension, Row};

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

    /// All names.
    #[cfg(test)]
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
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

const COLUMNS: &str = "id, hash, bytes, carrier, nonce, valid_until, purpose, state, sent_at_ms";

impl Store {
    /// Stores a signed transaction. Only then may it be sent.
    ///
    /// # Errors
    /// `Database`, also when another live transaction has the carrier's nonce.
    pub fn add_attempt(&self, attempt: &NewAttempt) -> Result<i64, StoreError> {
        let mut database = self.database();
        let write = database.transaction()?;
        let sql = "INSERT INTO attempts
                   (hash, bytes, carrier, nonce, valid_until, purpose, signed_at_ms)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        write.execute(
            sql,
            (
                attempt.hash,
                &attempt.bytes,
                attempt.carrier,
                to_sql(attempt.nonce)?,
                attempt.valid_until,
                attempt.purpose.name(),
                now_ms(),
            ),
        )?;
        let id = write.last_insert_rowid();
        for entry in &attempt.entries {
            let sql = "INSERT INTO attempt_entries (attempt, request_id, operator)
                       VALUES (?1, ?2, ?3)";
            write.execute(sql, (id, to_sql(entry.request_id)?, entry.operator))?;
        }
        write.commit()?;
        Ok(id)
    }

    /// Notes that a node took the transaction.
    ///
    /// # Errors
    /// `Database`.
    pub fn mark_sent(&self, id: i64) -> Result<(), StoreError> {
        let sql = "UPDATE attempts SET sent_at_ms = ?2,
                   state = CASE state WHEN 'signed' THEN 'broadcast' ELSE state END
                   WHERE id = ?1";
        self.database().execute(sql, (id, now_ms()))?;
        Ok(())
    }

    /// Notes how far a transaction is. Ended ones stay as they are.
    ///
    /// # Errors
    /// `Database`.
    pub fn set_attempt_state(
        &self,
        id: i64,
        state: AttemptState,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        let closed = matches!(state, AttemptState::Final | AttemptState::Dead).then(now_ms);
        let sql = "UPDATE attempts SET state = ?2, reason = ?3, closed_at_ms = ?4
                   WHERE id = ?1 AND state NOT IN ('final', 'dead')";
        self.database()
            .execute(sql, (id, state.name(), reason, closed))?;
        Ok(())
    }

    /// Transactions that may still have an effect, oldest first.
    ///
    /// # Errors
    /// `Database`, `Damaged`.
    pub fn live_attempts(&self) -> Result<Vec<Attempt>, StoreError> {
        let database = self.database();
        let sql = format!(
            "SELECT {COLUMNS} FROM attempts WHERE state IN ('signed', 'broadcast', 'in_block')
             ORDER BY id"
        );
        let mut query = database.prepare_cached(&sql)?;
        let mut rows = query.query([])?;
        let mut attempts = Vec::new();
        while let Some(row) = rows.next()? {
            attempts.push(from_row(row)?);
        }
        let sql = "SELECT request_id, operator FROM attempt_entries WHERE attempt = ?1";
        let mut query = database.prepare_cached(sql)?;
        for attempt in &mut attempts {
            let mut rows = query.query([attempt.id])?;
            while let Some(row) = rows.next()? {
                let request_id = from_sql(row.get(0)?)?;
                let operator = bytes32("operator", row.get(1)?)?;
                attempt.tx.entries.push(Entry {
                    request_id,
                    operator,
                });
            }
        }
        Ok(attempts)
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
        let sql = "INSERT INTO failures (request_id, operator, purpose, count, reason, at_ms)
                   VALUES (?1, ?2, ?3, 1, ?4, ?5)
                   ON CONFLICT DO UPDATE SET
                   count = count + 1, reason = excluded.reason, at_ms = excluded.at_ms
                   RETURNING count";
        let parameters = (
            to_sql(entry.request_id)?,
            entry.operator,
            purpose.name(),
            reason,
            now_ms(),
        );
        Ok(self
            .database()
            .query_row(sql, parameters, |row| row.get(0))?)
    }

    /// How often something failed, and when last (milliseconds since 1970).
    ///
    /// # Errors
    /// `Database`.
    pub fn failures(&self, entry: &Entry, purpose: Purpose) -> Result<(u32, i64), StoreError> {
        let sql = "SELECT count, at_ms FROM failures
                   WHERE request_id = ?1 AND operator = ?2 AND purpose = ?3";
        let parameters = (to_sql(entry.request_id)?, entry.operator, purpose.name());
        let row = self
            .database()
            .query_row(sql, parameters, |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok(row.unwrap_or_default())
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
        let sql = "SELECT reason FROM failures
                   WHERE request_id = ?1 AND operator = ?2 AND purpose = ?3";
        let parameters = (to_sql(entry.request_id)?, entry.operator, purpose.name());
        Ok(self
            .database()
            .query_row(sql, parameters, |row| row.get(0))
            .optional()?)
    }

    /// How many transactions there are in each state, for status output and tests.
    ///
    /// # Errors
    /// `Database`.
    pub fn count_attempts(&self, purpose: Purpose, state: AttemptState) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM attempts WHERE purpose = ?1 AND state = ?2";
        let names = (purpose.name(), state.name());
        from_sql(self.database().query_row(sql, names, |row| row.get(0))?)
    }
}

fn from_row(row: &Row<'_>) -> Result<Attempt, StoreError> {
    let purpose: String = row.get(6)?;
    let purpose = Purpose::ALL
        .into_iter()
        .find(|known| known.name() == purpose);
    let state: String = row.get(7)?;
    let state = AttemptState::ALL
        .into_iter()
        .find(|known| known.name() == state);
    Ok(Attempt {
        id: row.get(0)?,
        tx: NewAttempt {
            hash: bytes32("transaction hash", row.get(1)?)?,
            bytes: row.get(2)?,
            carrier: bytes32("carrier", row.get(3)?)?,
            nonce: from_sql(row.get(4)?)?,
            valid_until: row.get(5)?,
            purpose: purpose.ok_or_else(|| StoreError::damaged("purpose", "an unknown name"))?,
            entries: Vec::new(),
        },
        state: state.ok_or_else(|| StoreError::damaged("attempt state", "an unknown name"))?,
        sent_at_ms: row.get(8)?,
    })
}
