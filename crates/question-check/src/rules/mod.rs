//! The rules, one kind of defect each, or two that are found together.

pub mod boundary;
pub mod dictated;
pub mod fallback;
pub mod hidden;
pub mod injection;
pub mod options;
pub mod sources;
pub mod terms;
pub mod time;
