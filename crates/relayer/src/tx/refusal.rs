//! What follows when the contract refuses an entry of a batch.

use super::entries::BatchEntry;
use llm_oracle_primitives::Error;
use llm_oracle_store::Purpose;

/// What follows from the contract's refusal of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefusalAction {
    /// It was not refused for anything of its own: the next turn sends it.
    Resend,
    /// It counts as a failure: after a pause it is tried again, until its deadline.
    Failed,
    /// Nothing that comes before the deadline changes it: the request is left out.
    Skip,
    /// The operator takes no seat any more, in this request or another.
    Barred,
}

/// The consequence of a refusal.
pub(super) fn refusal_action(purpose: Purpose, error: &Error) -> RefusalAction {
    match error {
        // Ran out of gas before it.
        Error::NotTried => RefusalAction::Resend,
        // A seat is opened whatever it takes: its bond is at stake.
        _ if purpose == Purpose::Reveal => RefusalAction::Failed,
        Error::Barred { .. } => RefusalAction::Barred,
        Error::SeatsTaken { .. }
        | Error::CommitClosed { .. }
        | Error::NotNamed { .. }
        | Error::NotInSet { .. }
        | Error::FamilyFull { .. }
        | Error::AskedBefore { .. }
        | Error::RecordTooLow { .. }
        | Error::WrongForm { .. }
        | Error::OptionOutOfRange { .. }
        | Error::AnswerLength { .. } => RefusalAction::Skip,
        // `SeatTakenBySame`: the next finalized block shows it, and whether it was us.
        // A bond can be raised. Everything else is none of a seat's.
        _ => RefusalAction::Failed,
    }
}

/// What the contract takes of a batch, and what it refuses.
pub(super) fn sort_results(
    seats: &[BatchEntry],
    results: &[Result<(), Error>],
) -> (Vec<BatchEntry>, Vec<(BatchEntry, Error)>) {
    let mut kept = Vec::new();
    let mut refused = Vec::new();
    for (index, seat) in seats.iter().enumerate() {
        match results.get(index) {
            Some(Ok(())) => kept.push(seat.clone()),
            Some(Err(error)) => refused.push((seat.clone(), *error)),
            // Fewer results than entries: what has none was not tried.
            None => refused.push((seat.clone(), Error::NotTried)),
        }
    }
    (kept, refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_consequence() {
        use RefusalAction::{Barred, Failed, Resend, Skip};
        let slot = 1;
        let record = Error::RecordTooLow {
            answers: 0,
            agreement_ppm: 0,
        };
        let length = Error::AnswerLength { bytes: 9, most: 8 };
        let early = Error::NotOpenYet {
            opens_at: 9,
            now: 8,
        };
        for (error, consequence) in [
            (Error::NotTried, Resend),
            (Error::SeatTakenBySame { slot }, Failed),
            (Error::BondTooLow { bond: 0, least: 1 }, Failed),
            (early, Failed),
            (Error::SeatsTaken { seats: 3 }, Skip),
            (Error::NotNamed { slot }, Skip),
            (Error::NotInSet { slot, set: 2 }, Skip),
            (Error::FamilyFull { slot, most: 1 }, Skip),
            (record, Skip),
            (length, Skip),
            (Error::Barred { slot }, Barred),
        ] {
            assert_eq!(
                refusal_action(Purpose::Commit, &error),
                consequence,
                "{error}"
            );
            assert_eq!(
                refusal_action(Purpose::Answer, &error),
                consequence,
                "{error}"
            );
            let revealing = if consequence == Resend {
                Resend
            } else {
                Failed
            };
            assert_eq!(
                refusal_action(Purpose::Reveal, &error),
                revealing,
                "{error}"
            );
        }
    }
}
