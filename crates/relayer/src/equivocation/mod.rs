//! Operators that sign two answers to one question.

mod signatures;
mod watch;

#[cfg(test)]
pub(crate) use signatures::claims;
pub(crate) use watch::EquivocationWatch;
