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
    pub seat_free: bool,
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
    /// Left out, for a reason that is recorded.
    pub skipped: bool,
    /// The model is being asked.
    pub asking: bool,
    /// Other operators of this process are still being asked; their commits could travel along.
    pub company: bool,
    /// The recorded answer's commitment.
    pub commitment: Option<Hash>,
    /// A transaction for this seat may still take effect.
    pub in_flight: bool,
    /// Not to be tried now.
    pub given_up: GivenUp,
}

/// What is not tried now, because it failed too often or only just.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GivenUp {
    /// Asking the model.
    pub ask: bool,
    /// Committing, or answering in one step.
    pub commit: bool,
    /// Revealing.
    pub reveal: bool,
}

/// The chain's heights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
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
    /// Left out before.
    Skipped,
    /// The model is thinking, for this operator or for others whose commits travel along.
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
    GivenUp,
}

/// Blocks before the commit deadline at which commits no longer wait for company.
const COMPANY_MARGIN_BLOCKS: BlockNumber = 4;

/// Decides the next step of one operator for one request.
///
/// A seat is revealed only when the phase is `Revealing` at a *finalized* block: every input about
/// the chain comes from there, so no reorganisation can take the commit round back afterwards.
pub fn decide(chain: &OnChain, local: &Local, heads: &Heads) -> Step {
    if let Some(seat) = chain.seat {
        return decide_seated(chain, &seat, local, heads);
    }
    match chain.phase {
        Phase::Committing => decide_unseated(chain, local, heads),
        Phase::Revealing | Phase::Ended => Step::Nothing(Why::NoSeat),
    }
}

fn decide_seated(chain: &OnChain, seat: &SeatOnChain, local: &Local, heads: &Heads) -> Step {
    let open = matches!(seat.state, SeatState::Committed);
    if !open || matches!(chain.phase, Phase::Ended) {
        return Step::Nothing(Why::Done);
    }
    if local.commitment != Some(seat.commitment) {
        return Step::Foreign {
            found: seat.commitment,
            ours: local.commitment,
        };
    }
    if local.in_flight {
        return Step::Nothing(Why::InFlight);
    }
    match chain.phase {
        Phase::Committing => Step::Nothing(Why::Others),
        _ if next(heads.best) > chain.reveal_deadline => Step::Nothing(Why::TooLate),
        _ if local.given_up.reveal => Step::Nothing(Why::GivenUp),
        _ => Step::Reveal,
    }
}

fn decide_unseated(chain: &OnChain, local: &Local, heads: &Heads) -> Step {
    if local.in_flight {
        return Step::Nothing(Why::InFlight);
    }
    if local.skipped {
        return Step::Nothing(Why::Skipped);
    }
    if !chain.seat_free {
        return Step::Nothing(Why::NoSeat);
    }
    if next(heads.best) > chain.commit_deadline {
        return Step::Nothing(Why::TooLate);
    }
    if local.commitment.is_none() {
        return match local {
            Local { asking: true, .. } => Step::Nothing(Why::Asking),
            Local {
                given_up: GivenUp { ask: true, .. },
                ..
            } => Step::Nothing(Why::GivenUp),
            _ => Step::Ask,
        };
    }
    if next(heads.best) < chain.opens_at {
        return Step::Nothing(Why::NotOpen);
    }
    if local.given_up.commit {
        return Step::Nothing(Why::GivenUp);
    }
    let time_left = chain.commit_deadline.saturating_sub(heads.best) > COMPANY_MARGIN_BLOCKS;
    match (chain.one_step, local.company && time_left) {
        (true, _) => Step::Answer,
        (false, true) => Step::Nothing(Why::Asking),
        (false, false) => Step::Commit,
    }
}

fn next(block: BlockNumber) -> BlockNumber {
    block.saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Hash = [1; 32];
    const OTHER: Hash = [2; 32];
    const HEADS: Heads = Heads {
        finalized: 10,
        best: 11,
    };
    const COMMITTING: OnChain = OnChain {
        phase: Phase::Committing,
        one_step: false,
        opens_at: 5,
        commit_deadline: 20,
        reveal_deadline: 40,
        seat_free: true,
        seat: None,
    };
    const REVEALING: OnChain = OnChain {
        phase: Phase::Revealing,
        seat_free: false,
        seat: Some(SeatOnChain {
            state: SeatState::Committed,
            commitment: OURS,
        }),
        ..COMMITTING
    };
    const FRESH: Local = Local {
        skipped: false,
        asking: false,
        company: false,
        commitment: None,
        in_flight: false,
        given_up: GivenUp {
            ask: false,
            commit: false,
            reveal: false,
        },
    };
    const ANSWERED: Local = Local {
        commitment: Some(OURS),
        ..FRESH
    };

    fn seat(state: SeatState, commitment: Hash) -> Option<SeatOnChain> {
        Some(SeatOnChain { state, commitment })
    }

    #[test]
    fn the_table() {
        use Step::{Answer, Ask, Commit, Nothing, Reveal};
        let ended = OnChain {
            phase: Phase::Ended,
            ..COMMITTING
        };
        let given_up = GivenUp {
            ask: true,
            commit: true,
            reveal: true,
        };
        let at = |best| Heads {
            finalized: best,
            best,
        };
        let rows: &[(&str, OnChain, Local, Heads, Step)] = &[
            ("new request", COMMITTING, FRESH, HEADS, Ask),
            (
                "being asked",
                COMMITTING,
                Local {
                    asking: true,
                    ..FRESH
                },
                HEADS,
                Nothing(Why::Asking),
            ),
            (
                "left out",
                COMMITTING,
                Local {
                    skipped: true,
                    ..FRESH
                },
                HEADS,
                Nothing(Why::Skipped),
            ),
            (
                "model failed",
                COMMITTING,
                Local { given_up, ..FRESH },
                HEADS,
                Nothing(Why::GivenUp),
            ),
            (
                "no seat",
                OnChain {
                    seat_free: false,
                    ..COMMITTING
                },
                FRESH,
                HEADS,
                Nothing(Why::NoSeat),
            ),
            (
                "asked before it opens",
                OnChain {
                    opens_at: 15,
                    ..COMMITTING
                },
                FRESH,
                HEADS,
                Ask,
            ),
            (
                "answered before it opens",
                OnChain {
                    opens_at: 15,
                    ..COMMITTING
                },
                ANSWERED,
                HEADS,
                Nothing(Why::NotOpen),
            ),
            (
                "the next block opens it",
                OnChain {
                    opens_at: 12,
                    ..COMMITTING
                },
                ANSWERED,
                HEADS,
                Commit,
            ),
            ("answered", COMMITTING, ANSWERED, HEADS, Commit),
            (
                "answered in one step",
                OnChain {
                    one_step: true,
                    ..COMMITTING
                },
                ANSWERED,
                HEADS,
                Answer,
            ),
            (
                "others still asked",
                COMMITTING,
                Local {
                    company: true,
                    ..ANSWERED
                },
                HEADS,
                Nothing(Why::Asking),
            ),
            (
                "others still asked, late",
                COMMITTING,
                Local {
                    company: true,
                    ..ANSWERED
                },
                at(16),
                Commit,
            ),
            (
                "commit on its way",
                COMMITTING,
                Local {
                    in_flight: true,
                    ..ANSWERED
                },
                HEADS,
                Nothing(Why::InFlight),
            ),
            (
                "commit failed",
                COMMITTING,
                Local {
                    given_up,
                    ..ANSWERED
                },
                HEADS,
                Nothing(Why::GivenUp),
            ),
            ("last block for it", COMMITTING, ANSWERED, at(19), Commit),
            (
                "too late to commit",
                COMMITTING,
                ANSWERED,
                at(20),
                Nothing(Why::TooLate),
            ),
            (
                "too late to ask",
                COMMITTING,
                FRESH,
                at(20),
                Nothing(Why::TooLate),
            ),
            (
                "committed, others not",
                OnChain {
                    seat: seat(SeatState::Committed, OURS),
                    ..COMMITTING
                },
                ANSWERED,
                HEADS,
                Nothing(Why::Others),
            ),
            ("reveal", REVEALING, ANSWERED, HEADS, Reveal),
            (
                "reveal on its way",
                REVEALING,
                Local {
                    in_flight: true,
                    ..ANSWERED
                },
                HEADS,
                Nothing(Why::InFlight),
            ),
            (
                "reveal failed",
                REVEALING,
                Local {
                    given_up,
                    ..ANSWERED
                },
                HEADS,
                Nothing(Why::GivenUp),
            ),
            (
                "last block for reveals",
                REVEALING,
                ANSWERED,
                at(39),
                Reveal,
            ),
            (
                "too late to reveal",
                REVEALING,
                ANSWERED,
                at(40),
                Nothing(Why::TooLate),
            ),
            (
                "revealed",
                OnChain {
                    seat: seat(SeatState::Revealed, OURS),
                    ..REVEALING
                },
                ANSWERED,
                HEADS,
                Nothing(Why::Done),
            ),
            (
                "missed the seats",
                OnChain {
                    seat: None,
                    ..REVEALING
                },
                ANSWERED,
                HEADS,
                Nothing(Why::NoSeat),
            ),
            ("over", ended, ANSWERED, HEADS, Nothing(Why::NoSeat)),
            (
                "over with a silent seat",
                OnChain {
                    seat: seat(SeatState::Committed, OTHER),
                    ..ended
                },
                ANSWERED,
                HEADS,
                Nothing(Why::Done),
            ),
            (
                "settled",
                OnChain {
                    seat: seat(SeatState::Agreed, OURS),
                    ..ended
                },
                FRESH,
                HEADS,
                Nothing(Why::Done),
            ),
        ];
        for (name, chain, local, heads, step) in rows {
            assert_eq!(decide(chain, local, heads), *step, "{name}");
        }
    }

    #[test]
    fn a_commitment_that_is_not_ours_stops_everything() {
        for chain in [
            OnChain {
                seat: seat(SeatState::Committed, OTHER),
                ..COMMITTING
            },
            OnChain {
                seat: seat(SeatState::Committed, OTHER),
                ..REVEALING
            },
        ] {
            for local in [
                FRESH,
                ANSWERED,
                Local {
                    in_flight: true,
                    ..ANSWERED
                },
            ] {
                let step = Step::Foreign {
                    found: OTHER,
                    ours: local.commitment,
                };
                assert_eq!(decide(&chain, &local, &HEADS), step);
            }
        }
    }

    #[test]
    fn an_answer_once_recorded_is_never_asked_for_again() {
        for phase in [Phase::Committing, Phase::Revealing, Phase::Ended] {
            for seat_free in [true, false] {
                for best in 0..50 {
                    let chain = OnChain {
                        phase,
                        seat_free,
                        ..COMMITTING
                    };
                    let step = decide(
                        &chain,
                        &ANSWERED,
                        &Heads {
                            finalized: best,
                            best,
                        },
                    );
                    assert_ne!(step, Step::Ask);
                }
            }
        }
    }
}
