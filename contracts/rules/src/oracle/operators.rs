//! Bonds of operators, and payouts.

use ink::prelude::vec::Vec;
use llm_oracle_primitives::{
    digest,
    event::{
        Bonded, Event, FamilyDeclared, OwnerNamed, Registered, Released, Unbonding, Withdrawn,
    },
    limits::{MAX_FAMILY_BYTES, STRANGERS_BOND_DIVISOR},
    AccountId, Balance, Error, Signature, Slot,
};

use super::{profile, Oracle};
use crate::{add, overflow, refuse, Host, Identity, Operator, Profile, Refusal, Treasury};

impl<H: Host> Oracle<H> {
    /// Opens the accounts of owner and sink for good, so that neither a payment nor a new owner opens
    /// one. What they are owed gets its cell for the same reason.
    ///
    /// # Errors
    /// `Overflow`, which fresh accounts rule out.
    pub fn open_treasury(&mut self, identity: &Identity) -> Result<(), Refusal> {
        self.open_account(&identity.owner())?;
        self.open_account(&identity.sink())?;
        self.host.set_treasury(&Treasury::default());
        Ok(())
    }

    /// Registers an operator with the value sent as its bond; any transmitter may bring its signature. A
    /// former operator whose bond is gone gets its old slot back, and keeps its owner.
    ///
    /// # Errors
    /// `Paused`, `BondTooLow`, `FamilyLength`, `BadSignature`, `AlreadyRegistered`, `Barred`,
    /// `NotOperatorsOwner`, `Overflow`.
    pub fn register(
        &mut self,
        id: AccountId,
        profile: Profile,
        signature: &Signature,
    ) -> Result<Slot, Refusal> {
        self.refuse_if_paused()?;
        check_family(&profile.family)?;
        let (bond, least) = (self.host.value(), self.params().min_bond);
        if bond < least {
            return refuse(Error::BondTooLow { bond, least });
        }
        let known = self.host.slot_of(&id);
        let mut counters = self.host.counters();
        let slot = known.unwrap_or(counters.next_slot);
        let (domain, contract) = (self.host.identity().domain, self.host.contract());
        let message =
            digest::register_message(&domain, &contract, &id, &profile.owner, &profile.family);
        if !self.host.verify(signature, &message, &id) {
            return refuse(Error::BadSignature { slot });
        }
        let now = self.host.block();
        let mut operator = match known {
            Some(slot) => self.returning(slot, &profile.owner)?,
            None => {
                self.host.set_slot_of(&id, slot);
                counters.next_slot = slot.checked_add(1).ok_or_else(overflow)?;
                Operator::new(id, bond, now)
            }
        };
        (operator.bond, operator.registered_at) = (bond, now);
        operator.first_id = counters.next_id;
        operator.family = digest::family_tag(&profile.family);
        counters.total = add(counters.total, bond)?;
        self.host.set_counters(&counters);
        self.set_operator(slot, &operator);
        self.host.set_profile(slot, &profile);
        self.host.emit(Event::Registered(Registered {
            operator: id,
            slot,
            bond,
            owner: profile.owner,
            family: profile.family,
        }));
        Ok(slot)
    }

    /// The account of a former operator whose bond is gone. What it is still owed is its owner's, so that
    /// nobody with the operator's key alone names another one here.
    fn returning(&mut self, slot: Slot, owner: &AccountId) -> Result<Operator, Refusal> {
        let operator = self.operator(slot)?;
        if operator.is_barred() {
            return refuse(Error::Barred { slot });
        }
        if operator.bond > 0 {
            return refuse(Error::AlreadyRegistered { slot });
        }
        if profile(&self.host, slot, operator.id()).owner != *owner {
            return refuse(Error::NotOperatorsOwner { slot });
        }
        Ok(operator)
    }

    /// Declares what an operator's model is. Seats that it has keep the family that they were taken with.
    ///
    /// # Errors
    /// `NoSuchOperator`, `NotTheOperator`, `FamilyLength`.
    pub fn declare_family(&mut self, slot: Slot, family: Vec<u8>) -> Result<(), Refusal> {
        check_family(&family)?;
        let (mut operator, mut profile) = self.own_operator(slot)?;
        operator.family = digest::family_tag(&family);
        profile.family.clone_from(&family);
        self.set_operator(slot, &operator);
        self.host.set_profile(slot, &profile);
        self.host
            .emit(Event::FamilyDeclared(FamilyDeclared { slot, family }));
        Ok(())
    }

    /// Names another account that gets an operator's money. Only the one that gets it now may.
    ///
    /// # Errors
    /// `NoSuchOperator`, `NotOperatorsOwner`.
    pub fn name_owner(&mut self, slot: Slot, owner: AccountId) -> Result<(), Refusal> {
        let id = self.operator(slot)?.id();
        let mut profile = profile(&self.host, slot, id);
        if profile.owner != self.host.caller() {
            return refuse(Error::NotOperatorsOwner { slot });
        }
        profile.owner = owner;
        self.host.set_profile(slot, &profile);
        self.host
            .emit(Event::OwnerNamed(OwnerNamed { slot, owner }));
        Ok(())
    }

    /// The caller's operator: its own key or its owner may act for it.
    fn own_operator(&mut self, slot: Slot) -> Result<(Operator, Profile), Refusal> {
        let operator = self.operator(slot)?;
        let profile = profile(&self.host, slot, operator.id());
        let caller = self.host.caller();
        if caller != operator.id() && caller != profile.owner {
            return refuse(Error::NotTheOperator { slot });
        }
        Ok((operator, profile))
    }

    /// Adds the value sent to an operator's bond, whoever sends it. A stranger adds at least a sixteenth
    /// of the least bond: a bond that grows by a planck at a time would hold up whoever takes it out.
    ///
    /// # Errors
    /// `NoSuchOperator`, `Barred`, `BondTooLow`, `Overflow`.
    pub fn bond(&mut self, slot: Slot) -> Result<(), Refusal> {
        let mut operator = self.operator(slot)?;
        if operator.is_barred() {
            return refuse(Error::Barred { slot });
        }
        let value = self.host.value();
        let caller = self.host.caller();
        let least = self.params().min_bond / STRANGERS_BOND_DIVISOR;
        if value < least
            && caller != operator.id()
            && caller != profile(&self.host, slot, operator.id()).owner
        {
            return refuse(Error::BondTooLow { bond: value, least });
        }
        operator.bond = add(operator.bond, value)?;
        self.grow_total(value)?;
        self.set_operator(slot, &operator);
        self.host.emit(Event::Bonded(Bonded {
            slot,
            bond: operator.bond,
        }));
        Ok(())
    }

    /// Puts a part of the free bond of the caller's operator aside, all that is free when `amount` is
    /// more; it can be released after the unbonding time.
    ///
    /// # Errors
    /// `NotTheOperator`, `NoSuchOperator`, `BondNotFree`, `BondTooLow`, `Overflow`.
    pub fn unbond(&mut self, slot: Slot, amount: Balance) -> Result<(), Refusal> {
        let (mut operator, _) = self.own_operator(slot)?;
        let params = self.params();
        let until = self
            .host
            .block()
            .checked_add(params.unbonding_blocks)
            .ok_or_else(overflow)?;
        operator.unbond(amount, params.min_bond, until)?;
        self.set_operator(slot, &operator);
        let mut counters = self.host.counters();
        if counters.reach < until {
            counters.reach = until;
            self.host.set_counters(&counters);
        }
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

    /// Pays what an account is owed to it, and what it earned as an operator to its owner, whoever calls.
    /// A part that the chain refuses stays, so that one payee can't hold up the other.
    ///
    /// # Errors
    /// `NoCredit`; `TransferFailed` when the chain refuses all of it, and then nothing has changed.
    pub fn withdraw(&mut self, id: &AccountId) -> Result<Balance, Refusal> {
        let mut own = add(
            self.take_credit(id, Balance::MAX)?,
            self.take_from_treasury(id)?,
        )?;
        let (mut earned, mut owner) = (0, *id);
        let slot = self.host.slot_of(id);
        if let Some(slot) = slot {
            earned = self.swap_credit(slot, 0)?;
            owner = profile(&self.host, slot, *id).owner;
        }
        if owner == *id {
            own = add(own, core::mem::take(&mut earned))?;
        }
        let amount = add(own, earned)?;
        if amount == 0 {
            return refuse(Error::NoCredit);
        }
        let own_paid = self.pay_out(id, own)?;
        if own_paid < own {
            self.credit(id, own)?;
        }
        let earned_paid = self.pay_out(&owner, earned)?;
        if let Some(slot) = slot.filter(|_| earned_paid < earned) {
            self.swap_credit(slot, earned)?;
        }
        let paid = add(own_paid, earned_paid)?;
        if paid == 0 {
            return refuse(Error::TransferFailed { amount });
        }
        Ok(paid)
    }

    /// Puts another amount in the place of what an operator is owed, and returns that.
    fn swap_credit(&mut self, slot: Slot, credit: Balance) -> Result<Balance, Refusal> {
        let mut operator = self.operator(slot)?;
        let before = core::mem::replace(&mut operator.credit, credit);
        self.set_operator(slot, &operator);
        Ok(before)
    }

    /// Pays out what has been taken off the books; 0 when the chain refuses.
    fn pay_out(&mut self, to: &AccountId, amount: Balance) -> Result<Balance, Refusal> {
        if amount == 0 {
            return Ok(0);
        }
        self.shrink_total(amount)?;
        self.flush();
        if !self.host.pay(to, amount) {
            self.grow_total(amount)?;
            return Ok(0);
        }
        self.host.emit(Event::Withdrawn(Withdrawn {
            account: *to,
            amount,
        }));
        Ok(amount)
    }

    /// What owner and sink are owed besides their own accounts, if `id` is one of them, planck.
    pub(super) fn owed_by_treasury(&mut self, id: &AccountId) -> Balance {
        let identity = self.host.identity();
        let (owner, sink) = (identity.owner() == *id, identity.sink() == *id);
        let treasury = self.treasury();
        let part = |is_owed, credit| if is_owed { credit } else { 0 };
        part(owner, treasury.owner_credit).saturating_add(part(sink, treasury.sink_credit))
    }

    /// Takes out what [`Self::owed_by_treasury`] says.
    fn take_from_treasury(&mut self, id: &AccountId) -> Result<Balance, Refusal> {
        let identity = self.host.identity();
        let mut amount = 0;
        if identity.owner() == *id {
            amount = core::mem::take(&mut self.change_treasury().owner_credit);
        }
        if identity.sink() == *id {
            let forfeits = core::mem::take(&mut self.change_treasury().sink_credit);
            amount = add(amount, forfeits)?;
        }
        Ok(amount)
    }
}

fn check_family(family: &[u8]) -> Result<(), Refusal> {
    let (bytes, most) = (family.len() as u32, MAX_FAMILY_BYTES);
    if bytes > most {
        return refuse(Error::FamilyLength { bytes, most });
    }
    Ok(())
}
