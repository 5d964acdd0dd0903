//! Evaluation of models and committees on labelled questions, on the contract's own rule of agreement.
//!
//! [`labels`] reads questions, [`runner`] puts them to models, [`reply_log`] keeps what they say, and
//! [`measure`] makes the report. Statistics are in [`stats`].
//!
//! **Architecture invariant:** no node and no store. The report is a function of answers and a seed.

pub mod agreement;
pub mod answer_text;
pub mod asked;
pub mod calibrate;
pub mod committee;
pub mod labels;
pub mod matrix;
pub mod measure;
mod measure_committees;
pub mod page;
pub mod reply_log;
pub mod report;
pub mod runner;
#[cfg(test)]
mod sample_tests;
#[cfg(test)]
mod simulated;
pub mod stats;
pub mod summary;
mod svg;
#[cfg(test)]
mod theory_tests;

pub use asked::AskedQuestion;
pub use committee::CommitteeSpec;
pub use labels::{LabelError, LabelledQuestion};
pub use report::EvalReport;
