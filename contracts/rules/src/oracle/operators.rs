//! Bonds of operators, and payouts.

use llm_oracle_primitives::{
    digest,
    event::{Bonded, Event, Registered, Released, Unbonding, Withdrawn},
    AccountId, Balance, Error, Signature, Slot,
};

use super::Oracle;
use crate::{add, overflow, refuse, Host, House, Identity, Operator, Refusal};

impl<H: Host> Oracle<H> {
    /// Opens the accounts of owner and sink for good, so that neither a payment nor a new owner opens
    /// one. The house gets its cell for the same reason.
    ///
    /// # Errors
    /// `Overflow`, which fresh accounts rule out.
    pub fn open_house(&mut self, identity: &Identity) -> Result<(), Refusal> {
        self.open_account(&identity.owner())?;
        self.open_account(&identity.sink())?;
        self.host.set_house(&House::new(identity.domain));
        Ok(())
    }

    /// Registers an operator with the value sent as its bond; any carrier may bring its signature. A
    /// former operator whose bond is gone gets its old slot back.
    ///
    /// # Errors
    /// `Paused`, `BondTooLow`, `BadSignature`, `AlreadyRegistered`, `Barred`, `Overflow`.
    pub fn register(&mut self, id: AccountId, signature: &Signature) -> Result<Slot, Refusal> {
        self.refuse_if_paused()?;
        let (bond, least) = (self.host.value(), self.params().min_bond);
        if bond < least {
            return refuse(Error::BondTooLow { bond, least });
        }
        let known = self.host.slot_of(&id);
        let mut counters = self.host.counters();
        let slot = known.unwrap_or(counters.next_slot);
        let message =
            digest::register_message(&self.host.identity().domain, &self.host.contract(), &id);
        if !self.host.verify(signature, &message, &id) {
            return refuse(Error::BadSignature { slot });
        }
        let now = self.host.block();
        let mut operator = match known {
            Some(slot) => {
                let mut operator = self.operator(slot)?;
                if operator.is_barred() {
                    return refuse(Error::Barred { slot });
                }
                if operator.bond > 0 {
                    return refuse(Error::AlreadyRegistered { slot });
                }
                operator.bond = bond;
                operator.registered_at = now;
                operator
            }
            None => {
                self.host.set_slot_of(&id, slot);
                counters.next_slot = slot.checked_add(1).ok_or_else(overflow)?;
                Operator::new(id, bond, now)
            }
        };
        counters.total = add(counters.total, bond)?;
        self.host.set_counters(&counters);
        self.enter(slot, &mut operator);
        self.set_operator(slot, &operator);
        self.host.emit(Event::Registered(Registered {
            operator: id,
            slot,
            bond,
        }));
        Ok(slot)
    }

    /// Adds the value sent to an operator's bond, whoever sends it, and gives it tickets for all of its
    /// bond that has none: an operator of a version without draws calls it with nothing.
    ///
    /// # Errors
    /// `NoSuchOperator`, `Barred`, `Overflow`.
    pub fn bond(&mut self, slot: Slot) -> Result<(), Refusal> {
        let mut operator = self.operator(slot)?;
        if operator.is_barred() {
            return refuse(Error::Barred { slot });
        }
        let value = self.host.value();
        operator.bond = add(operator.bond, value)?;
        self.grow_total(value)?;
        self.enter(slot, &mut operator);
        self.set_operator(slot, &operator);
        self.host.emit(Event::Bonded(Bonded {
            slot,
            bond: operator.bond,
        }));
        Ok(())
    }

    /// Puts a part of the caller's free bond aside; it can be released after the unbonding time.
    ///
    /// # Errors
    /// `NotTheOperator`, `NoSuchOperator`, `BondNotFree`, `BondTooLow`, `Overflow`.
    pub fn unbond(&mut self, slot: Slot, amount: Balance) -> Result<(), Refusal> {
        let mut operator = self.operator(slot)?;
        if operator.id() != self.host.caller() {
            return refuse(Error::NotTheOperator { slot });
        }
        let params = self.params();
        let until = self
            .host
            .block()
            .checked_add(params.unbonding_blocks)
            .ok_or_else(overflow)?;
        operator.unbond(amount, params.min_bond, until)?;
        self.set_operator(slot, &operator);
        let amount = operator.unbonding;
        self.host.emit(Event::Unbonding(Unbonding {
            slot,
            amount,
            until,
        }));
        Ok(())
    }

    /// Turns an operator's matured part of the bond into credit, whoever calls.
    ///
    /// # Errors
    /// `NoSuchOperator`, `NothingUnbonding`, `StillUnbonding`.
    pub fn release(&mut self, slot: Slot) -> Result<Balance, Refusal> {
        let mut operator = self.operator(slot)?;
        let amount = operator.release(self.host.block())?;
        self.set_operator(slot, &operator);
        self.host.emit(Event::Released(Released { slot, amount }));
        Ok(amount)
    }

    /// Pays an account what it is owed, as requester and as operator, whoever calls.
    ///
    /// # Errors
    /// `NoCredit`; `TransferFailed` when the chain refuses, and then nothing has changed.
    pub fn withdraw(&mut self, id: &AccountId) -> Result<Balance, Refusal> {
        let mut amount = 0;
        if let Some(mut account) = self.host.account(id) {
            amount = core::mem::take(&mut account.credit);
            self.set_or_remove(id, account);
        }
        if let Some(slot) = self.host.slot_of(id) {
            let mut operator = self.operator(slot)?;
            amount = add(amount, core::mem::take(&mut operator.credit))?;
            self.set_operator(slot, &operator);
        }
        amount = add(amount, self.take_from_house(id)?)?;
        if amount == 0 {
            return refuse(Error::NoCredit);
        }
        self.shrink_total(amount)?;
        self.flush();
        if !self.host.pay(id, amount) {
            return refuse(Error::TransferFailed { amount });
        }
        self.host.emit(Event::Withdrawn(Withdrawn {
            account: *id,
            amount,
        }));
        Ok(amount)
    }

    /// What the house owes an account, as owner and as sink, planck.
    pub(super) fn owed_by_house(&mut self, id: &AccountId) -> Balance {
        let identity = self.host.identity();
        let (owner, sink) = (identity.owner() == *id, identity.sink() == *id);
        let house = self.house();
        let part = |is_owed, credit| if is_owed { credit } else { 0 };
        part(owner, house.owner_credit).saturating_add(part(sink, house.sink_credit))
    }

    /// Takes out what the house owes an account.
    pub(super) fn take_from_house(&mut self, id: &AccountId) -> Result<Balance, Refusal> {
        let identity = self.host.identity();
        let mut amount = 0;
        if identity.owner() == *id {
            amount = core::mem::take(&mut self.change_house().owner_credit);
        }
        if identity.sink() == *id {
            amount = add(
                amount,
                core::mem::take(&mut self.change_house().sink_credit),
            )?;
        }
        Ok(amount)
    }
}
