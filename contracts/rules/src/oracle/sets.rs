//! Published lists of operators.

use ink::prelude::vec::Vec;
use llm_oracle_primitives::{
    event::{Event, SetPublished},
    limits::MAX_SET,
    AccountId, Error, SetView,
};

use super::Oracle;
use crate::{overflow, refuse, Host, OperatorSet, Refusal};

impl<H: Host> Oracle<H> {
    /// Publishes a list of registered operators, which requests then name by its number. Nobody can ever
    /// change or remove it; the caller pays its storage deposit.
    ///
    /// # Errors
    /// `SetSize`, `NamedNotRegistered`, `NamedTwice`, `Overflow`.
    pub fn publish_set(&mut self, operators: &[AccountId]) -> Result<u32, Refusal> {
        let count = operators.len() as u32; // A message has at most 16 KiB.
        if !(1..=MAX_SET).contains(&count) {
            return refuse(Error::SetSize {
                operators: count,
                least: 1,
                most: MAX_SET,
            });
        }
        let mut slots = Vec::with_capacity(operators.len());
        for (position, id) in operators.iter().enumerate() {
            let position = position as u8; // At most 256.
            let slot = self.host.slot_of(id);
            let slot = slot.ok_or(Error::NamedNotRegistered { position })?;
            // Put in their order one by one: a sort would be a large part of the contract's code.
            match slots.binary_search(&slot) {
                Ok(_) => return refuse(Error::NamedTwice),
                Err(place) => slots.insert(place, slot),
            }
        }
        let mut counters = self.host.counters();
        let set = counters.next_set;
        counters.next_set = set.checked_add(1).ok_or_else(overflow)?;
        self.host.set_counters(&counters);
        let publisher = self.host.caller();
        let published = OperatorSet { publisher, slots };
        self.host.set_operator_set(set, &published);
        self.host.emit(Event::SetPublished(SetPublished {
            set,
            publisher,
            slots: published.slots,
        }));
        Ok(set)
    }

    /// A published set.
    pub fn set_view(&self, set: u32) -> Option<SetView> {
        let OperatorSet { publisher, slots } = self.host.operator_set(set)?;
        Some(SetView { publisher, slots })
    }
}
