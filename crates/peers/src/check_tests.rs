#![allow(clippy::unwrap_used)]

use super::{
    super::sample::{self, DEPLOYMENT},
    *,
};
use llm_oracle_primitives::Answer;

const BEST: BlockNumber = 20;

type Change = fn(&mut RequestView, &mut Handed);

fn entry(handed: &mut Handed) -> &mut CommitEntry {
    match &mut handed.load {
        Load::Commit(entry) => entry,
        Load::Reveal(_) => panic!("a commit"),
    }
}

fn opening(handed: &mut Handed) -> &mut RevealEntry {
    match &mut handed.load {
        Load::Reveal(entry) => entry,
        Load::Commit(_) => panic!("a reveal"),
    }
}

#[test]
fn a_commit_is_carried_only_if_the_contract_would_take_it() {
    use Fault::{OneStep, Signature, Unsigned};
    use Verdict::{Early, Fit, Over, Wrong};
    let table: [(&str, Change, Verdict); 16] = [
        ("as it is", |_, _| {}, Fit),
        (
            "last block",
            |view, _| view.summary.commit_deadline = 21,
            Fit,
        ),
        (
            "too late",
            |view, _| view.summary.commit_deadline = 20,
            Over,
        ),
        ("opens now", |view, _| view.summary.opens_at = 21, Fit),
        ("opens later", |view, _| view.summary.opens_at = 22, Early),
        (
            "reveals are on",
            |view, _| view.summary.phase = Phase::Revealing,
            Over,
        ),
        ("ended", |view, _| view.summary.phase = Phase::Ended, Over),
        ("full", |view, _| view.summary.committed = 3, Over),
        (
            "seated",
            |view, _| view.seats = sample::view(7, Phase::Committing, &[sample::id(1)]).seats,
            Over,
        ),
        ("one step", |view, _| view.one_step = true, Wrong(OneStep)),
        (
            "another slot",
            |_, handed| entry(handed).slot = 9,
            Wrong(Fault::Slot),
        ),
        (
            "no signature",
            |_, handed| entry(handed).signature = None,
            Wrong(Unsigned),
        ),
        (
            "another commitment",
            |_, handed| entry(handed).commitment[0] ^= 1,
            Wrong(Signature),
        ),
        (
            "another evidence",
            |_, handed| entry(handed).evidence[0] ^= 1,
            Wrong(Signature),
        ),
        (
            "other terms",
            |view, _| view.terms_digest[0] ^= 1,
            Wrong(Signature),
        ),
        (
            "another operator",
            |_, handed| handed.operator = sample::id(2),
            Wrong(Signature),
        ),
    ];
    for (name, change, verdict) in table {
        let mut view = sample::view(7, Phase::Committing, &[]);
        let mut handed = sample::commit(7, 1);
        change(&mut view, &mut handed);
        let slot = Some(sample::SLOT);
        let found = check(&DEPLOYMENT, &view, slot, (&handed, false), BEST);
        assert_eq!(found, verdict, "{name}");
    }
    let handed = sample::commit(7, 1);
    let view = sample::view(7, Phase::Committing, &[]);
    let unregistered = check(&DEPLOYMENT, &view, None, (&handed, false), BEST);
    assert_eq!(unregistered, Wrong(Fault::Slot));
}

#[test]
fn a_permission_that_has_run_out_or_was_stretched_is_not_carried() {
    let view = sample::view(7, Phase::Committing, &[]);
    let mut handed = sample::commit(7, 1);
    let (until, signature) = entry(&mut handed).signature.unwrap();
    let at = |handed: &Handed, best| {
        check(
            &DEPLOYMENT,
            &view,
            Some(sample::SLOT),
            (handed, false),
            best,
        )
    };
    assert_eq!(at(&handed, until.saturating_sub(1)), Verdict::Fit);
    assert_eq!(at(&handed, until), Verdict::Over);
    entry(&mut handed).signature = Some((until.saturating_add(9), signature));
    assert_eq!(at(&handed, BEST), Verdict::Wrong(Fault::Signature));
}

#[test]
fn nothing_signed_for_another_deployment_is_carried() {
    let view = sample::view(7, Phase::Committing, &[]);
    let seats = sample::view(7, Phase::Revealing, &[sample::id(1)]);
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
        let slot = Some(sample::SLOT);
        let commit = check(
            &deployment,
            &view,
            slot,
            (&sample::commit(7, 1), false),
            BEST,
        );
        assert_eq!(commit, Verdict::Wrong(Fault::Signature));
        let reveal = check(
            &deployment,
            &seats,
            slot,
            (&sample::reveal(7, 1), false),
            BEST,
        );
        assert_eq!(reveal, Verdict::Wrong(Fault::Commitment));
    }
}

#[test]
fn a_reveal_is_carried_only_if_it_opens_its_own_seat() {
    use Fault::{Commitment, NoSeat, Signature};
    use Verdict::{Early, Fit, Over, Wrong};
    let table: [(&str, Change, Verdict); 13] = [
        ("as it is", |_, _| {}, Fit),
        (
            "not yet",
            |view, _| view.summary.phase = Phase::Committing,
            Early,
        ),
        ("ended", |view, _| view.summary.phase = Phase::Ended, Over),
        (
            "last block",
            |view, _| view.summary.reveal_deadline = 21,
            Fit,
        ),
        (
            "too late",
            |view, _| view.summary.reveal_deadline = 20,
            Over,
        ),
        (
            "revealed",
            |view, _| view.seats[0].state = SeatState::Revealed,
            Over,
        ),
        ("no seat", |view, _| view.seats.clear(), Wrong(NoSeat)),
        (
            "another slot",
            |_, handed| opening(handed).slot = 9,
            Wrong(Fault::Slot),
        ),
        (
            "another answer",
            |_, handed| opening(handed).answer = Answer::Bool(false),
            Wrong(Commitment),
        ),
        (
            "another salt",
            |_, handed| opening(handed).salt[0] ^= 1,
            Wrong(Commitment),
        ),
        (
            "another commitment",
            |view, _| view.seats[0].commitment[0] ^= 1,
            Wrong(Commitment),
        ),
        (
            "another signature",
            |_, handed| opening(handed).signature[0] ^= 1,
            Wrong(Signature),
        ),
        (
            "another operator",
            |_, handed| handed.operator = sample::id(2),
            Wrong(NoSeat),
        ),
    ];
    for (name, change, verdict) in table {
        let mut view = sample::view(7, Phase::Revealing, &[sample::id(1)]);
        let mut handed = sample::reveal(7, 1);
        change(&mut view, &mut handed);
        let found = check(&DEPLOYMENT, &view, None, (&handed, false), BEST);
        assert_eq!(found, verdict, "{name}");
    }
}
