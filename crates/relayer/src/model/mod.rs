//! Questions under way with the model, what they cost, and the answers that come of them.

mod backoffs;
mod budgets;
mod latency;
mod operator_models;
mod queue;
mod rationale;
mod record;
mod request;
mod sources;
mod spend;
mod starts;
mod tasks;

pub(crate) use operator_models::OperatorModels;
pub(crate) use queue::{show_models, ModelQueue};
pub use rationale::RationaleConfig;
pub(crate) use record::AnswerRecorder;
pub(crate) use request::ModelRequest;
pub use sources::SourceReadingProvider;
pub(crate) use spend::SpendTracker;
