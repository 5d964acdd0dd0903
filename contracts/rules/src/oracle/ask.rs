//! Opening a request.

use ink::prelude::{vec, vec::Vec};
use llm_oracle_primitives::{
    digest,
    event::{Asked, Event},
    limits::MAX_TERMS_BYTES,
    Assignment, Balance, Error, Params, Quote, RequestId, Slot, Terms,
};

use super::Oracle;
use crate::{
    add, codec, draw::NOT_DRAWN, overflow, refuse, sub, text::empty_text, times, Host, Refusal,
    Request,
};

impl<H: Host> Oracle<H> {
    /// What asking costs now. Checks all that `ask` checks, but the value.
    ///
    /// # Errors
    /// Whatever is wrong with the terms or the reward.
    pub fn quote(&mut self, terms: &Terms, reward: Balance) -> Result<Quote, Refusal> {
        let params = self.params();
        let request = self.prepare(terms, reward, &params)?;
        let rewards = times(reward, terms.seats)?;
        let commit_fees = times(params.commit_fee, terms.seats)?;
        Ok(Quote {
            rewards,
            commit_fees,
            delivery: request.escrow,
            total: add(add(rewards, commit_fees)?, request.escrow)?,
            opens_at: request.opens_at,
            commit_deadline: request.commit_deadline,
            reveal_deadline: request.reveal_deadline(),
        })
    }

    /// Opens a request for the caller, who has sent at least the quote; what is above it is credited
    /// back. Every cell of the request is written here at its final size.
    ///
    /// # Errors
    /// Whatever is wrong with the terms, the reward or the value.
    pub fn ask(&mut self, terms: Terms, reward: Balance) -> Result<RequestId, Refusal> {
        self.refuse_if_paused()?;
        let params = self.params();
        let request = self.prepare(&terms, reward, &params)?;
        if request.beneficiary == self.host.contract() {
            return refuse(Error::RefundToOracle);
        }
        let per_seat = add(reward, params.commit_fee)?;
        let needed = add(times(per_seat, terms.seats)?, request.escrow)?;
        let sent = self.host.value();
        if sent < needed {
            return refuse(Error::ValueTooLow { sent, needed });
        }
        let mut counters = self.host.counters();
        let id = counters.next_id;
        counters.next_id = id.checked_add(1).ok_or_else(overflow)?;
        counters.total = add(counters.total, sent)?;
        self.host.set_counters(&counters);

        let mut account = self.open_account(&request.beneficiary)?;
        account.credit = add(account.credit, sub(sent, needed)?)?;
        self.host.set_account(&request.beneficiary, &account);

        self.host.set_request(id, &request);
        self.host.set_terms(id, &terms);
        if let Some(text) = empty_text(&request.form) {
            self.host.set_text(id, &text);
        }
        self.host.emit(Event::Asked(Asked {
            request_id: id,
            requester: request.requester,
            terms,
            reward,
            commit_deadline: request.commit_deadline,
        }));
        Ok(id)
    }

    /// The request as it would be stored, with every parameter frozen.
    fn prepare(
        &mut self,
        terms: &Terms,
        reward: Balance,
        params: &Params,
    ) -> Result<Request, Refusal> {
        terms.check()?;
        if reward < params.min_reward {
            return refuse(Error::RewardTooLow {
                given: reward,
                least: params.min_reward,
            });
        }
        let escrow = match terms.callback {
            None => 0,
            Some(limits) => {
                let price = self.host.price_of(limits.ref_time);
                add(add(params.delivery_reward, price)?, limits.storage_deposit)?
            }
        };
        let requester = self.host.caller();
        // Seat bonds are summed with everything else in one ledger: the whole must fit.
        times(
            add(reward, add(params.commit_fee, params.seat_bond)?)?,
            terms.seats,
        )?;
        let named = self.named_slots(terms)?;
        let lottery = if terms.assignment.is_drawn() {
            let beacon = &self.house().beacon;
            (beacon.tickets, beacon.value)
        } else {
            Default::default()
        };
        let encoded = codec::encode(terms);
        let (bytes, most) = (encoded.len() as u32, MAX_TERMS_BYTES);
        if bytes > most {
            return refuse(Error::TermsTooLong { bytes, most });
        }
        let digest = digest::encoded_terms_digest(&requester, &encoded);
        let domain = self.host.identity().domain;
        let now = self.host.block();
        Request::open(
            (domain, requester, digest),
            terms,
            named,
            params,
            (reward, escrow),
            (now, lottery),
        )
    }

    /// Slots that may take a seat; places for them when they are drawn later.
    fn named_slots(&self, terms: &Terms) -> Result<Vec<Slot>, Refusal> {
        let seats = terms.seats;
        if terms.assignment.is_drawn() {
            let operators = self.host.counters().next_slot;
            if operators < u32::from(seats) {
                return refuse(Error::TooFewToDraw { operators, seats });
            }
            return Ok(vec![NOT_DRAWN; usize::from(seats)]);
        }
        let Assignment::Named { operators } = &terms.assignment else {
            return Ok(Vec::new());
        };
        let slot = |(position, id): (usize, _)| {
            let position = position as u8; // At most 32 are named.
            self.host
                .slot_of(id)
                .ok_or_else(|| Error::NamedNotRegistered { position }.into())
        };
        operators.iter().enumerate().map(slot).collect()
    }
}
