//! Which of several nodes to use. Pure: the status of each node goes in, a verdict comes out.
//!
//! Nodes that are syncing, stalled, lagging, far ahead of the others, or rolled back below a finalized block
//! are not used. A finalized height is believed when more than half of the nodes that answer have it, with
//! two nodes when both have it. A node that most others contradict is not used; when two nodes contradict
//! each other and nobody decides, none is used.

use super::types::Head;
use llm_oracle_primitives::{BlockNumber, Hash};
use llm_oracle_support::address::hex0x;

/// Block times without a new block after which a node counts as stalled.
const STALL_BLOCKS: u32 = 3;
/// Blocks that a node's finalized head may be behind the height that is believed, and still be used.
const LAG_BLOCKS_MAX: BlockNumber = 5;
/// Blocks that it may be ahead of it.
const LEAD_BLOCKS_MAX: BlockNumber = 5;
/// Time after which a node without a new block counts as stalled while another one has newer blocks,
/// milliseconds. For chains that make blocks on demand.
const LEFT_BEHIND_MS: u64 = 60_000;

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
    /// Whether the node in use is asked for its heads although it says them by itself: nothing was heard
    /// of it for a while.
    pub ask_heads: bool,
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
    /// It claims finalized blocks that the others do not have.
    Ahead {
        ahead: BlockNumber,
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
            Self::Lagging { behind } => write!(out, "it is {behind} blocks behind the other nodes"),
            Self::Ahead { ahead } => write!(
                out,
                "it claims {ahead} finalized blocks more than the other nodes"
            ),
        }
    }
}

/// Why this node is not used; `None` when it is healthy. `believed` is the finalized height that
/// a quorum of the nodes of this chain has.
pub(super) fn node_fault(
    status: &NodeStatus,
    criteria: &NodeCriteria,
    believed: BlockNumber,
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
    let behind = believed.saturating_sub(status.finalized.number);
    if behind > LAG_BLOCKS_MAX {
        return Some(NodeFault::Lagging { behind });
    }
    let ahead = status.finalized.number.saturating_sub(believed);
    (ahead > LEAD_BLOCKS_MAX).then_some(NodeFault::Ahead { ahead })
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

/// The nodes that have a say about the finalized height: not those that are syncing, on another chain, or
/// without new blocks while others have some.
pub(super) fn voters<'a>(
    statuses: &'a [Option<NodeStatus>],
    criteria: &'a NodeCriteria,
) -> impl Iterator<Item = (usize, &'a NodeStatus)> {
    let there = statuses.iter().enumerate();
    there
        .filter_map(|(index, status)| Some((index, status.as_ref()?)))
        .filter(|(_, status)| is_comparable(status, criteria))
        .filter(|(_, status)| !is_left_behind(status, statuses, criteria))
}

fn is_left_behind(
    status: &NodeStatus,
    statuses: &[Option<NodeStatus>],
    criteria: &NodeCriteria,
) -> bool {
    let limit_ms = criteria.block_ms.map_or(LEFT_BEHIND_MS, stall_ms);
    let newer = |other: &NodeStatus| {
        is_comparable(other, criteria) && other.best.number > status.best.number
    };
    status.stalled_for_ms > limit_ms && statuses.iter().flatten().any(newer)
}

/// The finalized height that a quorum claims: with one node its own, with two the lower one.
pub(super) fn believed_height(
    statuses: &[Option<NodeStatus>],
    criteria: &NodeCriteria,
) -> BlockNumber {
    let heights = voters(statuses, criteria).map(|(_, status)| status.finalized.number);
    quorum(heights.collect()).unwrap_or_default()
}

/// The greatest height that more than half of these reach.
fn quorum(mut heights: Vec<BlockNumber>) -> Option<BlockNumber> {
    heights.sort_unstable_by(|one, other| other.cmp(one));
    heights.get(heights.len() / 2).copied()
}

/// The healthy nodes in the order in which they are tried: the one in use, then in the order of the
/// settings.
pub(super) fn candidates(
    statuses: &[Option<NodeStatus>],
    criteria: &NodeCriteria,
    current: Option<usize>,
) -> Vec<usize> {
    let believed = believed_height(statuses, criteria);
    let healthy = |index: &usize| {
        let status = statuses.get(*index).and_then(Option::as_ref);
        status.is_some_and(|status| node_fault(status, criteria, believed).is_none())
    };
    let others = (0..statuses.len()).filter(|index| Some(*index) != current);
    current.into_iter().chain(others).filter(healthy).collect()
}

/// What one node says of a candidate's finalized blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeightVote {
    /// It has the same block at this height.
    Agrees(BlockNumber),
    /// It has another one at this height.
    Contradicts {
        /// Which node.
        other: usize,
        /// At which height.
        number: BlockNumber,
    },
}

/// What a candidate's finalized head is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Its blocks up to this height are believed.
    Believed(BlockNumber),
    /// As many as agree with it, or more, contradict it.
    Contradicted {
        /// One of them.
        other: usize,
        /// At which height.
        number: BlockNumber,
    },
}

/// Judges a candidate by what the other nodes have at its heights.
pub(super) fn judge(finalized: BlockNumber, votes: &[HeightVote]) -> Judgement {
    let mut heights = vec![finalized];
    let mut against = None;
    let mut against_it = 0_usize;
    for vote in votes {
        match *vote {
            HeightVote::Agrees(number) => heights.push(number.min(finalized)),
            HeightVote::Contradicts { other, number } => {
                against_it = against_it.saturating_add(1);
                against = against.or(Some((other, number)));
            }
        }
    }
    match against {
        Some((other, number)) if against_it >= heights.len() => {
            Judgement::Contradicted { other, number }
        }
        // Those against it count as having nothing of it.
        _ => {
            heights.extend(std::iter::repeat_n(0, against_it));
            Judgement::Believed(quorum(heights).unwrap_or_default())
        }
    }
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
