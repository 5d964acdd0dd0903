//! What is done next. Nothing here reads a clock, a chain or a store, or changes anything.

mod committee;
mod decide;
mod policy;
mod policy_config;
mod seats;
#[cfg(test)]
mod spam_tests;
mod windows;

#[cfg(test)]
pub(crate) use policy::tests::terms;

pub use decide::{decide, Exhausted, HeadNumbers, Local, OnChain, SeatOnChain, Step, Why};
pub(crate) use policy::Candidate;
pub(crate) use policy_config::Stake;
pub use policy_config::{Budget, ListedAccount, PolicyConfig, RequesterBudget};
pub(crate) use seats::{ForeignSeat, SeatAction, SeatFacts, SeatPlanner};

use crate::{
    model::ModelRequest,
    settlement::Ending,
    tx::{jobs::JobChange, OwnSeat},
};

/// What an iteration is going to do.
#[derive(Default)]
pub(crate) struct WorkList {
    pub(crate) asks: Vec<ModelRequest>,
    pub(crate) commits: Vec<OwnSeat>,
    pub(crate) answers: Vec<OwnSeat>,
    pub(crate) reveals: Vec<OwnSeat>,
    pub(crate) endings: Vec<Ending>,
    /// Whether the end of a job was found.
    pub(crate) ended_something: bool,
    /// What the chain shows about our jobs and the store does not know yet.
    pub(crate) changes: Vec<JobChange>,
    /// Whether one of our operators still has something to do about a request it has answered.
    pub(crate) unended: bool,
    /// The relayer is drained and owes nothing any more.
    pub(crate) is_drained: bool,
}

impl WorkList {
    /// Nothing is begun: only seats that are taken are opened.
    pub(crate) fn keep_reveals(&mut self) {
        self.asks.clear();
        self.commits.clear();
        self.answers.clear();
        self.endings.clear();
    }
}
