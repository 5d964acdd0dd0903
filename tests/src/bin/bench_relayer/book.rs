//! What stopped relayers have in their stores, read without their code.

use llm_oracle_primitives::RequestId;
use rusqlite::{Connection, OpenFlags};
use std::{collections::BTreeMap, path::Path};

/// What one or several stores hold.
#[derive(Debug, Default)]
pub struct Book {
    /// When each seat's commit was first handed to a node, milliseconds since 1970.
    pub submitted: BTreeMap<RequestId, Vec<i64>>,
    /// Seats that were answered.
    pub jobs: u64,
    /// Transactions that brought commits or reveals.
    pub transactions: u64,
    /// Entries in them.
    pub entries: u64,
    /// Transactions that a node refused for their nonce.
    pub nonce_rejections: u64,
    /// Transactions that came to nothing, whatever the reason.
    pub dead: u64,
    /// Reasons of failures, with their number.
    pub failures: BTreeMap<String, u64>,
}

impl Book {
    /// Adds what the store in a folder holds.
    pub fn read(&mut self, store: &Path) {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let database = Connection::open_with_flags(store.join("relayer.sqlite"), flags).unwrap();
        self.jobs += number(&database, "SELECT count(*) FROM jobs");
        self.transactions += number(
            &database,
            "SELECT count(*) FROM attempts WHERE purpose IN ('commit', 'reveal')",
        );
        self.entries += number(
            &database,
            "SELECT count(*) FROM attempt_entries JOIN attempts ON id = attempt
             WHERE purpose IN ('commit', 'reveal')",
        );
        self.dead += number(
            &database,
            "SELECT count(*) FROM attempts WHERE state = 'dead'",
        );
        // The pool's words for a nonce that is used up (1010, outdated), one that leaves a gap, and one
        // that a transaction in the pool has (1014, priority).
        self.nonce_rejections += number(
            &database,
            "SELECT count(*) FROM attempts WHERE reason LIKE 'the node refuses it%' AND
             (reason LIKE '%outdated%' OR reason LIKE '%stale%' OR reason LIKE '%nonce%'
              OR reason LIKE '%future%' OR reason LIKE '%priority%')",
        );
        self.read_submitted(&database);
        self.read_failures(&database);
    }

    fn read_submitted(&mut self, database: &Connection) {
        let sql = "SELECT request_id, submitted_at_ms FROM jobs WHERE submitted_at_ms NOT NULL";
        let mut query = database.prepare(sql).unwrap();
        let mut rows = query.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let id: i64 = row.get(0).unwrap();
            let id = RequestId::try_from(id).unwrap();
            self.submitted
                .entry(id)
                .or_default()
                .push(row.get(1).unwrap());
        }
    }

    fn read_failures(&mut self, database: &Connection) {
        let sql = "SELECT purpose || ': ' || reason, sum(count) FROM failures GROUP BY 1 LIMIT 20";
        let mut query = database.prepare(sql).unwrap();
        let mut rows = query.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let count: i64 = row.get(1).unwrap();
            let place = self.failures.entry(row.get(0).unwrap()).or_default();
            *place += u64::try_from(count).unwrap();
        }
    }
}

fn number(database: &Connection, sql: &str) -> u64 {
    let count: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
    u64::try_from(count).unwrap()
}
