//! Which of several nodes to use. Pure: the status of each node goes in, a verdict comes out.
//!
//! Nodes that are syncing, stalled, lagging, or rolled back below a finalized block are not used. When two
//! nodes have different finalized blocks at one height, none is used: this process can't tell which one is
//! right.

use super::types::Head;
use llm_oracle_primitives::{BlockNumber, Hash};
use llm_oracle_support::address::hex0x;

/// Block times without a new block after which a node counts as stalled.
const STALL_BLOCKS: u32 = 3;
/// Blocks that a node's finalized head may be behind the best of the others, and still be used.
const LAG_BLOCKS_MAX: BlockNumber = 5;

/// Result of one health check of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeStatus {
    /// Hash of its first block.
    pub genesis: Hash,
    /// Whether it is still fetching old blocks.
    pub syncing: bool,
    /// Number of nodes it is connected to.
    pub peers: u64,
    /// Whether it is part of a network, so that it should have peers.
    pub expects_peers: bool,
    /// Its best block.
    pub best: Head,
    /// Its finalized block.
    pub finalized: Head,
    /// For how long its best block has been the same, milliseconds.
    pub stalled_for_ms: u64,
    /// Its block at the height of [`NodeCriteria::seen`], if its finalized head is that high.
    pub at_seen: Option<Hash>,
    /// Its block at the height that is final for every node; `None` if that was not requested.
    pub at_common: Option<Hash>,
}

/// What a node's status is compared with.
#[derive(Debug, Clone, Copy, Default)]
pub struct NodeCriteria {
    /// Genesis of the chain that everything is bound to, once it is known.
    pub genesis: Option<Hash>,
    /// The highest finalized block that this relayer has acted on.
    pub seen: Option<Head>,
    /// Time between two blocks, milliseconds; unknown on chains that make blocks on demand.
    pub block_ms: Option<u64>,
}

/// Why a node is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // The messages spell the fields out.
pub(super) enum NodeFault {
    OtherChain {
        found: Hash,
    },
    Syncing,
    NoPeers,
    /// Its finalized head is below one that was final before.
    FinalityRegressed {
        seen: Head,
        found: BlockNumber,
    },
    /// It has another block at a height that was final before.
    FinalityConflict {
        seen: Head,
        found: Option<Hash>,
    },
    Stalled {
        stalled_for_ms: u64,
    },
    Lagging {
        behind: BlockNumber,
    },
}

impl std::fmt::Display for NodeFault {
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
            Self::NoPeers => out.write_str("it has no peers"),
            Self::FinalityRegressed { seen, found } => write!(
                out,
                "it was rolled back: block {} ({}) was final, and its finalized head is {found}",
                seen.number,
                hex0x(&seen.hash)
            ),
            Self::FinalityConflict { seen, found } => write!(
                out,
                "it was rolled back: block {} was final with the hash {}, and it has {}",
                seen.number,
                hex0x(&seen.hash),
                found
                    .as_ref()
                    .map_or_else(|| "none".to_owned(), |hash| hex0x(hash))
            ),
            Self::Stalled { stalled_for_ms } => write!(out, "no new block for {stalled_for_ms} ms"),
            Self::Lagging { behind } => write!(out, "it is {behind} blocks behind another node"),
        }
    }
}

/// Which node to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NodeVerdict {
    /// Use this one.
    Use(usize),
    /// Two nodes have different blocks at a height that is final for both: use none and sign nothing.
    Disagree {
        /// One of them.
        one: usize,
        /// The other.
        other: usize,
    },
    /// None is healthy.
    NoneHealthy,
}

/// Why this node is not used; `None` when it is healthy. `highest` is the highest finalized height of any
/// node of this chain.
pub(super) fn node_fault(
    status: &NodeStatus,
    criteria: &NodeCriteria,
    highest: BlockNumber,
) -> Option<NodeFault> {
    if criteria
        .genesis
        .is_some_and(|genesis| genesis != status.genesis)
    {
        return Some(NodeFault::OtherChain {
            found: status.genesis,
        });
    }
    if status.syncing {
        return Some(NodeFault::Syncing);
    }
    if status.expects_peers && status.peers == 0 {
        return Some(NodeFault::NoPeers);
    }
    if let Some(seen) = criteria.seen {
        let found = status.finalized.number;
        if found < seen.number {
            return Some(NodeFault::FinalityRegressed { seen, found });
        }
        if status.at_seen != Some(seen.hash) {
            let found = status.at_seen;
            return Some(NodeFault::FinalityConflict { seen, found });
        }
    }
    let limit_ms = criteria.block_ms.map(stall_ms);
    if limit_ms.is_some_and(|limit_ms| status.stalled_for_ms > limit_ms) {
        let stalled_for_ms = status.stalled_for_ms;
        return Some(NodeFault::Stalled { stalled_for_ms });
    }
    let behind = highest.saturating_sub(status.finalized.number);
    (behind > LAG_BLOCKS_MAX).then_some(NodeFault::Lagging { behind })
}

/// How long a node may go without a new block, or leave a request unanswered, milliseconds.
pub(super) fn stall_ms(block_ms: u64) -> u64 {
    block_ms.saturating_mul(STALL_BLOCKS.into())
}

/// Whether a node's finalized blocks are compared with those of others: not while it is syncing, and not
/// if it serves another chain.
fn is_comparable(status: &NodeStatus, criteria: &NodeCriteria) -> bool {
    let ours = criteria
        .genesis
        .is_none_or(|genesis| genesis == status.genesis);
    ours && !status.syncing
}

/// The highest finalized height of the comparable nodes.
pub(super) fn highest(statuses: &[Option<NodeStatus>], criteria: &NodeCriteria) -> BlockNumber {
    comparable(statuses, criteria)
        .map(|(_, status)| status.finalized.number)
        .max()
        .unwrap_or_default()
}

/// The height that is final for every comparable node; `None` when there are fewer than two.
pub(super) fn common_height(
    statuses: &[Option<NodeStatus>],
    criteria: &NodeCriteria,
) -> Option<BlockNumber> {
    let mut heights = comparable(statuses, criteria).map(|(_, status)| status.finalized.number);
    let (first, second) = (heights.next()?, heights.next()?);
    Some(heights.fold(first.min(second), BlockNumber::min))
}

fn comparable<'a>(
    statuses: &'a [Option<NodeStatus>],
    criteria: &'a NodeCriteria,
) -> impl Iterator<Item = (usize, &'a NodeStatus)> {
    let there = statuses.iter().enumerate();
    there
        .filter_map(|(index, status)| Some((index, status.as_ref()?)))
        .filter(|(_, status)| is_comparable(status, criteria))
}

/// Chooses a node. The current one stays in use while it is healthy; otherwise the first healthy one is
/// used, in the order of the settings.
pub(super) fn verdict(
    statuses: &[Option<NodeStatus>],
    criteria: &NodeCriteria,
    current: Option<usize>,
) -> NodeVerdict {
    let mut reference: Option<(usize, Hash)> = None;
    for (other, status) in comparable(statuses, criteria) {
        let Some(hash) = status.at_common else {
            continue;
        };
        match reference {
            Some((one, expected)) if expected != hash => {
                return NodeVerdict::Disagree { one, other }
            }
            Some(_) => {}
            None => reference = Some((other, hash)),
        }
    }
    let highest = highest(statuses, criteria);
    let healthy = |index: &usize| {
        let status = statuses.get(*index).and_then(Option::as_ref);
        status.is_some_and(|status| node_fault(status, criteria, highest).is_none())
    };
    current
        .filter(healthy)
        .or_else(|| (0..statuses.len()).find(healthy))
        .map_or(NodeVerdict::NoneHealthy, NodeVerdict::Use)
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
