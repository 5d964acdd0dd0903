#![allow(clippy::unwrap_used)]

use super::{
    super::samples::{self, DEPLOYMENT},
    *,
};
use llm_oracle_primitives::Answer;

const BEST: BlockNumber = 20;

type Change = fn(&mut RequestView, &mut SignedEntry);

fn commitment(entry: &mut SignedEntry) -> &mut CommitEntry {
    match &mut entry.payload {
        Payload::Commit(entry) => entry,
        Payload::Reveal(_) => panic!("a commit"),
    }
}

fn opening(entry: &mut SignedEntry) -> &mut RevealEntry {
    match &mut entry.payload {
        Payload::Reveal(entry) => entry,
        Payload::Commit(_) => panic!("a reveal"),
    }
}

#[test]
fn a_commit_is_submitted_only_if_the_contract_would_take_it() {
    use EntryFault::{OneStep, Signature, Unsigned};
    use EntryVerdict::{Early, Invalid, Obsolete, Valid};
    let table: [(&str, Change, EntryVerdict); 16] = [
        ("as it is", |_, _| {}, Valid),
        (
            "last block",
            |view, _| view.summary.commit_deadline = 21,
            Valid,
        ),
        (
            "too late",
            |view, _| view.summary.commit_deadline = 20,
            Obsolete,
        ),
        ("opens now", |view, _| view.summary.opens_at = 21, Valid),
        ("opens later", |view, _| view.summary.opens_at = 22, Early),
        (
            "reveals are on",
            |view, _| view.summary.phase = Phase::Revealing,
            Obsolete,
        ),
        (
            "ended",
            |view, _| view.summary.phase = Phase::Ended,
            Obsolete,
        ),
        ("full", |view, _| view.summary.committed = 3, Obsolete),
        (
            "seated",
            |view, _| view.seats = samples::view(7, Phase::Committing, &[samples::id(1)]).seats,
            Obsolete,
        ),
        ("one step", |view, _| view.one_step = true, Invalid(OneStep)),
        (
            "another slot",
            |_, entry| commitment(entry).slot = 9,
            Invalid(EntryFault::Slot),
        ),
        (
            "no signature",
            |_, entry| commitment(entry).signature = None,
            Invalid(Unsigned),
        ),
        (
            "another commitment",
            |_, entry| commitment(entry).commitment[0] ^= 1,
            Invalid(Signature),
        ),
        (
            "another evidence",
            |_, entry| commitment(entry).evidence[0] ^= 1,
            Invalid(Signature),
        ),
        (
            "other terms",
            |view, _| view.terms_digest[0] ^= 1,
            Invalid(Signature),
        ),
        (
            "another operator",
            |_, entry| entry.operator = samples::id(2),
            Invalid(Signature),
        ),
    ];
    for (name, change, verdict) in table {
        let mut view = samples::view(7, Phase::Committing, &[]);
        let mut entry = samples::commit(7, 1);
        change(&mut view, &mut entry);
        let slot = Some(samples::SLOT);
        let found = check(&DEPLOYMENT, &view, slot, (&entry, false), BEST);
        assert_eq!(found, verdict, "{name}");
    }
    let entry = samples::commit(7, 1);
    let view = samples::view(7, Phase::Committing, &[]);
    let unregistered = check(&DEPLOYMENT, &view, None, (&entry, false), BEST);
    assert_eq!(unregistered, Invalid(EntryFault::Slot));
}

#[test]
fn a_permission_that_has_run_out_or_was_stretched_is_not_submitted() {
    let view = samples::view(7, Phase::Committing, &[]);
    let mut entry = samples::commit(7, 1);
    let (until, signature) = commitment(&mut entry).signature.unwrap();
    let at = |entry: &SignedEntry, best| {
        check(
            &DEPLOYMENT,
            &view,
            Some(samples::SLOT),
            (entry, false),
            best,
        )
    };
    assert_eq!(at(&entry, until.saturating_sub(1)), EntryVerdict::Valid);
    assert_eq!(at(&entry, until), EntryVerdict::Obsolete);
    commitment(&mut entry).signature = Some((until.saturating_add(9), signature));
    assert_eq!(
        at(&entry, BEST),
        EntryVerdict::Invalid(EntryFault::Signature)
    );
}

#[test]
fn nothing_signed_for_another_deployment_is_carried() {
    let view = samples::view(7, Phase::Committing, &[]);
    let seats = samples::view(7, Phase::Revealing, &[samples::id(1)]);
    for deployment in [
        DeploymentId {
            domain: [0; 32],
            ..DEPLOYMENT
        },
        DeploymentId {
            contract: [0; 32],
            ..DEPLOYMENT
        },
    ] {
        let slot = Some(samples::SLOT);
        let commit = check(
            &deployment,
            &view,
            slot,
            (&samples::commit(7, 1), false),
            BEST,
        );
        assert_eq!(commit, EntryVerdict::Invalid(EntryFault::Signature));
        let reveal = check(
            &deployment,
            &seats,
            slot,
            (&samples::reveal(7, 1), false),
            BEST,
        );
        assert_eq!(reveal, EntryVerdict::Invalid(EntryFault::Commitment));
    }
}

#[test]
fn a_reveal_is_carried_only_if_it_opens_its_own_seat() {
    use EntryFault::{Commitment, NoSeat, Signature};
    use EntryVerdict::{Early, Invalid, Obsolete, Valid};
    let table: [(&str, Change, EntryVerdict); 13] = [
        ("as it is", |_, _| {}, Valid),
        (
            "not yet",
            |view, _| view.summary.phase = Phase::Committing,
            Early,
        ),
        (
            "ended",
            |view, _| view.summary.phase = Phase::Ended,
            Obsolete,
        ),
        (
            "last block",
            |view, _| view.summary.reveal_deadline = 21,
            Valid,
        ),
        (
            "too late",
            |view, _| view.summary.reveal_deadline = 20,
            Obsolete,
        ),
        (
            "revealed",
            |view, _| view.seats[0].state = SeatState::Revealed,
            Obsolete,
        ),
        ("no seat", |view, _| view.seats.clear(), Invalid(NoSeat)),
        (
            "another slot",
            |_, entry| opening(entry).slot = 9,
            Invalid(EntryFault::Slot),
        ),
        (
            "another answer",
            |_, entry| opening(entry).answer = Answer::Bool(false),
            Invalid(Commitment),
        ),
        (
            "another salt",
            |_, entry| opening(entry).salt[0] ^= 1,
            Invalid(Commitment),
        ),
        (
            "another commitment",
            |view, _| view.seats[0].commitment[0] ^= 1,
            Invalid(Commitment),
        ),
        (
            "another signature",
            |_, entry| opening(entry).signature[0] ^= 1,
            Invalid(Signature),
        ),
        (
            "another operator",
            |_, entry| entry.operator = samples::id(2),
            Invalid(NoSeat),
        ),
    ];
    for (name, change, verdict) in table {
        let mut view = samples::view(7, Phase::Revealing, &[samples::id(1)]);
        let mut entry = samples::reveal(7, 1);
        change(&mut view, &mut entry);
        let found = check(&DEPLOYMENT, &view, None, (&entry, false), BEST);
        assert_eq!(found, verdict, "{name}");
    }
}
