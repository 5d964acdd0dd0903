//! Which of several nodes may be acted on. Pure: what was seen of each goes in, a verdict comes out.
//!
//! A node that lies low, lags or was set back is left alone; two nodes that contradict each other
//! about a finalized block stop everything, because nobody here can tell which of them is right.

use super::client::Head;
use llm_oracle_primitives::{BlockNumber, Hash};
use llm_oracle_support::address::hex0x;

/// Block times without a new block after which a node counts as stalled.
pub const STALL_BLOCKS: u32 = 3;
/// Blocks that a node's finalized head may be behind the best of the others, and still be used.
pub const LAG_BLOCKS_MAX: BlockNumber = 5;

/// What one look at a node found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// Hash of its first block.
    pub genesis: Hash,
    /// It says that it still fetches old blocks.
    pub syncing: bool,
    /// Nodes it is connected to.
    pub peers: u64,
    /// Whether it is of a network where it should have some.
    pub wants_peers: bool,
    /// Its best block.
    pub best: Head,
    /// Its finalized block.
    pub finalized: Head,
    /// For how long its best block has been the same, milliseconds.
    pub still_ms: u64,
    /// Its block at the height of [`Known::seen`], if its finalized head is that high.
    pub at_seen: Option<Hash>,
    /// Its block at the height that is final for every node looked at; `None` if it was not asked.
    pub at_common: Option<Hash>,
}

/// What a node is measured against.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known {
    /// The chain that everything is bound to, once that is known.
    pub genesis: Option<Hash>,
    /// The highest finalized block that was ever acted on.
    pub seen: Option<Head>,
    /// Time between two blocks, milliseconds; unknown on chains that make blocks on demand.
    pub block_ms: Option<u64>,
}

/// Why a node is not acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // The messages spell the fields out.
pub enum Unfit {
    OtherChain {
        found: Hash,
    },
    Syncing,
    Alone,
    /// Its finalized head is below one that was final before.
    SetBack {
        seen: Head,
        found: BlockNumber,
    },
    /// It has another block where one was final before.
    Replaced {
        seen: Head,
        found: Option<Hash>,
    },
    Stalled {
        still_ms: u64,
    },
    Lagging {
        behind: BlockNumber,
    },
}

impl std::fmt::Display for Unfit {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OtherChain { found } => {
                write!(
                    out,
                    "it serves another chain, with genesis {}",
                    hex0x(found)
                )
            }
            Self::Syncing => out.write_str("it is still syncing"),
            Self::Alone => out.write_str("it has no peers"),
            Self::SetBack { seen, found } => write!(
                out,
                "it was rolled back: block {} ({}) was final, and its finalized head is {found}",
                seen.number,
                hex0x(&seen.hash)
            ),
            Self::Replaced { seen, found } => write!(
                out,
                "it was rolled back: block {} was final with the hash {}, and it has {}",
                seen.number,
                hex0x(&seen.hash),
                found
                    .as_ref()
                    .map_or_else(|| "none".to_owned(), |hash| hex0x(hash))
            ),
            Self::Stalled { still_ms } => write!(out, "no new block for {still_ms} ms"),
            Self::Lagging { behind } => write!(out, "it is {behind} blocks behind another node"),
        }
    }
}

/// What to do with the nodes as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Act on this one.
    Use(usize),
    /// Two nodes have different blocks at a height that is final for both: sign nothing.
    Disagree {
        /// One of them.
        one: usize,
        /// The other.
        other: usize,
    },
    /// None may be acted on.
    Nobody,
}

/// Why this node may not be acted on, if it may not. `highest` is the highest finalized height that
/// any node of this chain shows.
pub fn unfit(sight: &Sight, known: &Known, highest: BlockNumber) -> Option<Unfit> {
    if known
        .genesis
        .is_some_and(|genesis| genesis != sight.genesis)
    {
        return Some(Unfit::OtherChain {
            found: sight.genesis,
        });
    }
    if sight.syncing {
        return Some(Unfit::Syncing);
    }
    if sight.wants_peers && sight.peers == 0 {
        return Some(Unfit::Alone);
    }
    if let Some(seen) = known.seen {
        let found = sight.finalized.number;
        if found < seen.number {
            return Some(Unfit::SetBack { seen, found });
        }
        if sight.at_seen != Some(seen.hash) {
            let found = sight.at_seen;
            return Some(Unfit::Replaced { seen, found });
        }
    }
    let patience = known.block_ms.map(stall_ms);
    if patience.is_some_and(|patience| sight.still_ms > patience) {
        let still_ms = sight.still_ms;
        return Some(Unfit::Stalled { still_ms });
    }
    let behind = highest.saturating_sub(sight.finalized.number);
    (behind > LAG_BLOCKS_MAX).then_some(Unfit::Lagging { behind })
}

/// How long a node may show no new block, or give no answer, milliseconds.
pub fn stall_ms(block_ms: u64) -> u64 {
    block_ms.saturating_mul(STALL_BLOCKS.into())
}

/// Whether a node's claim about finalized blocks counts against others: a node that is still
/// fetching them, or that has another chain, claims nothing.
fn claims(sight: &Sight, known: &Known) -> bool {
    let ours = known.genesis.is_none_or(|genesis| genesis == sight.genesis);
    ours && !sight.syncing
}

/// The highest finalized height of any node that counts.
pub fn highest(sights: &[Option<Sight>], known: &Known) -> BlockNumber {
    counted(sights, known)
        .map(|(_, sight)| sight.finalized.number)
        .max()
        .unwrap_or_default()
}

/// The height that is final for every node that counts; `None` when there are not two.
pub fn common_height(sights: &[Option<Sight>], known: &Known) -> Option<BlockNumber> {
    let mut counted = counted(sights, known).map(|(_, sight)| sight.finalized.number);
    let (first, second) = (counted.next()?, counted.next()?);
    Some(counted.fold(first.min(second), BlockNumber::min))
}

fn counted<'a>(
    sights: &'a [Option<Sight>],
    known: &'a Known,
) -> impl Iterator<Item = (usize, &'a Sight)> {
    let there = sights.iter().enumerate();
    there
        .filter_map(|(index, sight)| Some((index, sight.as_ref()?)))
        .filter(|(_, sight)| claims(sight, known))
}

/// Judges all nodes at once. The one in use stays in use while it is fit; otherwise the first one
/// that is, in the order of the settings.
pub fn judge(sights: &[Option<Sight>], known: &Known, current: Option<usize>) -> Verdict {
    let mut claimed: Option<(usize, Hash)> = None;
    for (other, sight) in counted(sights, known) {
        let Some(hash) = sight.at_common else {
            continue;
        };
        match claimed {
            Some((one, known)) if known != hash => return Verdict::Disagree { one, other },
            Some(_) => {}
            None => claimed = Some((other, hash)),
        }
    }
    let highest = highest(sights, known);
    let fit = |index: &usize| {
        let sight = sights.get(*index).and_then(Option::as_ref);
        sight.is_some_and(|sight| unfit(sight, known, highest).is_none())
    };
    current
        .filter(fit)
        .or_else(|| (0..sights.len()).find(fit))
        .map_or(Verdict::Nobody, Verdict::Use)
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
