//! Checking an answered request from the chain and the evidence alone.
//!
//! Nothing is trusted: every digest, signature, vote and payment is computed again, and a local model is
//! asked again. Everything except [`rerun`] is pure.

mod document;
mod payout;
mod request;
mod rerun;
mod seat;
mod sources;
mod windows;

pub use request::check_request;
pub use rerun::{compare, Rerun};
pub use seat::check_seat;

use llm_oracle_primitives::{digest::Context, AccountId, Hash, RequestView, SeatView, Terms};
use serde::Serialize;

/// A request with everything that the chain has about it.
#[derive(Debug, Clone)]
pub struct OnChainRequest {
    /// Domain of the deployment.
    pub domain: Hash,
    /// The oracle.
    pub contract: AccountId,
    /// The request.
    pub view: RequestView,
    /// Its terms.
    pub terms: Terms,
    /// Operators among the seats that signed two answers to one question: their bonds are lost.
    pub barred: Vec<AccountId>,
}

impl OnChainRequest {
    /// The context that a seat's commitment and signature are bound to.
    pub fn context(&self, operator: AccountId) -> Context {
        Context {
            domain: self.domain,
            contract: self.contract,
            request_id: self.view.summary.request_id,
            terms_digest: self.view.terms_digest,
            round: 0,
            phase: 0,
            operator,
            model: 0,
        }
    }

    /// The confidence that a revealed seat signed: version 2 of the interface had none.
    fn signed_confidence(&self, seat: &SeatView) -> Option<u8> {
        self.view.signed_confidence(seat.confidence?)
    }
}

/// Result of the verification of a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SeatFinding {
    /// All checks passed, and the same model gives the same answer again.
    Reproduced,
    /// All checks passed; the model could not be asked again here.
    Consistent,
    /// Its answer was not revealed, so there is nothing to check.
    Unrevealed,
    /// What the chain has is in order, and its evidence was not found.
    NotChecked,
    /// A check failed.
    #[serde(rename = "invalid")]
    Wrong,
}

impl SeatFinding {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reproduced => "reproduced",
            Self::Consistent => "consistent",
            Self::Unrevealed => "unrevealed",
            Self::NotChecked => "not_checked",
            Self::Wrong => "invalid",
        }
    }
}

/// Errors and notes about a seat or about the request as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// Failed checks, with both values where there are two.
    pub wrong: Vec<String>,
    /// What could not be checked, and why.
    pub notes: Vec<String>,
}

impl Findings {
    fn wrong(&mut self, what: impl Into<String>) {
        self.wrong.push(what.into());
    }

    fn note(&mut self, what: impl Into<String>) {
        self.notes.push(what.into());
    }

    /// Both values are named when they differ.
    fn same<T: PartialEq + std::fmt::Display>(&mut self, what: &str, found: T, expected: T) {
        if found != expected {
            self.wrong(format!("{what} is {found}, and should be {expected}"));
        }
    }
}

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
