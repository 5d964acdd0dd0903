//! What a question is about: fetched under a guard, read as text, and shown to a model between marks that it
//! can't close.
//!
//! [`SourceLoader::load`] does it all: [`fetch`] gets bytes, [`reader`] turns them into text in a process of
//! its own, [`passages`] chooses what fits a model's context, [`render`] writes the prompt. What was done is in
//! a [`SourceRecord`] for each source.
//!
//! **Architecture invariant:** nothing here knows a node, a model or a store. The bytes of strangers are
//! parsed in the reader's process alone.

pub mod attachments;
mod config;
pub mod extract;
pub mod fetch;
mod load;
mod media;
pub mod passages;
pub mod quotes;
pub mod reader;
mod record;
pub mod render;
mod text;

pub use config::SourcesConfig;
pub use load::{LoadedSources, SourceLoader, SourceQuestion};
pub use record::{DocumentRecord, FailureKind, SourceFailure, SourceRecord, TextRecord};
