//! Whether an entry of a peer may be submitted, as far as a finalized block shows. The dry run finds the
//! rest.

use super::wire::{DeploymentId, OperatorId, Payload, SignedEntry};
use llm_oracle_primitives::{
    digest::{self, Context},
    BlockNumber, CommitEntry, Phase, RequestView, RevealEntry, SeatState, Slot,
};
use llm_oracle_signing::verifies;

/// Result of the check of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryVerdict {
    /// It may be submitted.
    Valid,
    /// Too early: the finalized block does not show its phase yet.
    Early,
    /// No longer needed: it has taken effect already, or its time is over.
    Obsolete,
    /// Invalid: no honest relayer hands it off.
    Invalid(EntryFault),
}

/// Why an entry is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryFault {
    /// A commit without a signature, which only its operator could submit.
    Unsigned,
    /// Not the operator's slot.
    Slot,
    /// A reveal of a seat that does not exist.
    NoSeat,
    /// A commit for a request that takes answers in one step.
    OneStep,
    /// The answer does not open the commitment.
    Commitment,
    /// Not signed by the operator, or signed for something else.
    Signature,
}

impl EntryFault {
    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Slot => "slot",
            Self::NoSeat => "no_seat",
            Self::OneStep => "one_step",
            Self::Commitment => "commitment",
            Self::Signature => "signature",
        }
    }
}

/// Checks an entry against its request as the finalized block shows it, the slot that the contract has for
/// its operator, and the height of the best block: it would be included in the block above that one.
/// `verified` says that its signature was valid before: it is not verified again, since nothing that it
/// signs can change.
pub fn check(
    deployment: &DeploymentId,
    view: &RequestView,
    slot: Option<Slot>,
    (entry, verified): (&SignedEntry, bool),
    best: BlockNumber,
) -> EntryVerdict {
    let lands = best.saturating_add(1);
    let checked = match &entry.payload {
        Payload::Commit(commit) => check_commit(
            deployment,
            view,
            slot,
            (&entry.operator, commit, verified),
            lands,
        ),
        Payload::Reveal(reveal) => {
            check_reveal(deployment, view, (&entry.operator, reveal, verified), lands)
        }
    };
    checked.err().unwrap_or(EntryVerdict::Valid)
}

fn check_commit(
    deployment: &DeploymentId,
    view: &RequestView,
    slot: Option<Slot>,
    (operator, entry, verified): (&OperatorId, &CommitEntry, bool),
    lands: BlockNumber,
) -> Result<(), EntryVerdict> {
    let summary = &view.summary;
    let seated = view.seats.iter().any(|seat| id_of(seat) == operator);
    ensure(!view.one_step, EntryVerdict::Invalid(EntryFault::OneStep))?;
    ensure(
        slot == Some(entry.slot),
        EntryVerdict::Invalid(EntryFault::Slot),
    )?;
    let signature = entry
        .signature
        .ok_or(EntryVerdict::Invalid(EntryFault::Unsigned));
    let (valid_until, signature) = signature?;
    let context = context(deployment, view, operator);
    let (commitment, evidence) = (&entry.commitment, &entry.evidence);
    let message = digest::seat_message(&context, commitment, evidence, valid_until);
    let verified = verified || verifies(&signature, &message, &(*operator).into());
    ensure(verified, EntryVerdict::Invalid(EntryFault::Signature))?;
    // What waits at the finalized block may be open in the next one.
    let open = matches!(summary.phase, Phase::Waiting | Phase::Committing)
        && summary.committed < summary.seats;
    ensure(open && !seated, EntryVerdict::Obsolete)?;
    ensure(lands <= summary.commit_deadline, EntryVerdict::Obsolete)?;
    ensure(lands <= valid_until, EntryVerdict::Obsolete)?;
    ensure(lands >= summary.opens_at, EntryVerdict::Early)
}

fn check_reveal(
    deployment: &DeploymentId,
    view: &RequestView,
    (operator, entry, verified): (&OperatorId, &RevealEntry, bool),
    lands: BlockNumber,
) -> Result<(), EntryVerdict> {
    match view.summary.phase {
        Phase::Waiting | Phase::Committing => return Err(EntryVerdict::Early),
        Phase::Ended => return Err(EntryVerdict::Obsolete),
        Phase::Revealing => {}
    }
    ensure(
        lands <= view.summary.reveal_deadline,
        EntryVerdict::Obsolete,
    )?;
    let seat = view.seats.iter().find(|seat| id_of(seat) == operator);
    let seat = seat.ok_or(EntryVerdict::Invalid(EntryFault::NoSeat))?;
    ensure(
        seat.slot == entry.slot,
        EntryVerdict::Invalid(EntryFault::Slot),
    )?;
    ensure(seat.state == SeatState::Committed, EntryVerdict::Obsolete)?;
    let context = context(deployment, view, operator);
    let (answer, evidence) = (&entry.answer, &seat.evidence);
    let confidence = view.signed_confidence(entry.confidence);
    let opened = digest::commitment(&context, answer, confidence, evidence, &entry.salt);
    let opens = opened == seat.commitment;
    ensure(opens, EntryVerdict::Invalid(EntryFault::Commitment))?;
    let message = digest::answer_message(&context, answer, confidence, evidence);
    let verified = verified || verifies(&entry.signature, &message, &(*operator).into());
    ensure(verified, EntryVerdict::Invalid(EntryFault::Signature))
}

fn ensure(holds: bool, otherwise: EntryVerdict) -> Result<(), EntryVerdict> {
    if holds {
        Ok(())
    } else {
        Err(otherwise)
    }
}

fn id_of(seat: &llm_oracle_primitives::SeatView) -> &OperatorId {
    seat.operator.as_ref()
}

fn context(deployment: &DeploymentId, view: &RequestView, operator: &OperatorId) -> Context {
    Context {
        domain: deployment.domain,
        contract: deployment.contract.into(),
        request_id: view.summary.request_id,
        terms_digest: view.terms_digest,
        round: 0,
        phase: 0,
        operator: (*operator).into(),
        model: 0,
    }
}

#[cfg(test)]
#[path = "entry_check_tests.rs"]
mod tests;
