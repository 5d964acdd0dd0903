//! One connection, ready for use: checked, and with its statements prepared once.

use super::url::ConnectOptions;
use crate::StoreError;
use std::{collections::HashMap, error::Error as _, time::Duration};
use tokio_postgres::{
    error::SqlState,
    types::{FromSql, ToSql},
    Client, NoTls, Row, Statement,
};

/// Parameters of a statement.
pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Settings of every session: our schema only, and timeouts for every wait.
const SET_UP: &str = "
SET search_path = llm_oracle;
SET default_transaction_isolation = 'read committed';
SET statement_timeout = '10s';
SET lock_timeout = '10s';
SET idle_in_transaction_session_timeout = '10s';
SET client_min_messages = warning;
";

/// Server settings that are required for a commit to be on disk when it is confirmed.
const DURABLE: [(&str, &[&str], &str); 3] = [
    ("fsync", &["on"], "on"),
    ("full_page_writes", &["on"], "on"),
    (
        "synchronous_commit",
        &["on", "remote_apply"],
        "on or remote_apply",
    ),
];

/// How an operation on a connection failed.
#[derive(Debug)]
pub(super) enum SessionError {
    /// The connection broke. Whether the statement took effect is unknown.
    Lost(String),
    /// The database rejected the statement.
    Refused(tokio_postgres::Error),
    /// The operation itself failed; a retry would give the same result.
    Store(StoreError),
}

impl From<StoreError> for SessionError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<tokio_postgres::Error> for SessionError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(code) if passes(code) => Self::Lost(explain(&error)),
            Some(_) => Self::Refused(error),
            None if error.is_closed() => Self::Lost(explain(&error)),
            None => match error.source().and_then(|source| source.downcast_ref()) {
                Some(source) if is_of_the_wire(source) => Self::Lost(explain(&error)),
                _ => Self::Refused(error),
            },
        }
    }
}

/// An untrusted certificate is not retried.
fn is_of_the_wire(error: &std::io::Error) -> bool {
    !error
        .get_ref()
        .is_some_and(|inner| inner.is::<rustls::Error>())
}

/// Errors that time or a person cures while the relayer goes on. By class: the connection (08), lack of space, memory
/// or connections (53), a person's doing such as a restart (57), the machine's trouble (58). A password that is
/// refused is one that is being changed: the file with it is read again.
fn passes(code: &SqlState) -> bool {
    const CLASSES: [&str; 4] = ["08", "53", "57", "58"];
    const PASSING: [SqlState; 7] = [
        SqlState::INVALID_PASSWORD,
        SqlState::READ_ONLY_SQL_TRANSACTION,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::OBJECT_IN_USE,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ];
    let class = code.code().get(..2).unwrap_or_default();
    PASSING.contains(code) || CLASSES.contains(&class)
}

/// The error with what lies below it: the top alone says 'db error'.
pub(super) fn explain(error: &tokio_postgres::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// A connection.
pub(super) struct Session {
    client: Client,
    prepared: HashMap<&'static str, Statement>,
}

impl Session {
    /// Connects, and refuses a server that may lose confirmed commits.
    pub(super) async fn connect(way: &ConnectOptions) -> Result<Self, SessionError> {
        let mut config = way.config.clone();
        config
            .application_name("llm-oracle")
            .connect_timeout(Duration::from_secs(5))
            .tcp_user_timeout(Duration::from_secs(10));
        // A connection's task ends with its client; what goes wrong on it is what the client reports.
        let client = match way.tls.clone() {
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                tokio::spawn(connection);
                client
            }
            Some(tls) => {
                let (client, connection) = config.connect(tls).await?;
                tokio::spawn(connection);
                client
            }
        };
        client.batch_execute(SET_UP).await?;
        let session = Self {
            client,
            prepared: HashMap::new(),
        };
        if way.reads_only {
            session
                .batch("SET default_transaction_read_only = on")
                .await?;
        } else {
            session.check_durable().await?;
        }
        Ok(session)
    }

    async fn check_durable(&self) -> Result<(), SessionError> {
        for (setting, allowed, wanted) in DURABLE {
            let sql = format!("SELECT current_setting('{setting}')");
            let found: String = self.client.query_one(&sql, &[]).await?.try_get(0)?;
            if !allowed.contains(&found.as_str()) {
                return Err(SessionError::Store(StoreError::NotDurableServer {
                    setting,
                    found,
                    wanted,
                }));
            }
        }
        Ok(())
    }

    async fn statement(&mut self, sql: &'static str) -> Result<Statement, SessionError> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.prepared.insert(sql, statement.clone());
        Ok(statement)
    }

    /// All rows of a query.
    pub(super) async fn rows(
        &mut self,
        sql: &'static str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, SessionError> {
        let statement = self.statement(sql).await?;
        Ok(self.client.query(&statement, parameters).await?)
    }

    /// The only row of a query, if there is one.
    pub(super) async fn row(
        &mut self,
        sql: &'static str,
        parameters: Parameters<'_>,
    ) -> Result<Option<Row>, SessionError> {
        let statement = self.statement(sql).await?;
        Ok(self.client.query_opt(&statement, parameters).await?)
    }

    /// The only value of a query, if there is one.
    pub(super) async fn value<T: for<'r> FromSql<'r>>(
        &mut self,
        sql: &'static str,
        parameters: Parameters<'_>,
    ) -> Result<Option<T>, SessionError> {
        match self.row(sql, parameters).await? {
            Some(row) => Ok(Some(row.try_get(0)?)),
            None => Ok(None),
        }
    }

    /// Number of rows that a statement changed.
    pub(super) async fn execute(
        &mut self,
        sql: &'static str,
        parameters: Parameters<'_>,
    ) -> Result<u64, SessionError> {
        let statement = self.statement(sql).await?;
        Ok(self.client.execute(&statement, parameters).await?)
    }

    /// Statements without parameters.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), SessionError> {
        Ok(self.client.batch_execute(sql).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_time_or_a_person_cures_ends_no_relayer() {
        // Disk full, out of memory, too many connections, in use, idle timeout, restart, I/O error, password.
        for code in [
            "53100", "53200", "53300", "55006", "57P05", "57P01", "57P03", "58030", "28P01",
            "08006", "40001", "25006",
        ] {
            assert!(passes(&SqlState::from_code(code)), "{code}");
        }
        // A constraint, a missing table, a missing privilege, a damaged index.
        for code in ["23505", "42P01", "42501", "XX002"] {
            assert!(!passes(&SqlState::from_code(code)), "{code}");
        }
    }
}
