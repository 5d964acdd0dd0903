//! Questions under way with the model, what they cost, and the answers that come of them.

mod queue;
mod record;
mod spend;

pub(crate) use queue::{ModelQueue, ModelRequest};
pub(crate) use record::AnswerRecorder;
pub(crate) use spend::SpendTracker;
