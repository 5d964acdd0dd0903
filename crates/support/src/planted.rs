//! Bugs on purpose: the simulation must find each of them. Outside tests there are none.

/// A bug that a test can switch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Bytes leave before they are stored.
    SendBeforeStore,
    /// A transaction that could be included for ever.
    ImmortalTransaction,
    /// The next nonce is that of the best block, whatever is on its way.
    ReuseNonce,
    /// The next nonce leaves a gap.
    SkipNonce,
    /// Decisions are made at the best block.
    RevealAtBestBlock,
    /// The place where the next look begins goes past what is not over.
    CursorPastOpen,
    /// The model is asked although an answer is recorded.
    AskAgain,
    /// A transaction that was stored and not known to be sent is taken for dead.
    UnsentIsDead,
    /// An expired transaction stays live.
    ForgetExpired,
    /// Whether the commit deadline is past is not looked at.
    IgnoreCommitDeadline,
    /// A batch that is too much for one call is tried again as it is.
    KeepBatchWhole,
    /// A transaction that is quiet is replaced by a new one.
    ReplaceQuiet,
    /// What stands in the best block counts as final.
    FinalAtBestBlock,
    /// What a node took counts as final.
    FinalWhenSent,
    /// Failures are not counted.
    ForgetFailures,
    /// A request is left out without a reason.
    SkipWithoutReason,
    /// A request is left out without a record.
    SkipWithoutRecord,
    /// Another answer is revealed than was committed to.
    RevealAnotherAnswer,
    /// A job that is committed counts as done.
    CommittedIsDone,
    /// An error of the model ends the process.
    ModelErrorEnds,
    /// A lost connection ends the process.
    LostConnectionEnds,
    /// After a broken connection nobody waits for what was sent over it.
    CutMeansDead,
    /// A job counts as committed once its transaction was sent.
    CommittedWhenSent,
    /// Only wake-ups wake; there is no timer.
    NoTimer,
    /// Requests that expired are not settled.
    NeverSettle,
    /// Ends are not delivered.
    NeverDeliver,
    /// A transaction that is sent again is signed anew, and not stored.
    ResignToResend,
    /// Whether an era has passed is judged by the best block.
    ExpiredAtBestBlock,
    /// A syncing node is acted on.
    TrustSyncingNode,
    /// Reveals are given up after some failures.
    GiveUpReveals,
}

/// Whether a bug is switched on; never outside tests.
#[cfg(not(feature = "simulation"))]
#[inline(always)]
pub const fn planted(_: Bug) -> bool {
    false
}

#[cfg(feature = "simulation")]
pub use switch::{plant, planted};

#[cfg(feature = "simulation")]
mod switch {
    use super::Bug;
    use std::cell::Cell;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Switches a bug on for this thread, or all off.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
    }

    /// Whether a bug is switched on.
    pub fn planted(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }
}
