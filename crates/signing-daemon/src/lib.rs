//! The process that holds operators' keys apart from the relayer, and refuses a second, different answer.
//!
//! It does not trust the relayer: it builds messages from their parts, it decodes calls before it signs them,
//! and it writes what it signs for a request to disk before the signature leaves. An attacker who controls the
//! relayer can keep an operator from answering, and can waste money: fees, storage deposits up to
//! `max_deposit` a call, the bonds of seats that are taken and never opened. The attacker can't make the
//! operator answer twice, and can't transfer its funds.
//!
//! **Architecture invariant:** no network, no node, no model: one socket, one folder.

mod config;
mod daemon;
mod database;
mod decision;
mod error;
mod interchange;
mod payload;
mod private_folder;
pub mod program;
mod record;
mod server;
mod transfer;

pub use config::SigningDaemonConfig;
pub use daemon::SigningDaemon;
pub use error::SigningDaemonError;
pub use server::{bind, serve};

#[cfg(test)]
mod daemon_tests;
#[cfg(test)]
mod dependency_tests;
#[cfg(test)]
mod interchange_tests;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod server_tests;
#[cfg(test)]
mod transfer_tests;
