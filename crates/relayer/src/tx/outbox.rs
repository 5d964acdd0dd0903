//! Sending: on disk first, then to the node, and never a new one while an old one may still count, except
//! where the old one waits for a nonce that nothing has (`Reconciler::is_stranded`).

use crate::error::RelayerError;
use async_trait::async_trait;
use llm_oracle_chain::{AnyChain, ChainError};
use llm_oracle_primitives::{BlockNumber, Hash};
use llm_oracle_store::{crash_point, Attempt, AttemptState, NewAttempt, Purpose, Store};

/// Hands bytes to a node.
#[async_trait]
pub trait Submit: Send + Sync {
    /// Hands signed bytes to the node's pool.
    ///
    /// # Errors
    /// Refusals and connection errors.
    async fn submit(&self, bytes: &[u8]) -> Result<Hash, ChainError>;
}

#[async_trait]
impl Submit for AnyChain {
    async fn submit(&self, bytes: &[u8]) -> Result<Hash, ChainError> {
        self.as_ref().submit(bytes).await
    }
}

/// How long a transaction may stay out of blocks before the node gets it again, milliseconds.
pub(crate) const RESEND_MS: i64 = 15_000;

/// Stores a signed transaction, then sends it.
///
/// # Errors
/// When it cannot be stored, nothing is sent. A refusal of the pool ends the attempt: its nonce
/// goes to the next one, so at most one of the two can ever count.
pub async fn send(
    store: &Store,
    wire: &dyn Submit,
    attempt: &NewAttempt,
) -> Result<(), RelayerError> {
    let id = store.add_attempt(attempt)?;
    reach(attempt.purpose, Point::Signed);
    let sent = submit_attempt(store, wire, id, &attempt.bytes, attempt.purpose).await;
    if let Err(RelayerError::Chain(error)) = &sent {
        if error.is_refusal() {
            // No verdict of the pool: nobody knows whether it arrived. The row stays live and is sent again.
            tracing::warn!(%error, "the node did not say whether it has the transaction");
            return Ok(());
        }
        // The same when the connection broke. Otherwise the node never took it.
        if !error.is_connection() {
            let reason = format!("the node refuses it: {error}");
            store.set_attempt_state(id, AttemptState::Expired, Some(&reason))?;
        }
    }
    sent
}

/// Sends stored bytes (again).
pub(crate) async fn submit_attempt(
    store: &Store,
    wire: &dyn Submit,
    id: i64,
    bytes: &[u8],
    purpose: Purpose,
) -> Result<(), RelayerError> {
    wire.submit(bytes).await?;
    reach(purpose, Point::Sent);
    store.mark_sent(id)?;
    reach(purpose, Point::Marked);
    Ok(())
}

/// What a stored transaction needs now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TxAction {
    /// Its nonce is used up for good: what it was for either stands by now or never will.
    Over,
    /// Its nonce is used up at the best block.
    InBlock,
    /// Its era has passed at a finalized block and its nonce is free: it can never count.
    Expired,
    /// The node should (again) be given it.
    Resend,
    /// Nothing.
    Wait,
}

/// What the chain's nonces say about a transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nonces {
    pub(crate) finalized: u64,
    pub(crate) best: u64,
}

/// Pure: whether a transaction is through, dead, or to be sent again.
pub(crate) fn next_action(
    attempt: &Attempt,
    nonces: Nonces,
    finalized: BlockNumber,
    now_ms: i64,
) -> TxAction {
    if attempt.tx.nonce < nonces.finalized {
        return TxAction::Over;
    }
    if attempt.tx.nonce < nonces.best {
        return TxAction::InBlock;
    }
    if finalized > attempt.tx.valid_until {
        return TxAction::Expired;
    }
    let quiet = attempt
        .sent_at_ms
        // Sent in the future: the clock was set back, and nobody can say how long it has been.
        .is_none_or(|sent| !(0..RESEND_MS).contains(&now_ms.saturating_sub(sent)));
    if quiet {
        TxAction::Resend
    } else {
        TxAction::Wait
    }
}

/// Next nonce of a sender: above what is used at the best block and in the node's pool, and not
/// one that a live transaction of ours holds.
pub(crate) fn free_nonce(best: u64, pool: u64, held: &[u64]) -> u64 {
    let mut nonce = best.max(pool);
    // A dropped transaction leaves a gap below what the pool counts; ours that is held there is
    // sent again by itself.
    while held.contains(&nonce) {
        nonce = nonce.saturating_add(1);
    }
    nonce
}

enum Point {
    Signed,
    Sent,
    Marked,
}

fn reach(purpose: Purpose, point: Point) {
    let name = match (purpose, point) {
        (Purpose::Commit | Purpose::Answer, Point::Signed) => crash_point::COMMIT_SIGNED,
        (Purpose::Commit | Purpose::Answer, Point::Sent) => crash_point::COMMIT_SENT,
        (Purpose::Commit | Purpose::Answer, Point::Marked) => crash_point::COMMIT_MARKED,
        (Purpose::Reveal, Point::Signed) => crash_point::REVEAL_SIGNED,
        (Purpose::Reveal, Point::Sent) => crash_point::REVEAL_SENT,
        (Purpose::Reveal, Point::Marked) => crash_point::REVEAL_MARKED,
        (Purpose::Deliver, Point::Signed) => crash_point::DELIVER_SIGNED,
        (Purpose::Deliver, Point::Sent) => crash_point::DELIVER_SENT,
        _ => return,
    };
    crash_point::reach(name);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use llm_oracle_store::SeatId;
    use std::{path::PathBuf, sync::Mutex};

    const IDENTITY: llm_oracle_store::StoreIdentity = llm_oracle_store::StoreIdentity {
        genesis: [1; 32],
        contract: [2; 32],
        domain: [3; 32],
    };

    fn attempt() -> NewAttempt {
        NewAttempt {
            hash: [1; 32],
            bytes: vec![4, 5, 6],
            sender: [9; 32],
            nonce: 3,
            valid_until: 100,
            purpose: Purpose::Commit,
            entries: vec![SeatId {
                request_id: 7,
                operator: [9; 32],
            }],
        }
    }

    /// Looks into the database file, past the store, at the moment the bytes leave.
    struct Recorder {
        database: PathBuf,
        stored_when_sent: Mutex<Vec<Vec<u8>>>,
        refusal: Option<fn() -> ChainError>,
    }

    fn by_the_pool() -> ChainError {
        ChainError::Pool {
            name: "Payment".into(),
            retry: llm_oracle_chain::TxRetry::Backoff,
            reason: "no".into(),
        }
    }

    fn by_the_node() -> ChainError {
        ChainError::Node {
            what: "it".into(),
            reason: "no".into(),
        }
    }

    #[async_trait]
    impl Submit for Recorder {
        async fn submit(&self, bytes: &[u8]) -> Result<Hash, ChainError> {
            let database = rusqlite::Connection::open(&self.database).unwrap();
            let sql = "SELECT bytes FROM attempts WHERE state = 'signed'";
            let stored = database.query_row(sql, [], |row| row.get(0)).unwrap();
            assert_eq!(bytes, stored);
            self.stored_when_sent.lock().unwrap().push(stored);
            self.refusal.map_or(Ok([0; 32]), |error| Err(error()))
        }
    }

    fn recorder(folder: &tempfile::TempDir, refusal: Option<fn() -> ChainError>) -> Recorder {
        let database = folder.path().join("relayer.sqlite");
        Recorder {
            database,
            stored_when_sent: Mutex::default(),
            refusal,
        }
    }

    #[tokio::test]
    async fn persist_before_broadcast() {
        let folder = llm_oracle_fixtures::private_folder();
        let store = Store::open(folder.path(), &IDENTITY).unwrap();
        let wire = recorder(&folder, None);
        send(&store, &wire, &attempt()).await.unwrap();
        assert_eq!(*wire.stored_when_sent.lock().unwrap(), [vec![4, 5, 6]]);
        assert_eq!(
            store.live_attempts().unwrap()[0].state,
            AttemptState::Broadcast
        );
        // What cannot be stored is not sent.
        assert!(send(&store, &wire, &attempt()).await.is_err());
        assert_eq!(wire.stored_when_sent.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_refused_transaction_gives_its_nonce_back() {
        let folder = llm_oracle_fixtures::private_folder();
        let store = Store::open(folder.path(), &IDENTITY).unwrap();
        assert!(
            send(&store, &recorder(&folder, Some(by_the_pool)), &attempt())
                .await
                .is_err()
        );
        assert!(store.live_attempts().unwrap().is_empty());
        let again = NewAttempt {
            hash: [2; 32],
            ..attempt()
        };
        send(&store, &recorder(&folder, None), &again)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn an_error_of_the_node_leaves_open_whether_the_transaction_arrived() {
        let folder = llm_oracle_fixtures::private_folder();
        let store = Store::open(folder.path(), &IDENTITY).unwrap();
        let wire = recorder(&folder, Some(by_the_node));
        send(&store, &wire, &attempt()).await.unwrap();
        let live = store.live_attempts().unwrap();
        assert_eq!(live[0].state, AttemptState::Signed, "it is sent again");
    }

    #[test]
    fn expired_is_proved_dead_before_resigning() {
        let stored = |sent_at_ms| Attempt {
            id: 1,
            tx: attempt(),
            state: AttemptState::Broadcast,
            sent_at_ms,
        };
        let nonces = |finalized, best| Nonces { finalized, best };
        let sent = stored(Some(1_000));
        for (name, row, nonces, finalized, now, expected) in [
            (
                "not sent yet",
                &stored(None),
                nonces(3, 3),
                50,
                0,
                TxAction::Resend,
            ),
            ("on its way", &sent, nonces(3, 3), 50, 2_000, TxAction::Wait),
            (
                "quiet for long",
                &sent,
                nonces(3, 3),
                50,
                1_000 + RESEND_MS,
                TxAction::Resend,
            ),
            (
                "clock set back",
                &sent,
                nonces(3, 3),
                50,
                0,
                TxAction::Resend,
            ),
            (
                "in a block",
                &sent,
                nonces(3, 4),
                50,
                2_000,
                TxAction::InBlock,
            ),
            ("through", &sent, nonces(4, 4), 50, 2_000, TxAction::Over),
            (
                "last block of its era",
                &sent,
                nonces(3, 3),
                100,
                2_000,
                TxAction::Wait,
            ),
            (
                "era passed",
                &sent,
                nonces(3, 3),
                101,
                2_000,
                TxAction::Expired,
            ),
            (
                "era passed, best block has it",
                &sent,
                nonces(3, 4),
                101,
                2_000,
                TxAction::InBlock,
            ),
        ] {
            assert_eq!(next_action(row, nonces, finalized, now), expected, "{name}");
        }
    }

    #[test]
    fn nonces_come_from_the_chain_and_the_live_rows() {
        assert_eq!(free_nonce(5, 5, &[]), 5);
        assert_eq!(free_nonce(5, 5, &[5, 6]), 7);
        assert_eq!(free_nonce(5, 8, &[]), 8);
        // Ours at 5 was given up while 6 is live: the pool counts up to the gap, which is filled.
        assert_eq!(free_nonce(5, 5, &[6]), 5);
    }
}
