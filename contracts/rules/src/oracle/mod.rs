//! Whole messages of the oracle, carried out over a [`Host`].

mod ask;
mod ending;
mod equivocation;
mod operators;
mod owner;
mod seats;
mod sets;
mod views;

pub use seats::Batch;

use ink::prelude::{boxed::Box, vec::Vec};
use llm_oracle_primitives::{AccountId, Balance, Error, RequestId, Slot};

use crate::{
    add, overflow, sub, Account, Host, Operator, OperatorCell, Profile, Refusal, Request, Treasury,
};

/// The oracle during one call. Accounts of operators are loaded once, changed in memory, and written
/// by [`Oracle::finish`] or before anything is called: a committee that shares a cell costs one read
/// and one write.
pub struct Oracle<H: Host> {
    host: H,
    cells: Vec<LoadedCell>,
    treasury: Option<Treasury>,
    treasury_changed: bool,
}

/// Cells of accounts kept in memory, 11 KiB each. Contracts have 1 MiB and get nothing of it back: over
/// this the oldest cell is written and its buffer used again, or a batch for many operators would end in
/// a trap. More than seats, so that a settlement writes each once.
const MOST_CELLS: usize = 34;

struct LoadedCell {
    number: u32,
    cell: OperatorCell,
    changed: bool,
}

impl<H: Host> Oracle<H> {
    /// Starts a call.
    pub fn new(host: H) -> Self {
        Self {
            host,
            cells: Vec::new(),
            treasury: None,
            treasury_changed: false,
        }
    }

    /// Ends a call: writes the accounts that changed and gives the host back.
    pub fn finish(mut self) -> H {
        self.flush();
        self.host
    }

    fn flush(&mut self) {
        for loaded in &mut self.cells {
            if core::mem::take(&mut loaded.changed) {
                self.host
                    .set_operator_cell(loaded.number, loaded.cell.bytes());
            }
        }
        if let (true, Some(treasury)) = (self.treasury_changed, &self.treasury) {
            self.host.set_treasury(treasury);
            self.treasury_changed = false;
        }
    }

    /// Writes what is in memory and forgets it: after an external call every copy is stale.
    fn flush_and_forget(&mut self) {
        self.flush();
        self.cells.clear();
        self.treasury = None;
    }

    /// What owner and sink are owed, loaded once in a call.
    fn treasury(&mut self) -> &mut Treasury {
        let host = &self.host;
        self.treasury
            .get_or_insert_with(|| host.treasury().unwrap_or_default())
    }

    /// What owner and sink are owed, to be written at the end of the call.
    fn change_treasury(&mut self) -> &mut Treasury {
        self.treasury_changed = true;
        self.treasury()
    }

    fn cell(&mut self, slot: Slot) -> &mut LoadedCell {
        let number = OperatorCell::number(slot);
        let index = match self.cells.iter().position(|loaded| loaded.number == number) {
            Some(index) => index,
            None => self.load_cell(number),
        };
        // The index was found, or is that of the cell just pushed.
        #[allow(clippy::indexing_slicing)]
        &mut self.cells[index]
    }

    #[inline(never)]
    fn load_cell(&mut self, number: u32) -> usize {
        let mut bytes = Vec::new();
        if self.cells.len() >= MOST_CELLS {
            let oldest = self.cells.remove(0);
            if oldest.changed {
                self.host
                    .set_operator_cell(oldest.number, oldest.cell.bytes());
            }
            bytes = oldest.cell.into_buffer();
        }
        self.host.read_operator_cell(number, &mut bytes);
        self.cells.push(LoadedCell {
            number,
            cell: OperatorCell::new(bytes),
            changed: false,
        });
        self.cells.len().saturating_sub(1)
    }

    fn operator(&mut self, slot: Slot) -> Result<Operator, Refusal> {
        self.cell(slot)
            .cell
            .get(slot)
            .map(Operator::upgraded)
            .ok_or_else(|| Error::NoSuchOperator { slot }.into())
    }

    fn set_operator(&mut self, slot: Slot, operator: &Operator) {
        let loaded = self.cell(slot);
        loaded.cell.set(slot, operator);
        loaded.changed = true;
    }

    fn stored(&self, id: RequestId) -> Result<Box<Request>, Refusal> {
        self.host
            .request(id)
            .ok_or_else(|| Error::NoSuchRequest { request_id: id }.into())
    }

    fn credit(&mut self, id: &AccountId, amount: Balance) -> Result<(), Refusal> {
        if amount > 0 {
            let mut account = self.host.account(id).unwrap_or_default();
            account.credit = add(account.credit, amount)?;
            self.host.set_account(id, &account);
        }
        Ok(())
    }

    /// Opens an account for good, or for one request more.
    fn open_account(&mut self, id: &AccountId) -> Result<Account, Refusal> {
        let mut account = self.host.account(id).unwrap_or_default();
        account.open = account.open.checked_add(1).ok_or_else(overflow)?;
        self.host.set_account(id, &account);
        Ok(account)
    }

    /// Takes back one [`Self::open_account`].
    fn close_account(&mut self, id: &AccountId) {
        let mut account = self.host.account(id).unwrap_or_default();
        account.open = account.open.saturating_sub(1);
        self.set_or_remove(id, account);
    }

    fn set_or_remove(&mut self, id: &AccountId, account: Account) {
        if account == Account::default() {
            self.host.remove_account(id);
        } else {
            self.host.set_account(id, &account);
        }
    }

    fn grow_total(&mut self, by: Balance) -> Result<(), Refusal> {
        let mut counters = self.host.counters();
        counters.total = add(counters.total, by)?;
        self.host.set_counters(&counters);
        Ok(())
    }

    fn shrink_total(&mut self, by: Balance) -> Result<(), Refusal> {
        let mut counters = self.host.counters();
        counters.total = sub(counters.total, by)?;
        self.host.set_counters(&counters);
        Ok(())
    }
}

/// What an operator says of itself: one of an earlier version owns itself and declares nothing.
fn profile(host: &impl Host, slot: Slot, id: AccountId) -> Profile {
    host.profile(slot).unwrap_or(Profile {
        owner: id,
        family: Vec::new(),
    })
}
