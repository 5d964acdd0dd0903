//! One connection, ready for use: checked, and with its statements prepared once.

use super::url::Way;
use crate::StoreError;
use std::{collections::HashMap, error::Error as _, time::Duration};
use tokio_postgres::{
    error::SqlState,
    types::{FromSql, ToSql},
    Client, NoTls, Row, Statement,
};

/// Parameters of a statement.
pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// What every session sets for itself. The names are ours alone; nothing waits for ever.
const SET_UP: &str = "
SET search_path = llm_oracle;
SET default_transaction_isolation = 'read committed';
SET statement_timeout = '10s';
SET lock_timeout = '10s';
SET idle_in_transaction_session_timeout = '10s';
SET client_min_messages = warning;
";

/// What the server must say of itself, for a commit to be on disk when it answers.
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
pub(super) enum Fault {
    /// The connection is of no use any more, and nobody knows whether what was sent took effect.
    Lost(String),
    /// The database refused.
    Refused(tokio_postgres::Error),
    /// It did what it was told, and that is the outcome.
    Store(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<tokio_postgres::Error> for Fault {
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

/// A certificate that is not trusted stays one, however often it is looked at.
fn is_of_the_wire(error: &std::io::Error) -> bool {
    !error
        .get_ref()
        .is_some_and(|inner| inner.is::<rustls::Error>())
}

/// Refusals that a new connection or some time cures: shutting down, starting, standing by, full,
/// in each other's way.
fn passes(code: &SqlState) -> bool {
    const PASSING: [SqlState; 10] = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::READ_ONLY_SQL_TRANSACTION,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::QUERY_CANCELED,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ];
    // Class 08 is the connection's.
    PASSING.contains(code) || code.code().starts_with("08")
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
    /// Connects, and refuses a server that could forget what it has confirmed.
    pub(super) async fn connect(way: &Way) -> Result<Self, Fault> {
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

    async fn check_durable(&self) -> Result<(), Fault> {
        for (setting, allowed, wanted) in DURABLE {
            let sql = format!("SELECT current_setting('{setting}')");
            let found: String = self.client.query_one(&sql, &[]).await?.try_get(0)?;
            if !allowed.contains(&found.as_str()) {
                return Err(Fault::Store(StoreError::NotDurableServer {
                    setting,
                    found,
                    wanted,
                }));
            }
        }
        Ok(())
    }

    async fn statement(&mut self, sql: &'static str) -> Result<Statement, Fault> {
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
    ) -> Result<Vec<Row>, Fault> {
        let statement = self.statement(sql).await?;
        Ok(self.client.query(&statement, parameters).await?)
    }

    /// The only row of a query, if there is one.
    pub(super) async fn row(
        &mut self,
        sql: &'static str,
        parameters: Parameters<'_>,
    ) -> Result<Option<Row>, Fault> {
        let statement = self.statement(sql).await?;
        Ok(self.client.query_opt(&statement, parameters).await?)
    }

    /// The only value of a query, if there is one.
    pub(super) async fn value<T: for<'r> FromSql<'r>>(
        &mut self,
        sql: &'static str,
        parameters: Parameters<'_>,
    ) -> Result<Option<T>, Fault> {
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
    ) -> Result<u64, Fault> {
        let statement = self.statement(sql).await?;
        Ok(self.client.execute(&statement, parameters).await?)
    }

    /// Statements without parameters.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), Fault> {
        Ok(self.client.batch_execute(sql).await?)
    }
}
