//! Entries of peers that wait to be carried. In memory only: whoever handed one over still has it.

use super::wire::{Handed, Key, Kind};
use llm_oracle_primitives::RequestId;
use llm_oracle_support::clock::Instant;
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

/// How long an entry is kept; its operator has sent it itself by then.
const KEPT_FOR: Duration = Duration::from_secs(60);
/// Entries of one peer that are kept.
const PEER_ENTRIES_MAX: usize = 512;

/// An entry of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// The peer that handed it over.
    pub peer: usize,
    /// The entry.
    pub handed: Handed,
    /// Its signature has been found good.
    pub signed: bool,
    arrived: Instant,
}

/// What peers have handed over.
#[derive(Debug, Default)]
pub struct Pool {
    entries: BTreeMap<Key, Foreign>,
    /// Since when something of a request has been ready here.
    since: HashMap<(Kind, RequestId), Instant>,
}

impl Pool {
    /// Keeps an entry, in the place of an earlier one for the same seat; `false` if there is no room.
    pub fn add(&mut self, peer: usize, handed: Handed, now: Instant) -> bool {
        let key = handed.key();
        let of_peer = self.entries.values().filter(|one| one.peer == peer);
        if !self.entries.contains_key(&key) && of_peer.count() >= PEER_ENTRIES_MAX {
            return false;
        }
        let foreign = Foreign {
            peer,
            handed,
            signed: false,
            arrived: now,
        };
        self.entries.insert(key, foreign);
        true
    }

    /// The seats of one kind that something is kept for, those of one request beside each other.
    pub fn keys(&self, kind: Kind) -> Vec<Key> {
        let keys = self.entries.keys().filter(|key| key.kind == kind);
        keys.copied().collect()
    }

    /// What is kept for a seat.
    pub fn get(&self, key: &Key) -> Option<&Foreign> {
        self.entries.get(key)
    }

    /// Notes that the signature of what is kept for a seat is good.
    pub fn is_signed(&mut self, key: &Key) {
        if let Some(foreign) = self.entries.get_mut(key) {
            foreign.signed = true;
        }
    }

    /// Forgets what is kept for a seat.
    pub fn remove(&mut self, key: &Key) {
        self.entries.remove(key);
    }

    /// Until when what is ready of a request waits for the rest; `None` once it has waited for
    /// `company` since it was first asked for.
    pub fn waits_until(
        &mut self,
        kind: Kind,
        request_id: RequestId,
        company: Duration,
        now: Instant,
    ) -> Option<Instant> {
        let since = *self.since.entry((kind, request_id)).or_insert(now);
        let end = since.checked_add(company)?;
        (now < end).then_some(end)
    }

    /// Forgets what is old.
    pub fn sweep(&mut self, now: Instant) {
        let young = |since: Instant| now.saturating_duration_since(since) < KEPT_FOR;
        self.entries.retain(|_, foreign| young(foreign.arrived));
        self.since.retain(|_, since| young(*since));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{super::sample, *};

    #[test]
    fn the_newest_entry_of_a_seat_is_kept_and_each_peer_has_its_own_room() {
        let (mut pool, now) = (Pool::default(), Instant::now());
        let handed = |request_id| {
            let mut handed = sample::commit(1, 2);
            if let super::super::Load::Commit(entry) = &mut handed.load {
                entry.request_id = request_id;
            }
            handed
        };
        for id in 0..PEER_ENTRIES_MAX as u64 {
            assert!(pool.add(0, handed(id), now));
        }
        assert!(!pool.add(0, handed(u64::MAX), now), "no room");
        assert!(pool.add(1, handed(u64::MAX), now), "another peer's room");
        let mut other = handed(3);
        if let super::super::Load::Commit(entry) = &mut other.load {
            entry.commitment = [9; 32];
        }
        pool.is_signed(&other.key());
        assert!(pool.get(&other.key()).unwrap().signed);
        assert!(pool.add(0, other.clone(), now), "a seat that has its place");
        // Its signature is another one.
        assert!(!pool.get(&other.key()).unwrap().signed);
        assert_eq!(pool.get(&other.key()).unwrap().handed, other);
        assert_eq!(pool.keys(Kind::Commit).len(), PEER_ENTRIES_MAX + 1);
        assert!(pool.keys(Kind::Reveal).is_empty());
        pool.sweep(now.checked_add(KEPT_FOR).unwrap());
        assert!(pool.keys(Kind::Commit).is_empty());
    }

    #[test]
    fn company_is_waited_for_once() {
        let (mut pool, start) = (Pool::default(), Instant::now());
        let company = Duration::from_millis(500);
        let after = |ms| start.checked_add(Duration::from_millis(ms)).unwrap();
        let mut until = |ms| pool.waits_until(Kind::Commit, 7, company, after(ms));
        assert_eq!(until(0), Some(after(500)));
        assert_eq!(until(499), Some(after(500)));
        assert_eq!(until(500), None);
        assert_eq!(until(900), None, "a late one goes at once");
        let other = pool.waits_until(Kind::Reveal, 7, company, after(900));
        assert_eq!(other, Some(after(1_400)));
    }
}
