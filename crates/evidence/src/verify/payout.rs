//! The payments: the contract's rules, computed a second time.

use super::{Findings, OnChainRequest};
use llm_oracle_primitives::{limits::share, Outcome, RequestView, SeatState, SeatView};
use llm_oracle_rules::tally::Ballot;

/// Sums over the seats, planck.
#[derive(Default)]
struct Sums {
    fee: u128,
    paid: u128,
    compensation: u128,
}

/// Checks what each seat, the requester and the owner were credited at the end.
pub(super) fn check(subject: &OnChainRequest, outcome: &Outcome, found: &mut Findings) {
    let view = &subject.view;
    // A window too short for anybody to reveal in pays nobody.
    let compensated = view.seats.iter().any(|seat| seat.answer.is_some());
    let compensation = view.seat_bond.min(view.summary.reward).min(view.seat_fee);
    let mut sums = Sums::default();
    for (position, seat) in view.seats.iter().enumerate() {
        let what = format!("seat {position}");
        let state = end_state(seat, outcome, subject);
        if state != seat.state {
            found.wrong(format!(
                "{what} is {:?}, and should be {state:?}",
                seat.state
            ));
        }
        let gross = gross(state, outcome, view);
        let fee = share(gross, view.fee_ppm);
        found.same(
            &format!("the pay of {what}"),
            seat.paid,
            gross.saturating_sub(fee),
        );
        let forfeited = forfeit(subject, seat, state, found, &what);
        sums.fee = sums.fee.saturating_add(fee);
        sums.paid = sums.paid.saturating_add(gross);
        let part = if compensated || state != SeatState::Silent {
            forfeited.min(compensation)
        } else {
            0
        };
        sums.compensation = sums.compensation.saturating_add(part);
    }
    let vacant = view.summary.seats.saturating_sub(view.summary.committed);
    let escrow = view
        .summary
        .reward
        .saturating_mul(view.summary.seats.into())
        .saturating_add(view.seat_fee.saturating_mul(vacant.into()));
    let refund = escrow
        .saturating_sub(sums.paid)
        .saturating_add(sums.compensation);
    found.same("the refund", view.refund, refund);
    found.same("the owner's fee", view.fee, sums.fee);
}

fn forfeit(
    subject: &OnChainRequest,
    seat: &SeatView,
    state: SeatState,
    found: &mut Findings,
    what: &str,
) -> u128 {
    let bond = subject.view.seat_bond;
    let barred = subject.barred.contains(&seat.operator);
    let silent = state == SeatState::Silent;
    // A barred operator may have been barred before the end or after it.
    if !(barred && !silent && [0, bond].contains(&seat.forfeited)) {
        let expected = if silent { bond } else { 0 };
        found.same(&format!("the forfeit of {what}"), seat.forfeited, expected);
    }
    seat.forfeited
}

fn gross(state: SeatState, outcome: &Outcome, view: &RequestView) -> u128 {
    let reward = view.summary.reward;
    match (outcome, state) {
        (_, SeatState::Agreed) => reward,
        // Work is paid whatever comes out.
        (_, SeatState::Dissented | SeatState::Inconclusive)
        | (Outcome::Undetermined { .. }, SeatState::Abstained) => share(reward, view.effort_ppm),
        _ => 0,
    }
}

fn end_state(seat: &SeatView, outcome: &Outcome, subject: &OnChainRequest) -> SeatState {
    let form = llm_oracle_rules::Form::of(&subject.terms.answer);
    let ballot = seat.answer.as_ref().map(Ballot::of_seat);
    match (outcome, ballot) {
        (Outcome::Expired, _) => SeatState::Released,
        (_, None) => SeatState::Silent,
        (_, Some(Ballot::Abstention(_))) => SeatState::Abstained,
        (Outcome::Answered { answer, .. }, Some(ballot))
            if ballot.agrees(&form, &Ballot::of(answer)) =>
        {
            SeatState::Agreed
        }
        (Outcome::Answered { .. }, _) => SeatState::Dissented,
        _ => SeatState::Inconclusive,
    }
}
