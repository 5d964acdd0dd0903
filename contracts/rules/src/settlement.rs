//! Who gets what when a request ends: plain sums over one request.

use ink::prelude::vec::Vec;
use llm_oracle_primitives::{limits::share, Balance, SeatState};

use crate::{add, sub, tally::Ballot, times, End, Refusal, Request, Seat};

/// What one taken seat gets or loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeatSettlement {
    /// State the seat ends in.
    pub state: SeatState,
    /// Credited to the operator, planck.
    pub paid: Balance,
    /// Taken from the operator's bond, planck.
    pub forfeited: Balance,
    /// The owner's fee out of the reward, planck.
    pub fee: Balance,
    /// Part of the forfeit that goes to the requester, planck.
    pub compensation: Balance,
}

/// How the rewards, seat fees and seat bonds of a request are shared out. The delivery escrow is
/// not part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// One entry for each taken seat, in seat order.
    pub seats: Vec<SeatSettlement>,
    /// To the requester or its `refund_to`, planck.
    pub refund: Balance,
    /// To the owner, planck.
    pub fee: Balance,
    /// To the sink, planck.
    pub to_sink: Balance,
}

impl Settlement {
    /// Shares out what `request` holds, given how it ended and on what.
    ///
    /// # Errors
    /// `Overflow`, which the checks at the ask rule out.
    pub fn new(request: &Request, end: End, result: Option<&Ballot>) -> Result<Self, Refusal> {
        let total = request.seats.len() as u8; // At most 32.
        let vacant = total.saturating_sub(request.committed);
        let mut refund = add(
            times(request.reward, total)?,
            times(request.seat_fee, vacant)?,
        )?;
        let (mut fee, mut to_sink) = (0, 0);
        let mut seats = Vec::with_capacity(usize::from(request.committed));
        // A window too short for anybody to reveal in pays nobody.
        let compensated = request.revealed > 0;
        for seat in request.taken() {
            let one = settle_seat(request, seat, (end, result), compensated)?;
            refund = sub(refund, add(one.paid, one.fee)?)?;
            refund = add(refund, one.compensation)?;
            fee = add(fee, one.fee)?;
            to_sink = add(to_sink, sub(one.forfeited, one.compensation)?)?;
            seats.push(one);
        }
        Ok(Self {
            seats,
            refund,
            fee,
            to_sink,
        })
    }
}

impl Settlement {
    /// Takes the bond of a seat whose holder was barred, the requester's part first; what the seat
    /// earned stands.
    ///
    /// # Errors
    /// `Overflow`.
    pub fn forfeit(&mut self, index: usize, request: &Request) -> Result<(), Refusal> {
        let seat_bond = request.seat_bond;
        let Some(one) = self.seats.get_mut(index).filter(|one| one.forfeited == 0) else {
            return Ok(());
        };
        one.forfeited = seat_bond;
        one.compensation = compensation(request);
        self.refund = add(self.refund, one.compensation)?;
        self.to_sink = add(self.to_sink, sub(seat_bond, one.compensation)?)?;
        Ok(())
    }
}

/// What of a lost bond goes to the requester: what the seat cost it, so that nobody's silence is worth
/// anything to whoever asked; never more than the reward.
fn compensation(request: &Request) -> Balance {
    request.seat_bond.min(request.reward).min(request.seat_fee)
}

fn settle_seat(
    request: &Request,
    seat: &Seat,
    (end, result): (End, Option<&Ballot>),
    compensated: bool,
) -> Result<SeatSettlement, Refusal> {
    let state = end_state(request, seat, end, result);
    let effort = || share(request.reward, request.effort_ppm);
    let gross = match (end, state) {
        (_, SeatState::Agreed) => request.reward,
        // Work is paid whatever comes out.
        (_, SeatState::Dissented | SeatState::Inconclusive)
        | (End::Undetermined, SeatState::Abstained) => effort(),
        _ => 0,
    };
    let fee = share(gross, request.fee_ppm);
    let forfeited = if state == SeatState::Silent {
        request.seat_bond
    } else {
        0
    };
    Ok(SeatSettlement {
        state,
        paid: sub(gross, fee)?,
        forfeited,
        fee,
        compensation: if compensated {
            compensation(request).min(forfeited)
        } else {
            0
        },
    })
}

fn end_state(request: &Request, seat: &Seat, end: End, result: Option<&Ballot>) -> SeatState {
    if end == End::Expired {
        return SeatState::Released;
    }
    if seat.state() != SeatState::Revealed {
        return SeatState::Silent;
    }
    let ballot = seat.answer().map(|answer| Ballot::of_seat(&answer));
    match (ballot, result) {
        (Some(Ballot::Abstention(_)), _) => SeatState::Abstained,
        (Some(ballot), Some(result)) if ballot.agrees(&request.form, result) => SeatState::Agreed,
        (_, Some(_)) => SeatState::Dissented,
        (_, None) => SeatState::Inconclusive,
    }
}
