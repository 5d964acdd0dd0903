//! What the owner may do: pause, hand over, and announce changes that take their time.

use llm_oracle_primitives::{
    event::{
        Event, OwnershipOffered, OwnershipTaken, ParamsAnnounced, PauseSet, UpgradeAnnounced,
        Upgraded,
    },
    AccountId, BlockNumber, Error, Hash, Params,
};

use super::Oracle;
use crate::{overflow, refuse, Announced, Host, ParamsCell, Refusal};

impl<H: Host> Oracle<H> {
    fn only_owner(&self) -> Result<(), Refusal> {
        if self.host.caller() != self.host.identity().owner() {
            return refuse(Error::NotTheOwner);
        }
        Ok(())
    }

    /// Parameters in force.
    pub(super) fn params(&self) -> Params {
        self.host.params_cell().in_force(self.host.block())
    }

    /// First block in which what is announced now can take effect: after the delay in force, and no
    /// sooner than the notice that the constructor fixed, which no parameter shortens.
    fn due(&self) -> Result<BlockNumber, Refusal> {
        let notice = self.host.identity().min_notice_blocks;
        let delay = self.params().upgrade_delay_blocks.max(notice);
        self.host.block().checked_add(delay).ok_or_else(overflow)
    }

    /// Stops new requests and registrations, or lets them go on. Nothing else is ever paused.
    ///
    /// # Errors
    /// `NotTheOwner`.
    pub fn set_paused(&mut self, paused: bool) -> Result<(), Refusal> {
        self.only_owner()?;
        let mut counters = self.host.counters();
        counters.set_paused(paused);
        self.host.set_counters(&counters);
        self.host.emit(Event::PauseSet(PauseSet { paused }));
        Ok(())
    }

    /// Refuses while the owner has paused.
    pub(super) fn refuse_if_paused(&self) -> Result<(), Refusal> {
        if self.host.counters().is_paused() {
            return refuse(Error::Paused);
        }
        Ok(())
    }

    /// Offers the ownership; it moves when the account takes it. An offer to the owner itself takes an
    /// earlier one back.
    ///
    /// # Errors
    /// `NotTheOwner`.
    pub fn offer_ownership(&mut self, to: AccountId) -> Result<(), Refusal> {
        self.only_owner()?;
        self.host.set_offered_to(Some(&to));
        self.host
            .emit(Event::OwnershipOffered(OwnershipOffered { to }));
        Ok(())
    }

    /// Takes the ownership that was offered to the caller.
    ///
    /// # Errors
    /// `NotTheOwner`.
    pub fn take_ownership(&mut self) -> Result<(), Refusal> {
        let caller = self.host.caller();
        if self.host.offered_to() != Some(caller) {
            return refuse(Error::NotTheOwner);
        }
        self.host.set_offered_to(None);
        let mut identity = self.host.identity();
        // The owner's account stays open, so that settling never opens one.
        self.open_account(&caller)?;
        let former = identity.owner();
        let earned = core::mem::take(&mut self.change_treasury().owner_credit);
        self.credit(&former, earned)?;
        self.close_account(&former);
        identity.set_owner(caller);
        self.host.set_identity(&identity);
        self.host
            .emit(Event::OwnershipTaken(OwnershipTaken { owner: caller }));
        Ok(())
    }

    /// Announces parameters; they hold after the upgrade delay, for requests asked from then on. A new
    /// announcement replaces one that is not in force yet.
    ///
    /// # Errors
    /// `NotTheOwner`, `BadParameter`, `Overflow`.
    pub fn announce_params(&mut self, params: Params) -> Result<BlockNumber, Refusal> {
        self.only_owner()?;
        params.check(self.host.identity().unit)?;
        let from = self.due()?;
        let current = self.params();
        self.host.set_params_cell(&ParamsCell {
            current,
            next: params,
            from,
        });
        self.host
            .emit(Event::ParamsAnnounced(ParamsAnnounced { params, from }));
        Ok(from)
    }

    /// Announces code that is on the chain, by its hash. It waits as long as parameters do, and until
    /// every request that is open now and every bond that waits now can be out. A new announcement
    /// replaces the earlier one and waits anew.
    ///
    /// # Errors
    /// `NotTheOwner`, `NoSuchCode`, `Overflow`.
    pub fn announce_upgrade(&mut self, code_hash: Hash) -> Result<BlockNumber, Refusal> {
        self.only_owner()?;
        if !self.host.has_code(&code_hash) {
            return refuse(Error::NoSuchCode);
        }
        let reach = self.host.counters().reach;
        let from = self.due()?.max(reach.saturating_add(1));
        self.host
            .set_next_code(Some(&Announced { code_hash, from }));
        self.host.emit(Event::UpgradeAnnounced(UpgradeAnnounced {
            code_hash,
            from,
        }));
        Ok(from)
    }

    /// Installs the announced code once it is due. The announcement lapses after as many blocks more as
    /// the upgrade delay has.
    ///
    /// # Errors
    /// `NotTheOwner`, `NothingAnnounced`, `NotDueYet`, `NoSuchCode`.
    pub fn upgrade(&mut self) -> Result<(), Refusal> {
        self.only_owner()?;
        let next = self.host.next_code().ok_or(Error::NothingAnnounced)?;
        let (from, now) = (next.from, self.host.block());
        if now < from {
            return refuse(Error::NotDueYet { from, now });
        }
        if now > from.saturating_add(self.params().upgrade_delay_blocks) {
            return refuse(Error::NothingAnnounced);
        }
        self.host.set_next_code(None);
        let code_hash = next.code_hash;
        if !self.host.set_code(&code_hash) {
            return refuse(Error::NoSuchCode);
        }
        self.host.emit(Event::Upgraded(Upgraded { code_hash }));
        Ok(())
    }
}
