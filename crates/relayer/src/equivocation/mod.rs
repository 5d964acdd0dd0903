//! Operators that sign two answers to one question.

mod blocks;
mod signatures;
mod slots;
mod watch;

#[cfg(test)]
pub(crate) use signatures::claims;
pub(crate) use watch::EquivocationWatch;
