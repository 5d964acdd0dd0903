//! Entries of peers that were no longer needed when they came up.

use llm_oracle_support::clock::Instant;
use std::{collections::HashMap, time::Duration};

/// Obsolete entries of a peer in [`WINDOW`] that are put down to blocks that came meanwhile. Each further
/// one is a fault: it costs work here and nothing there.
const OBSOLETE_MAX: u32 = 64;
/// Time in which they are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// Counts them for each peer.
#[derive(Debug, Default)]
pub(super) struct ObsoleteEntries(HashMap<usize, (Instant, u32)>);

impl ObsoleteEntries {
    /// Counts one; says whether it is a fault.
    pub(super) fn add(&mut self, peer: usize, now: Instant) -> bool {
        let (since, count) = self.0.entry(peer).or_insert((now, 0));
        if now.saturating_duration_since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count > OBSOLETE_MAX
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn obsolete_entries_are_faults_beyond_a_few() {
        let (mut entries, now) = (ObsoleteEntries::default(), Instant::now());
        for _ in 0..OBSOLETE_MAX {
            assert!(!entries.add(0, now));
        }
        assert!(entries.add(0, now));
        assert!(!entries.add(1, now), "another peer");
        assert!(!entries.add(0, now.checked_add(WINDOW).unwrap()));
    }
}
