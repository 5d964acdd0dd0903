//! What an operator does next: the table, and what holds everywhere in it.

use super::*;

const OURS: Hash = [1; 32];
const OTHER: Hash = [2; 32];
const HEADS: HeadNumbers = HeadNumbers {
    finalized: 10,
    best: 11,
};
const COMMITTING: OnChain = OnChain {
    phase: Phase::Committing,
    one_step: false,
    opens_at: 5,
    commit_deadline: 20,
    reveal_deadline: 40,
    free: true,
    seat: None,
};
const REVEALING: OnChain = OnChain {
    phase: Phase::Revealing,
    free: false,
    seat: Some(SeatOnChain {
        state: SeatState::Committed,
        commitment: OURS,
    }),
    ..COMMITTING
};
const FRESH: Local = Local {
    skipped: false,
    lost: false,
    asking: false,
    batched: false,
    commitment: None,
    in_flight: false,
    exhausted: Exhausted {
        ask: false,
        commit: false,
        reveal: false,
    },
};
const SKIPPED: Local = Local {
    skipped: true,
    ..FRESH
};
const ANSWERED: Local = Local {
    commitment: Some(OURS),
    ..FRESH
};
const BATCHED: Local = Local {
    batched: true,
    ..ANSWERED
};
const IN_FLIGHT: Local = Local {
    in_flight: true,
    ..ANSWERED
};

fn open(free: bool) -> OnChain {
    OnChain { free, ..COMMITTING }
}

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
    let exhausted = Exhausted {
        ask: true,
        commit: true,
        reveal: true,
    };
    let at = |best| HeadNumbers {
        finalized: best,
        best,
    };
    let rows: &[(&str, OnChain, Local, HeadNumbers, Step)] = &[
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
            SKIPPED,
            HEADS,
            Nothing(Why::Skipped),
        ),
        (
            "model failed",
            COMMITTING,
            Local { exhausted, ..FRESH },
            HEADS,
            Nothing(Why::Exhausted),
        ),
        ("no seat", open(false), FRESH, HEADS, Nothing(Why::NoSeat)),
        (
            "asked before it opens",
            OnChain {
                opens_at: 15,
                ..COMMITTING
            },
            FRESH,
            HEADS,
            Nothing(Why::NotOpen),
        ),
        (
            "waits at the finalized block and is open at the best",
            OnChain {
                phase: Phase::Waiting,
                opens_at: 11,
                ..COMMITTING
            },
            FRESH,
            HEADS,
            Ask,
        ),
        (
            "waits, and the next block opens it",
            OnChain {
                phase: Phase::Waiting,
                opens_at: 12,
                ..COMMITTING
            },
            FRESH,
            HEADS,
            Nothing(Why::NotOpen),
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
            BATCHED,
            HEADS,
            Nothing(Why::Asking),
        ),
        (
            "others still asked, late",
            COMMITTING,
            BATCHED,
            at(16),
            Commit,
        ),
        (
            "commit on its way",
            COMMITTING,
            IN_FLIGHT,
            HEADS,
            Nothing(Why::InFlight),
        ),
        (
            "commit failed",
            COMMITTING,
            Local {
                exhausted,
                ..ANSWERED
            },
            HEADS,
            Nothing(Why::Exhausted),
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
            IN_FLIGHT,
            HEADS,
            Nothing(Why::InFlight),
        ),
        (
            "reveal failed",
            REVEALING,
            Local {
                exhausted,
                ..ANSWERED
            },
            HEADS,
            Nothing(Why::Exhausted),
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
                seat: seat(SeatState::Silent, OURS),
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
        for local in [FRESH, ANSWERED, IN_FLIGHT] {
            let step = Step::Foreign {
                found: OTHER,
                ours: local.commitment,
            };
            assert_eq!(decide(&chain, &local, &HEADS), step);
        }
    }
}

#[test]
fn a_foreign_commitment_is_seen_after_its_reveal_too() {
    for state in [SeatState::Revealed, SeatState::Agreed, SeatState::Silent] {
        for phase in [Phase::Revealing, Phase::Ended] {
            let chain = OnChain {
                phase,
                seat: seat(state, OTHER),
                ..REVEALING
            };
            let step = Step::Foreign {
                found: OTHER,
                ours: Some(OURS),
            };
            assert_eq!(decide(&chain, &ANSWERED, &HEADS), step);
            // A store that has forgotten a finished request has nothing to compare.
            assert_eq!(decide(&chain, &FRESH, &HEADS), Step::Nothing(Why::Done));
        }
    }
}

#[test]
fn an_answer_once_recorded_is_never_asked_for_again() {
    for phase in [
        Phase::Waiting,
        Phase::Committing,
        Phase::Revealing,
        Phase::Ended,
    ] {
        for free in [false, true] {
            for best in 0..50 {
                let chain = OnChain {
                    phase,
                    free,
                    ..COMMITTING
                };
                let step = decide(
                    &chain,
                    &ANSWERED,
                    &HeadNumbers {
                        finalized: best,
                        best,
                    },
                );
                assert_ne!(step, Step::Ask);
            }
        }
    }
}
