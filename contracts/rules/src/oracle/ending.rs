//! Settling, delivering and removing requests.

use ink::prelude::vec::Vec;
use llm_oracle_primitives::{
    event::{Delivered, DeliveryFailed, Ended, Event, Payout, Pruned},
    limits::DELIVERY_RESERVE_REF_TIME,
    AccountId, Balance, BlockNumber, DeliveryStatus, Error, Outcome, RequestId, SeatState,
};

use super::Oracle;
use crate::{add, refuse, text::read_text, Delivery, Host, Refusal, Request, Settlement};

impl<H: Host> Oracle<H> {
    /// Settles a request whose end has come; the caller writes it. False: nothing to do.
    pub(super) fn settle_if_ended(
        &mut self,
        id: RequestId,
        request: &mut Request,
    ) -> Result<bool, Refusal> {
        let now = self.host.block();
        if request.due_since(now).is_none() {
            return Ok(false);
        }
        self.settle(id, request, now)?;
        Ok(true)
    }

    /// What [`Self::settle_if_ended`] does in one call of some. The chain compiles the functions that a
    /// call enters, and the call pays for it: about 9 ns for each byte.
    #[inline(never)]
    fn settle(
        &mut self,
        id: RequestId,
        request: &mut Request,
        now: BlockNumber,
    ) -> Result<(), Refusal> {
        let Some(mut settlement) = request.settle(now)? else {
            return Ok(());
        };
        let payouts = self.pay_seats(request, &mut settlement)?;
        if !request.named.is_empty() {
            self.record_no_shows(request)?;
        }
        self.fold(id, request, now);
        let Settlement {
            refund, fee, sunk, ..
        } = settlement;
        request.refund = refund;
        self.credit(&request.beneficiary, refund)?;
        if fee > 0 || sunk > 0 {
            let house = self.change_house();
            house.owner_credit = add(house.owner_credit, fee)?;
            house.sink_credit = add(house.sink_credit, sunk)?;
        }
        // A settled request always has an outcome: an agreed text was stored by the reveal that made
        // it one.
        let outcome = self.outcome(id, request).unwrap_or(Outcome::Expired);
        self.host.emit(Event::Ended(Ended {
            request_id: id,
            outcome,
            payouts,
            refund,
            fee,
            sunk,
        }));
        Ok(())
    }

    /// Does what the beacon and the block number have decided; the caller writes it. Drawn first, for
    /// whoever was drawn and never came has a no-show. False: nothing to do.
    pub(super) fn draw_and_settle(
        &mut self,
        id: RequestId,
        request: &mut Request,
    ) -> Result<bool, Refusal> {
        let drawn = self.draw_if_due(id, request)?;
        Ok(self.settle_if_ended(id, request)? || drawn)
    }

    /// The outcome of a settled request.
    pub(super) fn outcome(&self, id: RequestId, request: &Request) -> Option<Outcome> {
        request.outcome(|| read_text(&request.form, &self.host.text(id)?))
    }

    fn pay_seats(
        &mut self,
        request: &mut Request,
        settlement: &mut Settlement,
    ) -> Result<Vec<Payout>, Refusal> {
        let (reward, seat_bond) = (request.reward, request.seat_bond);
        let mut payouts = Vec::with_capacity(settlement.seats.len());
        for (seat, index) in request.seats.iter_mut().zip(0..settlement.seats.len()) {
            let slot = seat.slot;
            let mut operator = self.operator(slot)?;
            if operator.is_barred() {
                seat.bond_lost = 1;
                settlement.forfeit(index, seat_bond, reward)?;
            }
            let Some(one) = settlement.seats.get(index) else {
                break;
            };
            operator.unlock(seat_bond, one.state, one.paid, one.forfeited)?;
            self.set_operator(slot, &operator);
            payouts.push(Payout {
                operator: operator.id(),
                slot,
                agreed: one.state == SeatState::Agreed,
                paid: one.paid,
                forfeited: one.forfeited,
            });
        }
        Ok(payouts)
    }

    /// Hands the outcome of an ended request to its requester. The first successful delivery earns
    /// the carrier the escrow; a failed one is counted and can be tried again.
    ///
    /// # Errors
    /// `CallerNotOrigin`, `NoSuchRequest`, `NotEnded`, `NoCallback`, `AlreadyDelivered`,
    /// `Delivering`, `GasTooLow`.
    pub fn deliver(&mut self, id: RequestId) -> Result<DeliveryStatus, Refusal> {
        // A contract in between could starve the callback with a deep call stack.
        if !self.host.caller_is_origin() {
            return refuse(Error::CallerNotOrigin);
        }
        let mut request = self.stored(id)?;
        match request.delivery {
            Delivery::None => return refuse(Error::NoCallback),
            Delivery::Running => return refuse(Error::Delivering),
            Delivery::Done => return refuse(Error::AlreadyDelivered),
            Delivery::Waiting => {}
        }
        self.draw_and_settle(id, &mut request)?;
        let outcome = self.outcome(id, &request).ok_or(Error::NotEnded)?;
        let limits = request.callback.ok_or(Error::NoCallback)?;
        request.delivery = Delivery::Running;
        self.host.set_request(id, &request);
        self.flush_and_forget();

        let left = self.host.gas_left();
        let needed = limits.ref_time.saturating_add(DELIVERY_RESERVE_REF_TIME);
        if left < needed {
            return refuse(Error::GasTooLow { left, needed });
        }
        let taken = self
            .host
            .call_back(&request.requester, &limits, id, &outcome);
        self.after_delivery(id, taken)
    }

    /// Nothing read before the callback is used here: it may have called any message.
    fn after_delivery(&mut self, id: RequestId, taken: bool) -> Result<DeliveryStatus, Refusal> {
        let mut request = self.stored(id)?;
        if taken {
            let carrier = self.host.caller();
            let earned = core::mem::take(&mut request.escrow);
            request.delivery = Delivery::Done;
            self.credit_carrier(&carrier, earned)?;
            self.host.emit(Event::Delivered(Delivered {
                request_id: id,
                carrier,
                earned,
            }));
        } else {
            request.delivery = Delivery::Waiting;
            request.failures = request.failures.saturating_add(1);
            let failures = request.failures;
            self.host.emit(Event::DeliveryFailed(DeliveryFailed {
                request_id: id,
                failures,
            }));
        }
        self.host.set_request(id, &request);
        Ok(request.delivery_status())
    }

    /// Credits a carrier: an operator in its own account, which is there already. A cell opened for
    /// it would cost its transaction a deposit that whoever calls `withdraw` collects.
    pub(super) fn credit_carrier(
        &mut self,
        carrier: &AccountId,
        earned: Balance,
    ) -> Result<(), Refusal> {
        let Some(slot) = self.host.slot_of(carrier) else {
            return self.credit(carrier, earned);
        };
        let mut operator = self.operator(slot)?;
        operator.earn(earned)?;
        self.set_operator(slot, &operator);
        Ok(())
    }

    /// Removes everything stored about an ended request; the storage deposit goes to the caller's
    /// transaction, an unearned delivery escrow to the requester's credit.
    ///
    /// # Errors
    /// `NoSuchRequest`, `NotEnded`, `Delivering`, `NotPrunableYet`.
    pub fn prune(&mut self, id: RequestId) -> Result<(), Refusal> {
        let mut request = self.stored(id)?;
        self.draw_and_settle(id, &mut request)?;
        request.can_prune(&self.host.caller(), self.host.block())?;
        let refund = request.escrow;
        self.credit(&request.beneficiary, refund)?;
        self.close_account(&request.beneficiary);
        self.host.remove_request(id);
        self.host.emit(Event::Pruned(Pruned {
            request_id: id,
            refund,
        }));
        Ok(())
    }
}
