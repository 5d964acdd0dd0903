//! Entries of peers that wait to be submitted. In memory only: the peer that handed one off still has it.

use super::wire::{EntryKey, EntryKind, SignedEntry};
use llm_oracle_primitives::RequestId;
use llm_oracle_support::clock::Instant;
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

/// How long an entry is kept; by then its operator has submitted it itself.
const TTL: Duration = Duration::from_secs(60);
/// Most entries of one peer.
const PEER_ENTRIES_MAX: usize = 512;

/// An entry of a peer in the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PooledEntry {
    /// The peer that handed it off.
    pub peer: usize,
    /// The entry.
    pub entry: SignedEntry,
    /// Whether its signature has been verified.
    pub verified: bool,
    arrived: Instant,
}

/// The entries that peers have handed off.
#[derive(Debug, Default)]
pub struct EntryPool {
    entries: BTreeMap<EntryKey, PooledEntry>,
    /// Since when an entry of a request has been ready here.
    since: HashMap<(EntryKind, RequestId), Instant>,
}

impl EntryPool {
    /// Adds an entry, replacing an earlier one for the same seat; `false` if there is no room.
    pub fn add(&mut self, peer: usize, entry: SignedEntry, now: Instant) -> bool {
        let key = entry.key();
        let of_peer = self.entries.values().filter(|one| one.peer == peer);
        if !self.entries.contains_key(&key) && of_peer.count() >= PEER_ENTRIES_MAX {
            return false;
        }
        let pooled = PooledEntry {
            peer,
            entry,
            verified: false,
            arrived: now,
        };
        self.entries.insert(key, pooled);
        true
    }

    /// Keys of all entries of one kind, ordered by request.
    pub fn keys(&self, kind: EntryKind) -> Vec<EntryKey> {
        let keys = self.entries.keys().filter(|key| key.kind == kind);
        keys.copied().collect()
    }

    /// The entry with this key.
    pub fn get(&self, key: &EntryKey) -> Option<&PooledEntry> {
        self.entries.get(key)
    }

    /// Records that the signature of an entry has been verified.
    pub fn mark_verified(&mut self, key: &EntryKey) {
        if let Some(pooled) = self.entries.get_mut(key) {
            pooled.verified = true;
        }
    }

    /// Removes an entry.
    pub fn remove(&mut self, key: &EntryKey) {
        self.entries.remove(key);
    }

    /// Until when the ready entries of a request wait for the others; `None` once `window` has passed since
    /// the first call for this request.
    pub fn waits_until(
        &mut self,
        kind: EntryKind,
        request_id: RequestId,
        window: Duration,
        now: Instant,
    ) -> Option<Instant> {
        let since = *self.since.entry((kind, request_id)).or_insert(now);
        let end = since.checked_add(window)?;
        (now < end).then_some(end)
    }

    /// Removes old entries.
    pub fn sweep(&mut self, now: Instant) {
        let young = |since: Instant| now.saturating_duration_since(since) < TTL;
        self.entries.retain(|_, pooled| young(pooled.arrived));
        self.since.retain(|_, since| young(*since));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{super::samples, *};

    #[test]
    fn the_newest_entry_of_a_seat_is_kept_and_each_peer_has_its_own_room() {
        let (mut pool, now) = (EntryPool::default(), Instant::now());
        let entry = |request_id| {
            let mut entry = samples::commit(1, 2);
            if let super::super::Payload::Commit(entry) = &mut entry.payload {
                entry.request_id = request_id;
            }
            entry
        };
        for id in 0..PEER_ENTRIES_MAX as u64 {
            assert!(pool.add(0, entry(id), now));
        }
        assert!(!pool.add(0, entry(u64::MAX), now), "no room");
        assert!(pool.add(1, entry(u64::MAX), now), "another peer's room");
        let mut other = entry(3);
        if let super::super::Payload::Commit(entry) = &mut other.payload {
            entry.commitment = [9; 32];
        }
        pool.mark_verified(&other.key());
        assert!(pool.get(&other.key()).unwrap().verified);
        assert!(pool.add(0, other.clone(), now), "a seat that has its place");
        // Its signature is another one.
        assert!(!pool.get(&other.key()).unwrap().verified);
        assert_eq!(pool.get(&other.key()).unwrap().entry, other);
        assert_eq!(pool.keys(EntryKind::Commit).len(), PEER_ENTRIES_MAX + 1);
        assert!(pool.keys(EntryKind::Reveal).is_empty());
        pool.sweep(now.checked_add(TTL).unwrap());
        assert!(pool.keys(EntryKind::Commit).is_empty());
    }

    #[test]
    fn a_batch_is_waited_for_once() {
        let (mut pool, start) = (EntryPool::default(), Instant::now());
        let window = Duration::from_millis(500);
        let after = |ms| start.checked_add(Duration::from_millis(ms)).unwrap();
        let mut until = |ms| pool.waits_until(EntryKind::Commit, 7, window, after(ms));
        assert_eq!(until(0), Some(after(500)));
        assert_eq!(until(499), Some(after(500)));
        assert_eq!(until(500), None);
        assert_eq!(until(900), None, "a late one goes at once");
        let other = pool.waits_until(EntryKind::Reveal, 7, window, after(900));
        assert_eq!(other, Some(after(1_400)));
    }
}
