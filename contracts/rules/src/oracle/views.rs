//! Read-only messages.

use ink::prelude::{boxed::Box, vec::Vec};
use llm_oracle_primitives::{
    limits::MAX_PAGE, AccountId, AnswerState, Balance, Config, Error, LedgerView, OperatorView,
    RequestId, RequestView, SeatView, Slot, Summary, Terms, INTERFACE_VERSION,
};

use super::{profile, Oracle};
use crate::{Host, Refusal, Request, Seat, Settlement};

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
            unit: identity.unit,
            min_notice_blocks: identity.min_notice_blocks,
            params: params.in_force(now),
            next_id: counters.next_id,
            lowest_open_id: counters.lowest_open_id,
            operators: counters.next_slot,
            sets: counters.next_set,
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

    /// The lowest id that may be open: every request with a lower one has been settled.
    pub fn lowest_open_id(&self) -> RequestId {
        self.host.counters().lowest_open_id
    }

    /// Number of slots given out.
    pub fn operators_count(&self) -> u32 {
        self.host.counters().next_slot
    }

    /// Terms of a request; none for those asked under an earlier version.
    pub fn terms(&self, id: RequestId) -> Option<Terms> {
        self.host.terms(id)
    }

    /// The request as it stands in this block: an end that has come but is not settled yet is shown
    /// as settled: nothing can change it any more.
    fn as_of_now(&mut self, id: RequestId) -> Option<Box<Request>> {
        let mut request = self.host.request(id)?;
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
        for index in 0..settlement.seats.len() {
            let Some(slot) = request.seats.get(index).map(|seat| seat.slot) else {
                break;
            };
            if self.operator(slot)?.is_barred() {
                request.lose_bond(index);
                settlement.forfeit(index, request)?;
            }
        }
        request.refund = settlement.refund;
        Ok(())
    }

    /// Everything about a request but its terms.
    pub fn request_view(&mut self, id: RequestId) -> Option<RequestView> {
        let now = self.host.block();
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
            interface_version: request.interface_version(),
            threshold: request.threshold,
            one_step: request.one_step,
            least_record: request.least_record(),
            max_seats_per_family: request.max_seats_per_family(),
            min_confidence: request.min_confidence(),
            asked_at: request.asked_at,
            reveals_opened_at: request.reveals_opened_at(now),
            ended_at: request.ended_since(now),
            seat_fee: request.seat_fee,
            seat_bond: request.seat_bond,
            min_bond: request.min_bond,
            fee_ppm: request.fee_ppm,
            effort_ppm: request.effort_ppm,
            delivery_blocks: request.delivery_blocks,
            retention_blocks: request.retention_blocks,
            delivery_escrow: request.escrow,
            delivery_price: request.delivery_price(),
            callback: request.callback,
            seats,
            outcome: self.outcome(id, &request),
            refund: request.refund,
            fee: request.fee,
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
            family: seat.family,
            commitment: seat.commitment,
            evidence: seat.evidence,
            answer: seat.answer(),
            confidence: revealed.then_some(seat.confidence),
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
        self.operator_at(slot)
    }

    fn operator_at(&mut self, slot: Slot) -> Option<OperatorView> {
        let operator = self.operator(slot).ok()?;
        let profile = profile(&self.host, slot, operator.id());
        Some(operator.view(slot, profile))
    }

    /// Operators from slot `from` on, at most `limit` and [`MAX_PAGE`].
    pub fn operators_view(&mut self, from: Slot, limit: u32) -> Vec<OperatorView> {
        let end = from
            .saturating_add(limit.min(MAX_PAGE))
            .min(self.host.counters().next_slot);
        (from..end)
            .filter_map(|slot| self.operator_at(slot))
            .collect()
    }

    /// What `withdraw` would pay for an account: what it is owed, and what it earned as an operator, which
    /// goes to its owner; planck.
    pub fn credit_of(&mut self, id: &AccountId) -> Balance {
        let own = self.host.account(id).map_or(0, |account| account.credit);
        let earned = self.operator_view(id).map_or(0, |operator| operator.credit);
        let treasury = self.owed_by_treasury(id);
        own.saturating_add(earned).saturating_add(treasury)
    }

    /// The books.
    pub fn ledger(&self) -> LedgerView {
        LedgerView {
            total: self.host.counters().total,
            balance: self.host.balance(),
        }
    }
}
