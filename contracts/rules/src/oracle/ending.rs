//! Settling, delivering and removing requests.

use ink::prelude::vec::Vec;
use llm_oracle_primitives::{
    event::{Delivered, DeliveryFailed, DeliveryFunded, Ended, Event, Payout, Pruned},
    limits::DELIVERY_RESERVE_REF_TIME,
    AccountId, Balance, BlockNumber, DeliveryStatus, Error, Outcome, RequestId, SeatState,
};

use super::{ask::price_of_attempt, Oracle};
use crate::{add, refuse, sub, text::read_text, Delivery, Host, Refusal, Request, Settlement};

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
        let Settlement {
            refund,
            fee,
            to_sink,
            ..
        } = settlement;
        request.refund = refund;
        self.credit(&request.beneficiary, refund)?;
        if fee > 0 || to_sink > 0 {
            let treasury = self.change_treasury();
            treasury.owner_credit = add(treasury.owner_credit, fee)?;
            treasury.sink_credit = add(treasury.sink_credit, to_sink)?;
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
            to_sink,
        }));
        Ok(())
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
        let mut payouts = Vec::with_capacity(settlement.seats.len());
        for index in 0..settlement.seats.len() {
            let Some(slot) = request.seats.get(index).map(|seat| seat.slot) else {
                break;
            };
            let mut operator = self.operator(slot)?;
            if operator.is_barred() {
                request.lose_bond(index);
                settlement.forfeit(index, request)?;
            }
            let Some(one) = settlement.seats.get(index) else {
                break;
            };
            operator.unlock(request.seat_bond, one.state, one.paid, one.forfeited)?;
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

    /// Hands the outcome of an ended request to its requester. An attempt of a transmitter that has a seat
    /// in the request earns its price, once, whether the callback takes the
    /// outcome or not; success earns the rest of the escrow, whoever sent it. A failed one can be tried
    /// again.
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
        request.can_deliver()?;
        self.settle_if_ended(id, &mut request)?;
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
        let transmitter = self.host.caller();
        let price = request.delivery_price();
        let mut earned = 0;
        if price > 0 && self.may_earn_price(&request, &transmitter)? {
            earned = price;
            request.set_delivery_price(0);
        }
        if taken {
            request.delivery = Delivery::Done;
            let unearned = request.delivery_price();
            earned = sub(request.escrow, unearned)?;
        } else {
            request.delivery = Delivery::Waiting;
            request.failures = request.failures.saturating_add(1);
        }
        request.escrow = sub(request.escrow, earned)?;
        self.credit_transmitter(&transmitter, earned)?;
        self.host.emit(if taken {
            Event::Delivered(Delivered {
                request_id: id,
                transmitter,
                earned,
            })
        } else {
            Event::DeliveryFailed(DeliveryFailed {
                request_id: id,
                failures: request.failures,
                transmitter,
                earned,
            })
        });
        self.host.set_request(id, &request);
        Ok(request.delivery_status())
    }

    /// Whether an attempt of this transmitter earns its price: that of an operator with a seat, or of any
    /// operator with a bond where nobody took one. A stranger's attempts use nobody's pay up.
    fn may_earn_price(
        &mut self,
        request: &Request,
        transmitter: &AccountId,
    ) -> Result<bool, Refusal> {
        let Some(slot) = self.host.slot_of(transmitter) else {
            return Ok(false);
        };
        if request.committed > 0 {
            return Ok(request.seat_index(slot).is_some());
        }
        Ok(self.operator(slot)?.is_ready(request.min_bond))
    }

    /// Adds the value sent to the escrow, for another attempt to deliver.
    ///
    /// # Errors
    /// `NoSuchRequest`, `NoCallback`, `AlreadyDelivered`, `Delivering`, `ValueTooLow` below the price of
    /// an attempt.
    pub fn fund_delivery(&mut self, id: RequestId) -> Result<(), Refusal> {
        let mut request = self.stored(id)?;
        request.can_deliver()?;
        let limits = request.callback.ok_or(Error::NoCallback)?;
        let (sent, needed) = (self.host.value(), price_of_attempt(&self.host, &limits));
        if sent < needed {
            return refuse(Error::ValueTooLow { sent, needed });
        }
        self.grow_total(sent)?;
        request.escrow = add(request.escrow, sent)?;
        request.set_delivery_price(add(request.delivery_price(), sent)?);
        self.host.set_request(id, &request);
        self.host.emit(Event::DeliveryFunded(DeliveryFunded {
            request_id: id,
            amount: sent,
        }));
        Ok(())
    }

    /// Credits a transmitter: an operator in its own account, which is there already. A cell opened for
    /// it would cost its transaction a deposit that whoever calls `withdraw` collects.
    pub(super) fn credit_transmitter(
        &mut self,
        transmitter: &AccountId,
        earned: Balance,
    ) -> Result<(), Refusal> {
        if earned == 0 {
            return Ok(());
        }
        let Some(slot) = self.host.slot_of(transmitter) else {
            return self.credit(transmitter, earned);
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
        self.settle_if_ended(id, &mut request)?;
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
