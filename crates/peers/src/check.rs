//! Whether an entry of a peer may be carried: all that can be told from what the finalized block shows.
//! The dry run finds the rest.

use super::wire::{DeploymentId, Handed, Id, Load};
use llm_oracle_primitives::{
    digest::{self, Context},
    BlockNumber, CommitEntry, Phase, RequestView, RevealEntry, SeatState, Slot,
};
use llm_oracle_signing::verifies;

/// What follows from looking at an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be carried.
    Fit,
    /// The finalized block does not show yet what it is for.
    Early,
    /// It has come true without us, or can't any more.
    Over,
    /// No honest relayer hands this over.
    Wrong(Fault),
}

/// What no honest relayer hands over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A commit without a signature, which only its operator could carry.
    Unsigned,
    /// Another operator's slot, or none.
    Slot,
    /// A reveal of a seat that there is not.
    NoSeat,
    /// A commit for a request that is answered in one step.
    OneStep,
    /// The answer does not open the commitment.
    Commitment,
    /// Not signed by the operator, or signed for something else.
    Signature,
}

impl Fault {
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

/// Looks at an entry, with its request as the finalized block shows it, the slot that the contract has
/// for its operator, and the height of the best block, above which it would land. The signature of one that
/// was fit before is not looked at again: it waits for others, and none of what it signs can change.
pub fn check(
    deployment: &DeploymentId,
    view: &RequestView,
    slot: Option<Slot>,
    foreign: (&Handed, bool),
    best: BlockNumber,
) -> Verdict {
    let (handed, signed) = foreign;
    let lands = best.saturating_add(1);
    let judged = match &handed.load {
        Load::Commit(entry) => commit(
            deployment,
            view,
            slot,
            (&handed.operator, entry, signed),
            lands,
        ),
        Load::Reveal(entry) => reveal(deployment, view, (&handed.operator, entry, signed), lands),
    };
    judged.err().unwrap_or(Verdict::Fit)
}

fn commit(
    deployment: &DeploymentId,
    view: &RequestView,
    slot: Option<Slot>,
    (operator, entry, signed): (&Id, &CommitEntry, bool),
    lands: BlockNumber,
) -> Result<(), Verdict> {
    let summary = &view.summary;
    let seated = view.seats.iter().any(|seat| id_of(seat) == operator);
    ensure(!view.one_step, Verdict::Wrong(Fault::OneStep))?;
    ensure(slot == Some(entry.slot), Verdict::Wrong(Fault::Slot))?;
    let signature = entry.signature.ok_or(Verdict::Wrong(Fault::Unsigned));
    let (valid_until, signature) = signature?;
    let open = summary.phase == Phase::Committing && summary.committed < summary.seats;
    ensure(open && !seated, Verdict::Over)?;
    ensure(lands <= summary.commit_deadline, Verdict::Over)?;
    ensure(lands <= valid_until, Verdict::Over)?;
    ensure(lands >= summary.opens_at, Verdict::Early)?;
    let context = context(deployment, view, operator, entry.model);
    let (commitment, evidence) = (&entry.commitment, &entry.evidence);
    let message = digest::seat_message(&context, commitment, evidence, valid_until);
    let signed = signed || verifies(&signature, &message, &(*operator).into());
    ensure(signed, Verdict::Wrong(Fault::Signature))
}

fn reveal(
    deployment: &DeploymentId,
    view: &RequestView,
    (operator, entry, signed): (&Id, &RevealEntry, bool),
    lands: BlockNumber,
) -> Result<(), Verdict> {
    match view.summary.phase {
        Phase::Committing => return Err(Verdict::Early),
        Phase::Ended => return Err(Verdict::Over),
        Phase::Revealing => {}
    }
    ensure(lands <= view.summary.reveal_deadline, Verdict::Over)?;
    let seat = view.seats.iter().find(|seat| id_of(seat) == operator);
    let seat = seat.ok_or(Verdict::Wrong(Fault::NoSeat))?;
    ensure(seat.slot == entry.slot, Verdict::Wrong(Fault::Slot))?;
    ensure(seat.state == SeatState::Committed, Verdict::Over)?;
    let context = context(deployment, view, operator, seat.model);
    let opened = digest::commitment(&context, &entry.answer, &seat.evidence, &entry.salt);
    let opens = opened == seat.commitment;
    ensure(opens, Verdict::Wrong(Fault::Commitment))?;
    let message = digest::answer_message(&context, &entry.answer, &seat.evidence);
    let signed = signed || verifies(&entry.signature, &message, &(*operator).into());
    ensure(signed, Verdict::Wrong(Fault::Signature))
}

fn ensure(holds: bool, otherwise: Verdict) -> Result<(), Verdict> {
    if holds {
        Ok(())
    } else {
        Err(otherwise)
    }
}

fn id_of(seat: &llm_oracle_primitives::SeatView) -> &Id {
    seat.operator.as_ref()
}

fn context(deployment: &DeploymentId, view: &RequestView, operator: &Id, model: u32) -> Context {
    Context {
        domain: deployment.domain,
        contract: deployment.contract.into(),
        request_id: view.summary.request_id,
        terms_digest: view.terms_digest,
        round: 0,
        phase: 0,
        operator: (*operator).into(),
        model,
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
