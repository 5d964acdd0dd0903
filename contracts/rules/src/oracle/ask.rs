//! Opening a request.

use ink::prelude::vec::Vec;
use llm_oracle_primitives::{
    digest,
    event::{Asked, Event},
    limits::{DELIVERY_CALL_REF_TIME, MAX_CALLBACK_COINS, MAX_SET, MAX_TERMS_BYTES},
    AccountId, Assignment, Balance, CallbackLimits, Error, Params, Quote, RequestId, Slot, Terms,
};

use super::Oracle;
use crate::{
    add, codec, overflow, refuse, sub, text::empty_text, times, Account, Counters, Host, Money,
    Refusal, Request,
};

/// Requests that an ask looks at to see whether the lowest open one has been settled: more than it adds.
const STEPS_AN_ASK: u32 = 2;

impl<H: Host> Oracle<H> {
    /// What asking costs now. Checks all that `ask` checks, but the value.
    ///
    /// # Errors
    /// Whatever is wrong with the terms or the reward, `Paused`, `RefundToOracle`.
    pub fn quote(&mut self, terms: &Terms, reward: Balance) -> Result<Quote, Refusal> {
        let (request, terms_bytes) = self.prepare(terms, reward)?;
        let text = empty_text(&request.form);
        let mut cells = ink::prelude::vec![codec::encode(&request).len(), terms_bytes];
        cells.extend(text.map(|text| text.len()));
        if self.host.account(&request.beneficiary).is_none() {
            cells.push(codec::encode(&Account::default()).len());
        }
        Ok(Quote {
            rewards: times(reward, terms.seats)?,
            seat_fees: times(request.seat_fee, terms.seats)?,
            delivery: request.escrow,
            total: cost(&request)?,
            stored_items: cells.len() as u32, // At most four.
            // Cells hold 16 KiB at most.
            stored_bytes: cells
                .iter()
                .fold(0usize, |sum, bytes| sum.saturating_add(*bytes))
                as u32,
            opens_at: request.opens_at,
            commit_deadline: request.commit_deadline,
            reveal_deadline: request.reveal_deadline(),
        })
    }

    /// Opens a request for the caller, who has sent at least the quote, or with `use_credit` has the rest
    /// as credit here; what is above it is credited back. Every cell of the request is written here at
    /// its final size.
    ///
    /// # Errors
    /// Whatever is wrong with the terms, the reward or the value.
    pub fn ask(
        &mut self,
        terms: Terms,
        reward: Balance,
        use_credit: bool,
    ) -> Result<RequestId, Refusal> {
        let (request, _) = self.prepare(&terms, reward)?;
        let sent = self.host.value();
        let needed = cost(&request)?;
        let mut given = sent;
        if use_credit && sent < needed {
            given = add(
                given,
                self.take_credit(&request.requester, sub(needed, sent)?)?,
            )?;
        }
        if given < needed {
            return refuse(Error::ValueTooLow {
                sent: given,
                needed,
            });
        }
        let mut counters = self.host.counters();
        self.pass_settled(&mut counters);
        let id = counters.next_id;
        counters.next_id = id.checked_add(1).ok_or_else(overflow)?;
        counters.total = add(counters.total, sent)?;
        let reach = request
            .reveal_deadline()
            .saturating_add(request.delivery_blocks);
        counters.reach = counters.reach.max(reach);
        self.host.set_counters(&counters);

        let mut account = self.open_account(&request.beneficiary)?;
        account.credit = add(account.credit, sub(given, needed)?)?;
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

    /// Takes at most `most` planck of what an account is owed.
    pub(super) fn take_credit(
        &mut self,
        id: &AccountId,
        most: Balance,
    ) -> Result<Balance, Refusal> {
        let Some(mut account) = self.host.account(id) else {
            return Ok(0);
        };
        let taken = account.credit.min(most);
        account.credit = sub(account.credit, taken)?;
        self.set_or_remove(id, account);
        Ok(taken)
    }

    /// Moves the lowest open id past requests that have been settled or pruned. A few for each request
    /// that comes, so that it keeps up and no call reads many.
    fn pass_settled(&self, counters: &mut Counters) {
        for _ in 0..STEPS_AN_ASK {
            let id = counters.lowest_open_id;
            let is_open = |request: &Request| !request.is_settled();
            if id >= counters.next_id || self.host.request(id).is_some_and(|it| is_open(&it)) {
                return;
            }
            counters.lowest_open_id = id.saturating_add(1);
        }
    }

    /// The request as it would be stored, with every parameter frozen, and the bytes of its terms.
    fn prepare(&mut self, terms: &Terms, reward: Balance) -> Result<(Request, usize), Refusal> {
        self.refuse_if_paused()?;
        let params = self.params();
        terms.check()?;
        if reward < params.min_reward {
            return refuse(Error::RewardTooLow {
                given: reward,
                least: params.min_reward,
            });
        }
        let requester = self.host.caller();
        if terms.beneficiary(requester) == self.host.contract() {
            return refuse(Error::RefundToOracle);
        }
        let money = self.money(terms, reward, &params)?;
        let named = self.named_slots(terms, &params)?;
        let encoded = codec::encode(terms);
        let (bytes, most) = (encoded.len() as u32, MAX_TERMS_BYTES);
        if bytes > most {
            return refuse(Error::TermsTooLong { bytes, most });
        }
        let digest = digest::encoded_terms_digest(&requester, reward, &encoded);
        let domain = self.host.identity().domain;
        let (now, parties) = (self.host.block(), (domain, requester, digest));
        let request = Request::open(parties, terms, named, &params, money, now)?;
        Ok((request, encoded.len()))
    }

    /// What a seat costs and what is kept for the delivery.
    fn money(&self, terms: &Terms, reward: Balance, params: &Params) -> Result<Money, Refusal> {
        let blocks = terms
            .commit_blocks
            .checked_add(terms.reveal_blocks)
            .ok_or_else(overflow)?;
        // The fee is below 2^80 and the blocks below 2^32.
        let lock = params.lock_fee.wrapping_mul(Balance::from(blocks));
        let seat_fee = add(params.commit_fee, lock)?;
        let (mut escrow, mut delivery_price) = (0, 0);
        if let Some(limits) = terms.callback {
            let most = times(self.host.identity().unit, MAX_CALLBACK_COINS)?;
            if limits.storage_deposit > most {
                return refuse(Error::CallbackLimit);
            }
            delivery_price = price_of_attempt(&self.host, &limits);
            let success = add(params.delivery_reward, limits.storage_deposit)?;
            escrow = add(delivery_price, success)?;
        }
        // Seat bonds are summed with everything else in one ledger: the whole must fit.
        times(add(reward, add(seat_fee, params.seat_bond)?)?, terms.seats)?;
        Ok(Money {
            reward,
            seat_fee,
            escrow,
            delivery_price,
        })
    }

    /// Slots that the terms name. Where too few of them can take a seat now, the ask is refused: such a
    /// request would only expire.
    fn named_slots(&mut self, terms: &Terms, params: &Params) -> Result<Vec<Slot>, Refusal> {
        let operators = match &terms.assignment {
            Assignment::Open { .. } => return Ok(Vec::new()),
            Assignment::Set(set) => {
                let known = self.host.operator_set(*set);
                let known = known.ok_or(Error::NoSuchSet { set: *set })?;
                let (operators, least) = (known.slots.len() as u32, u32::from(terms.seats));
                if operators < least {
                    return refuse(Error::SetSize {
                        operators,
                        least,
                        most: MAX_SET,
                    });
                }
                return Ok(Vec::new());
            }
            Assignment::Named { operators } => operators,
        };
        let mut slots = Vec::with_capacity(operators.len());
        let (mut ready, mut absent) = (0u8, None);
        for (position, id) in operators.iter().enumerate() {
            let position = position as u8; // At most 32 are named.
            let slot = self.host.slot_of(id);
            let slot = slot.ok_or(Error::NamedNotRegistered { position })?;
            if self.operator(slot)?.is_ready(params.min_bond) {
                ready = ready.saturating_add(1);
            } else {
                absent = absent.or(Some(position));
            }
            slots.push(slot);
        }
        match absent {
            Some(position) if ready < terms.threshold => refuse(Error::NamedNotReady { position }),
            _ => Ok(slots),
        }
    }
}

/// What a request costs whoever asks, planck.
fn cost(request: &Request) -> Result<Balance, Refusal> {
    let seats = request.seats.len() as u8; // At most 32.
    let per_seat = add(request.reward, request.seat_fee)?;
    add(times(per_seat, seats)?, request.escrow)
}

/// What an attempt to deliver costs at most, planck: the callback's time, and the transaction around it.
pub(super) fn price_of_attempt(host: &impl Host, limits: &CallbackLimits) -> Balance {
    let time = limits.ref_time.saturating_add(DELIVERY_CALL_REF_TIME);
    host.price_of(time)
}
