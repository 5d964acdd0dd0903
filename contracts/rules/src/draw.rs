//! Drawing committees: the beacon, the tickets, and what a request knows of its draw.
//!
//! Tickets are numbered for ever, in the order in which bonds grew. A request notes at the ask how
//! many there were, so who bonds later has none in its draw. A bond that shrinks voids its owner's
//! oldest tickets. So the number that a lot falls on always means the same operator, whatever others
//! do after the seed is known: they can make their own tickets void, and move nobody else's.

use core::mem::size_of;
use llm_oracle_primitives::{
    digest, limits::MAX_FOLDS, Balance, BlockNumber, Hash, Params, RequestId, Slot,
};
use scale::{Decode, Encode};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::{overflow, packed::Packed, Operator, Refusal};

/// Stands in a committee for a seat that nobody was drawn for.
pub const NOT_DRAWN: Slot = Slot::MAX;

/// What a request knows of its draw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Draw {
    /// How far it is.
    pub state: DrawState,
    /// First block whose fold may draw.
    pub from: BlockNumber,
    /// Last block whose fold may draw.
    pub until: BlockNumber,
    /// First block in which free seats are open to any operator.
    pub opens_to_all_at: BlockNumber,
    /// Tickets that there were at the ask.
    pub tickets: u64,
    /// The beacon at the ask.
    pub beacon: Hash,
}

/// How far a draw is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub enum DrawState {
    /// The committee is not drawn at all.
    #[default]
    Unwanted,
    /// The seed is not known, or nobody has called since.
    Waiting,
    /// Drawn from a fold.
    Drawn,
    /// Drawn without a fold.
    Weak,
}

impl Draw {
    /// The draw of a request asked in block `asked_at` whose commits count from `opens_at`.
    ///
    /// # Errors
    /// `Overflow`.
    pub fn open(
        params: &Params,
        (asked_at, opens_at): (BlockNumber, BlockNumber),
        commit_blocks: u32,
        (tickets, beacon): (u64, Hash),
    ) -> Result<Self, Refusal> {
        let after = |block: BlockNumber, blocks: u32| block.checked_add(blocks);
        let half = commit_blocks.div_ceil(2);
        let open = || {
            Some(Self {
                state: DrawState::Waiting,
                from: after(asked_at, params.draw_delay)?,
                until: after(asked_at, params.draw_timeout)?,
                opens_to_all_at: after(after(opens_at, params.draw_timeout)?, half)?,
                tickets,
                beacon,
            })
        };
        open().ok_or_else(overflow)
    }

    /// Whether the committee is drawn at all.
    pub fn is_wanted(&self) -> bool {
        self.state != DrawState::Unwanted
    }

    /// Whether it has been drawn.
    pub fn is_done(&self) -> bool {
        matches!(self.state, DrawState::Drawn | DrawState::Weak)
    }
}

/// The end of a request as the beacon remembers it: of those of one block the one whose salts had been
/// committed to first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Fold {
    /// Block of the end.
    pub block: BlockNumber,
    /// Last block in which a salt of it could be committed to.
    pub bound_at: BlockNumber,
    /// See [`digest::salts`].
    pub salts: Hash,
}

/// What most ends of a request change, as it lies in its cell: the beacon, and what owner and sink are
/// owed. One write instead of two or three.
#[derive(Clone, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct House {
    /// Owed to the owner, besides what its own account holds, planck.
    pub owner_credit: Balance,
    /// Owed to the sink, besides what its own account holds, planck.
    pub sink_credit: Balance,
    /// The beacon.
    pub beacon: Beacon,
}

impl House {
    /// The house of a deployment that has folded nothing and is owed nothing.
    pub fn new(domain: Hash) -> Self {
        Self {
            owner_credit: 0,
            sink_credit: 0,
            beacon: Beacon::new(domain),
        }
    }
}

/// The beacon with its latest folds, and the number of tickets.
#[derive(Clone, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Beacon {
    /// The value now.
    pub value: Hash,
    /// Tickets given out so far.
    pub tickets: u64,
    /// Entries of the list of tickets.
    pub entries: u32,
    /// Blocks with a fold so far; the latest [`MAX_FOLDS`] are kept.
    pub folds: u32,
    ring: [Fold; MAX_FOLDS as usize],
}

const _: () = assert!(size_of::<Beacon>() == 48 + 40 * MAX_FOLDS as usize);

impl Beacon {
    /// The beacon of a fresh deployment: it starts from the domain.
    pub fn new(domain: Hash) -> Self {
        Self {
            value: domain,
            tickets: 0,
            entries: 0,
            folds: 0,
            ring: [Fold::default(); MAX_FOLDS as usize],
        }
    }

    fn place(number: u32) -> usize {
        number.checked_rem(MAX_FOLDS).unwrap_or(0) as usize
    }

    /// Folds the salts of a request in, which were all committed to by block `bound_at`.
    pub fn fold(&mut self, salts: Hash, bound_at: BlockNumber, now: BlockNumber) {
        self.value = digest::fold(&self.value, &salts);
        let fold = Fold {
            block: now,
            bound_at,
            salts,
        };
        let last = self.kept(self.folds.wrapping_sub(1));
        let number = match last {
            Some(last) if last.block == now && last.bound_at <= bound_at => return,
            Some(last) if last.block == now => self.folds.saturating_sub(1),
            _ => self.folds,
        };
        if let Some(place) = self.ring.get_mut(Self::place(number)) {
            *place = fold;
            self.folds = number.saturating_add(1);
        }
    }

    /// Fold number `number`, while it is remembered.
    fn kept(&self, number: u32) -> Option<Fold> {
        let age = self.folds.checked_sub(number)?;
        let kept = (1..=MAX_FOLDS).contains(&age);
        kept.then(|| self.ring.get(Self::place(number)).copied())?
    }

    /// The seed of a request asked in block `asked_at`, and whether it is a weak one; none while it is
    /// not known, and none any more when it may have been forgotten.
    ///
    /// Only salts that were committed to before the ask count, with the beacon as it was then: a party
    /// that commits or folds afterwards can't choose what comes out.
    pub fn seed(
        &self,
        id: RequestId,
        draw: &Draw,
        (asked_at, now): (BlockNumber, BlockNumber),
    ) -> Option<(Hash, bool)> {
        let oldest = self.folds.saturating_sub(MAX_FOLDS);
        if oldest > 0 && self.kept(oldest)?.block > draw.from {
            return None;
        }
        let due = (oldest..self.folds)
            .filter_map(|number| self.kept(number))
            .find(|fold| fold.block >= draw.from && fold.bound_at < asked_at);
        match due.filter(|fold| fold.block <= draw.until) {
            Some(fold) => Some((digest::seed(&draw.beacon, &fold.salts, id), false)),
            None if now > draw.until => {
                let seed = digest::weak_seed(&draw.beacon, id, draw.until);
                Some((seed, true))
            }
            None => None,
        }
    }
}

/// A run of tickets of one operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Tickets {
    /// Number after the last one.
    pub end: u64,
    /// How many tickets the operator had been given before.
    pub first_of_owner: u64,
    /// The operator.
    pub slot: Slot,
    reserved: u32,
}

/// Runs of tickets in one storage cell: 256 of 24 bytes.
pub type TicketCell = Packed<Tickets, 256>;

impl Tickets {
    /// The next run.
    pub fn new(end: u64, first_of_owner: u64, slot: Slot) -> Self {
        Self {
            end,
            first_of_owner,
            slot,
            reserved: 0,
        }
    }

    /// Whether ticket number `ticket` of this run, which begins at `start`, can be drawn.
    pub fn is_valid(&self, ticket: u64, start: u64, owner: &Operator) -> bool {
        let of_owner = ticket
            .saturating_sub(start)
            .saturating_add(self.first_of_owner);
        of_owner >= owner.void_tickets
    }
}

/// Numbers below `bound` drawn from a seed, four from each digest.
pub struct Lots<'a> {
    seed: &'a Hash,
    bound: u64,
    count: u32,
    digest: Hash,
}

impl<'a> Lots<'a> {
    /// Starts a draw.
    pub fn new(seed: &'a Hash, bound: u64) -> Self {
        Self {
            seed,
            bound,
            count: 0,
            digest: Hash::default(),
        }
    }

    /// The next number.
    pub fn next_lot(&mut self) -> u64 {
        const BYTES: usize = size_of::<u64>();
        let place = self.count as usize % (32 / BYTES);
        if place == 0 {
            self.digest = digest::lot(self.seed, self.count);
        }
        self.count = self.count.saturating_add(1);
        let chunk = self.digest.chunks_exact(BYTES).nth(place);
        let number = chunk.and_then(|chunk| Some(u64::from_le_bytes(chunk.try_into().ok()?)));
        // The upper half of the product: below the bound, and uneven by less than bound / 2^64.
        let product = u128::from(number.unwrap_or(0)).wrapping_mul(u128::from(self.bound));
        (product >> 64) as u64
    }
}

/// Lots drawn for a committee at most: some for each seat, and some more, for a lot may fall on a void
/// ticket or on somebody who is in already.
pub fn most_lots(seats: u8) -> u32 {
    u32::from(seats).saturating_mul(8).saturating_add(64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    const DOMAIN: Hash = [9; 32];
    const ASKED_AT: BlockNumber = 3;

    fn draw(from: u32, until: u32) -> Draw {
        Draw {
            state: DrawState::Waiting,
            from,
            until,
            opens_to_all_at: until + 10,
            tickets: 1,
            beacon: [8; 32],
        }
    }

    fn seed(beacon: &Beacon, draw: &Draw, now: BlockNumber) -> Option<(Hash, bool)> {
        beacon.seed(1, draw, (ASKED_AT, now))
    }

    fn strong(salts: Hash) -> Option<(Hash, bool)> {
        Some((digest::seed(&[8; 32], &salts, 1), false))
    }

    fn weak(until: BlockNumber) -> Option<(Hash, bool)> {
        Some((digest::weak_seed(&[8; 32], 1, until), true))
    }

    #[test]
    fn the_first_fold_from_the_delay_on_makes_the_seed() {
        let mut beacon = Beacon::new(DOMAIN);
        assert_eq!(seed(&beacon, &draw(5, 9), 9), None);
        for (block, salts) in [(4, 1), (6, 2), (6, 3), (7, 4)] {
            beacon.fold([salts; 32], 2, block);
        }
        assert_eq!(beacon.folds, 3);
        assert_eq!(seed(&beacon, &draw(5, 9), 7), strong([2; 32]));
        // Later folds change nothing.
        beacon.fold([5; 32], 1, 8);
        assert_eq!(seed(&beacon, &draw(5, 9), 80), strong([2; 32]));
    }

    #[test]
    fn salts_committed_to_after_the_ask_draw_nothing_and_change_nothing() {
        let mut beacon = Beacon::new(DOMAIN);
        beacon.fold([1; 32], ASKED_AT, 6);
        assert_eq!(seed(&beacon, &draw(5, 9), 9), None);
        assert_eq!(seed(&beacon, &draw(5, 9), 10), weak(9));
        // In one block the older commitments count, whatever came first.
        beacon.fold([2; 32], ASKED_AT - 1, 6);
        beacon.fold([3; 32], ASKED_AT, 6);
        assert_eq!(seed(&beacon, &draw(5, 9), 9), strong([2; 32]));
    }

    #[test]
    fn without_a_fold_the_seed_is_weak_and_stays_the_same() {
        let mut beacon = Beacon::new(DOMAIN);
        assert_eq!(seed(&beacon, &draw(5, 9), 10), weak(9));
        beacon.fold([1; 32], 2, 11);
        assert_eq!(seed(&beacon, &draw(5, 9), 12), weak(9));
    }

    #[test]
    fn a_fold_that_may_not_be_the_first_draws_nothing() {
        let mut beacon = Beacon::new(DOMAIN);
        for block in 0..=MAX_FOLDS {
            beacon.fold([1; 32], 2, 10 + block);
        }
        assert_eq!(seed(&beacon, &draw(10, 20), 100), None);
        assert_eq!(seed(&beacon, &draw(11, 20), 100), strong([1; 32]));
    }

    #[test]
    fn lots_stay_below_the_bound_and_reach_all_of_it() {
        let mut lots = Lots::new(&DOMAIN, 3);
        let mut seen = [0u32; 3];
        for _ in 0..300 {
            seen[lots.next_lot() as usize] += 1;
        }
        assert!(seen.iter().all(|count| *count > 60), "{seen:?}");
    }
}
