//! What an operator does next about a request. Pure: the same three inputs, the same step.

use llm_oracle_primitives::{BlockNumber, Hash, Phase, SeatState};

/// A request at a finalized block, as far as one operator is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnChain {
    /// Its phase there.
    pub phase: Phase,
    /// Answered in one step.
    pub one_step: bool,
    /// First block in which commits count.
    pub opens_at: BlockNumber,
    /// Last block for commits.
    pub commit_deadline: BlockNumber,
    /// Last block for reveals.
    pub reveal_deadline: BlockNumber,
    /// Whether there is a seat that this operator may take.
    pub free: bool,
    /// The operator's seat, if it has one.
    pub seat: Option<SeatOnChain>,
}

/// An operator's seat at a finalized block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatOnChain {
    /// Its state.
    pub state: SeatState,
    /// What was committed to.
    pub commitment: Hash,
}

/// What this process remembers about the operator and the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Local {
    /// Skipped, for a reason that is recorded.
    pub skipped: bool,
    /// It has a seat whose answer is lost, as a person knows.
    pub lost: bool,
    /// The model is being asked.
    pub asking: bool,
    /// Other operators of this process are still being asked; their commits could go into the same batch.
    pub batched: bool,
    /// The recorded answer's commitment.
    pub commitment: Option<Hash>,
    /// A transaction for this seat may still take effect.
    pub in_flight: bool,
    /// Not to be tried now.
    pub exhausted: Exhausted,
}

/// What is not tried now, because it failed too often or only just.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exhausted {
    /// Asking the model.
    pub ask: bool,
    /// Committing, or answering in one step.
    pub commit: bool,
    /// Revealing.
    pub reveal: bool,
}

/// The chain's heights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadNumbers {
    /// Height of the finalized block that [`OnChain`] was read at.
    pub finalized: BlockNumber,
    /// Height of the best block; what is sent now lands above it.
    pub best: BlockNumber,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing now, and why.
    Nothing(Why),
    /// Ask the model and record the answer.
    Ask,
    /// Take the seat.
    Commit,
    /// Answer in one step.
    Answer,
    /// Open the commitment.
    Reveal,
    /// Stop: the seat holds a commitment that is not ours.
    Foreign {
        /// What is on chain.
        found: Hash,
        /// What we recorded, if anything.
        ours: Option<Hash>,
    },
}

/// Why there is nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Skipped before.
    Skipped,
    /// The answer of its seat is lost.
    Lost,
    /// The model is asked, for this operator or for others whose commits go into the same batch.
    Asking,
    /// A transaction is on its way.
    InFlight,
    /// No seat for this operator.
    NoSeat,
    /// Commits do not count yet.
    NotOpen,
    /// The other seats have not done their part.
    Others,
    /// Its part is done.
    Done,
    /// The deadline is past.
    TooLate,
    /// Failed too often, or only just.
    Exhausted,
}

/// Blocks before the commit deadline at which commits no longer wait for others.
const BATCHING_MARGIN_BLOCKS: BlockNumber = 4;

/// Decides the next step of one operator for one request.
///
/// A seat is revealed only when the phase is `Revealing` at a *finalized* block: every input about
/// the chain comes from there, so no reorganisation can take the commit round back afterwards.
pub fn decide(chain: &OnChain, local: &Local, heads: &HeadNumbers) -> Step {
    if let Some(seat) = chain.seat {
        return decide_seated(chain, &seat, local, heads);
    }
    match chain.phase {
        // What waits at the finalized block may be open at the best one.
        Phase::Waiting | Phase::Committing => decide_unseated(chain, local, heads),
        Phase::Revealing | Phase::Ended => Step::Nothing(Why::NoSeat),
    }
}

fn decide_seated(chain: &OnChain, seat: &SeatOnChain, local: &Local, heads: &HeadNumbers) -> Step {
    let open = seat.state == SeatState::Committed && chain.phase != Phase::Ended;
    if local.lost && local.commitment.is_none() {
        return Step::Nothing(Why::Lost);
    }
    // A seat whose part is done may be forgotten; an open one that we know nothing of is not ours.
    let ours = local
        .commitment
        .map_or(!open, |ours| ours == seat.commitment);
    if !ours {
        return Step::Foreign {
            found: seat.commitment,
            ours: local.commitment,
        };
    }
    if !open {
        return Step::Nothing(Why::Done);
    }
    if local.in_flight {
        return Step::Nothing(Why::InFlight);
    }
    match chain.phase {
        Phase::Waiting | Phase::Committing => Step::Nothing(Why::Others),
        _ if next(heads.best) > chain.reveal_deadline => Step::Nothing(Why::TooLate),
        _ if local.exhausted.reveal => Step::Nothing(Why::Exhausted),
        _ => Step::Reveal,
    }
}

fn decide_unseated(chain: &OnChain, local: &Local, heads: &HeadNumbers) -> Step {
    if local.in_flight {
        return Step::Nothing(Why::InFlight);
    }
    if local.skipped {
        return Step::Nothing(Why::Skipped);
    }
    if !chain.free {
        return Step::Nothing(Why::NoSeat);
    }
    if next(heads.best) > chain.commit_deadline {
        return Step::Nothing(Why::TooLate);
    }
    if local.commitment.is_none() {
        return match local {
            // What is asked about may not have happened before.
            _ if heads.best < chain.opens_at => Step::Nothing(Why::NotOpen),
            Local { asking: true, .. } => Step::Nothing(Why::Asking),
            Local {
                exhausted: Exhausted { ask: true, .. },
                ..
            } => Step::Nothing(Why::Exhausted),
            _ => Step::Ask,
        };
    }
    if next(heads.best) < chain.opens_at {
        return Step::Nothing(Why::NotOpen);
    }
    if local.exhausted.commit {
        return Step::Nothing(Why::Exhausted);
    }
    let time_left = chain.commit_deadline.saturating_sub(heads.best) > BATCHING_MARGIN_BLOCKS;
    match (chain.one_step, local.batched && time_left) {
        (true, _) => Step::Answer,
        (false, true) => Step::Nothing(Why::Asking),
        (false, false) => Step::Commit,
    }
}

fn next(block: BlockNumber) -> BlockNumber {
    block.saturating_add(1)
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
