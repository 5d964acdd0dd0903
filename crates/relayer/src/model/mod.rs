//! Questions under way with the model, what they cost, and the answers that come of them.

mod backoffs;
mod budgets;
mod latency;
mod queue;
mod record;
mod request;
mod spend;
mod tasks;

pub(crate) use queue::ModelQueue;
pub(crate) use record::AnswerRecorder;
pub(crate) use request::ModelRequest;
pub(crate) use spend::SpendTracker;
