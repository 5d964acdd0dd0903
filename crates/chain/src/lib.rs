//! The chain: connections to nodes, reading contracts, signing and sending transactions, reading events.
//!
//! [`ChainApi`] is what the relayer needs of a node; [`Chain`] implements it over a WebSocket, [`Endpoints`]
//! chooses a healthy node among several. [`OracleClient`] calls the oracle's read-only messages, and
//! [`StorageReader`] reads requests from the contract's storage.
//!
//! Everything that belongs to the chain's pallets is encoded and decoded through the metadata the
//! node serves, so one binary works on chains whose balances, fee extensions or pallet versions
//! differ. What belongs to the contract is plain SCALE of the types in `llm_oracle_primitives`.
//!
//! **Architecture invariant:** this crate knows neither the store nor the models.

mod api;
mod call;
mod chain;
mod changes;
mod check;
mod connect;
mod connection;
mod contracts_api;
mod deploy;
mod development;
mod dispatch_error;
mod endpoint_node;
mod endpoints;
mod era;
mod error;
mod event;
mod fee;
#[cfg(test)]
mod fuzz_tests;
mod heads;
mod health;
mod inclusion;
mod inputs;
#[cfg(test)]
mod mortality_tests;
mod node_health;
mod oracle;
mod properties;
mod quick_ack;
mod redact;
mod refusal;
mod request_read;
mod request_shape;
mod retry;
mod sign;
#[cfg(test)]
mod signing_tests;
mod state;
#[cfg(test)]
mod static_node;
mod storage_reader;
mod transport;
mod tx;
mod types;

pub use api::{AnyChain, ChainApi};
pub use call::{oracle as messages, BatchResults, Call};
pub use chain::Chain;
pub use check::{CheckedOracle, Expect};
pub use connect::Connect;
pub use deploy::{DeployDryRun, Deployed};
pub use endpoints::{node_connections, Endpoints, HealthyNode};
pub use era::{era_window, EraWindow};
pub use error::{ChainError, ChainErrorKind};
pub use event::{Event, LocatedEvent};
pub use heads::{HeadSubscription, PushedHeads};
pub use health::{NodeCriteria, NodeStatus};
pub use llm_oracle_rules::Key;
pub use oracle::{OracleClient, READS_AT_ONCE};
pub use properties::ChainProperties;
pub use redact::redact;
pub use request_read::{read_with_messages, ReadRequest, RequestPage, RequestRecord};
pub use retry::TxRetry;
pub use storage_reader::{StorageReader, STORAGE_RETRY_BLOCKS};
pub use transport::RpcCount;
pub use tx::{CallReceipt, TxOptions};
pub use types::{
    BlockEvents, Changes, Deposit, DryRun, DryRunLimits, DryRunOutcome, DryRunRequest, Head,
    InBlock, SignedTx, TxTerms, Weight,
};
