//! Read-only messages.

use ink::prelude::{boxed::Box, vec::Vec};
use llm_oracle_primitives::{
    limits::MAX_PAGE, AccountId, AnswerState, Balance, Config, DrawView, Error, LedgerView,
    OperatorView, RequestId, RequestView, SeatView, Slot, Summary, Terms, INTERFACE_VERSION,
};

use super::Oracle;
use crate::{draw::NOT_DRAWN, DrawState, Host, Refusal, Request, Seat, Settlement};

impl<H: Host> Oracle<H> {
    /// Identity and parameters.
    pub fn config(&self) -> Config {
        let (identity, counters) = (self.host.identity(), self.host.counters());
        let (params, now) = (self.host.params_cell(), self.host.block());
        Config {
            interface_version: INTERFACE_VERSION,
            domain: identity.domain,
            genesis: identity.genesis,
            deployer: identity.deployer(),
            deployed_at: identity.deployed_at,
            deployed_at_ms: identity.deployed_at_ms,
            owner: identity.owner(),
            sink: identity.sink(),
            params: params.in_force(now),
            next_id: counters.next_id,
            operators: counters.next_slot,
            paused: counters.is_paused(),
            offered_to: self.host.offered_to(),
            next_params: params.announced(now),
            next_code: self
                .host
                .next_code()
                .map(|code| (code.code_hash, code.from)),
        }
    }

    /// Number of the next request.
    pub fn next_id(&self) -> RequestId {
        self.host.counters().next_id
    }

    /// Terms of a request.
    pub fn terms(&self, id: RequestId) -> Option<Terms> {
        self.host.terms(id)
    }

    /// The request as it stands in this block: an end that has come but is not settled yet is shown
    /// as settled, and a committee whose seed is known as drawn: nothing can change them any more.
    fn as_of_now(&mut self, id: RequestId) -> Option<Box<Request>> {
        let mut request = self.host.request(id)?;
        if request.awaits_draw() {
            let _ = self.draw(id, &mut request);
        }
        // An error here would mean that the request cannot be settled at all: show it unsettled.
        if let Ok(Some(settlement)) = request.settle(self.host.block()) {
            let _ = self.forfeit_barred(&mut request, settlement);
        }
        Some(request)
    }

    /// Shows what settling would take from the seats of barred operators.
    fn forfeit_barred(
        &mut self,
        request: &mut Request,
        mut settlement: Settlement,
    ) -> Result<(), Refusal> {
        let (reward, seat_bond) = (request.reward, request.seat_bond);
        for (seat, index) in request.seats.iter_mut().zip(0..settlement.seats.len()) {
            if self.operator(seat.slot)?.is_barred() {
                seat.bond_lost = 1;
                settlement.forfeit(index, seat_bond, reward)?;
            }
        }
        request.refund = settlement.refund;
        Ok(())
    }

    /// Everything about a request but its terms.
    pub fn request_view(&mut self, id: RequestId) -> Option<RequestView> {
        let now = self.host.block();
        let kind = self.host.terms(id)?.answer;
        let settled = self.host.request(id)?.is_settled();
        let request = self.as_of_now(id)?;
        let seats = request
            .taken()
            .map(|seat| self.seat_view(&request, seat))
            .collect();
        let mut summary = request.summary(id, now);
        summary.settled = settled;
        Some(RequestView {
            summary,
            requester: request.requester,
            beneficiary: request.beneficiary,
            terms_digest: request.terms_digest,
            kind,
            threshold: request.threshold,
            one_step: request.one_step,
            least_record: request.later.0.map(|added| added.least).unwrap_or_default(),
            draw: self.draw_view(&request),
            asked_at: request.asked_at,
            reveals_opened_at: request.reveals_opened_at(now),
            ended_at: request.ended_since(now),
            commit_fee: request.commit_fee,
            seat_bond: request.seat_bond,
            delivery_escrow: request.escrow,
            callback: request.callback,
            seats,
            outcome: self.outcome(id, &request),
            refund: request.refund,
            fee: request.fee,
        })
    }

    fn draw_view(&mut self, request: &Request) -> Option<DrawView> {
        let draw = request.draw();
        let named = request.named.iter();
        let slots = named.filter(|slot| **slot != NOT_DRAWN).copied();
        let drawn = || slots.filter_map(|slot| Some(self.operator(slot).ok()?.id()));
        draw.is_wanted().then(|| DrawView {
            drawn: draw.is_done().then(|| drawn().collect()),
            weak: draw.state == DrawState::Weak,
            opens_to_all_at: draw.opens_to_all_at,
        })
    }

    fn seat_view(&mut self, request: &Request, seat: &Seat) -> SeatView {
        let revealed = seat.is_revealed();
        SeatView {
            // A taken seat's slot always has an account: slots are never removed.
            operator: self
                .operator(seat.slot)
                .map_or([0; 32].into(), |operator| operator.id()),
            slot: seat.slot,
            state: seat.state(),
            model: seat.model,
            commitment: seat.commitment,
            evidence: seat.evidence,
            answer: seat.answer(),
            signature: revealed.then_some(seat.signature),
            salt: revealed.then_some(seat.salt),
            paid: seat.paid,
            forfeited: if seat.lost_its_bond() {
                request.seat_bond
            } else {
                0
            },
        }
    }

    /// Requests `from`, `from + 1`, … in short; looks at no more than `limit` ids and [`MAX_PAGE`],
    /// and leaves pruned ones out.
    pub fn summaries(&self, from: RequestId, limit: u32) -> Vec<Summary> {
        let now = self.host.block();
        let end = from
            .saturating_add(RequestId::from(limit.min(MAX_PAGE)))
            .min(self.next_id());
        (from..end)
            .filter_map(|id| Some(self.host.request(id)?.summary(id, now)))
            .collect()
    }

    /// The outcome, or that it is pending.
    ///
    /// # Errors
    /// `NoSuchRequest`.
    pub fn answer_of(&mut self, id: RequestId) -> Result<AnswerState, Refusal> {
        let request = self
            .as_of_now(id)
            .ok_or(Error::NoSuchRequest { request_id: id })?;
        Ok(self
            .outcome(id, &request)
            .map_or(AnswerState::Pending, AnswerState::Final))
    }

    /// An operator by its account.
    pub fn operator_view(&mut self, id: &AccountId) -> Option<OperatorView> {
        let slot = self.host.slot_of(id)?;
        Some(self.operator(slot).ok()?.view(slot))
    }

    /// Operators from slot `from` on, at most `limit` and [`MAX_PAGE`].
    pub fn operators_view(&mut self, from: Slot, limit: u32) -> Vec<OperatorView> {
        let end = from
            .saturating_add(limit.min(MAX_PAGE))
            .min(self.host.counters().next_slot);
        (from..end)
            .filter_map(|slot| Some(self.operator(slot).ok()?.view(slot)))
            .collect()
    }

    /// What an account is owed, as requester and as operator, planck.
    pub fn credit_of(&mut self, id: &AccountId) -> Balance {
        let own = self.host.account(id).map_or(0, |account| account.credit);
        let earned = self.operator_view(id).map_or(0, |operator| operator.credit);
        let house = self.owed_by_house(id);
        own.saturating_add(earned).saturating_add(house)
    }

    /// The books.
    pub fn ledger(&self) -> LedgerView {
        LedgerView {
            total: self.host.counters().total,
            balance: self.host.balance(),
        }
    }
}
