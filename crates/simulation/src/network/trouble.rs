//! Nodes that answer, and not to what was asked; and what a block says that it has changed.

use super::world::{SubmitFault, World};
use llm_oracle_chain::{ChainError, Changes, Head};
use llm_oracle_primitives::{digest, event::Event, BlockNumber, RequestId};
use scale::Encode;

/// A node that answers with an error.
pub(super) fn turn_away(world: &mut World, node: usize, url: &str) -> Result<(), ChainError> {
    let (refused, limited) = (world.ways.refused, world.ways.limited);
    if world.nodes[node].limited > 0 {
        world.nodes[node].limited -= 1;
        return Err(rate_limited(url));
    }
    if refused + limited == 0 {
        return Ok(());
    }
    match world.rng.below(1_000) {
        roll if roll < limited => {
            world.count("rate limit");
            world.nodes[node].limited = world.rng.below(12);
            Err(rate_limited(url))
        }
        roll if roll < limited + refused => {
            world.count("JSON error");
            Err(ChainError::Node {
                what: "it".into(),
                reason: "Internal error (-32603)".into(),
            })
        }
        _ => Ok(()),
    }
}

/// What happens to the next bytes that are handed in.
pub(super) fn submit_fault(world: &mut World) -> Option<SubmitFault> {
    let often = world.ways.submit;
    let mut fault = world.next_submit.take();
    if fault.is_none() && often > 0 && world.rng.chance(often, 1_000) {
        let all = [
            SubmitFault::Refused,
            SubmitFault::Lost,
            SubmitFault::CutAfter,
            SubmitFault::CutBefore,
        ];
        fault = world.rng.pick(&all).copied();
    }
    if let Some(fault) = fault {
        world.count(match fault {
            SubmitFault::Refused => "submit refused",
            SubmitFault::Lost => "submit lost",
            SubmitFault::CutAfter => "submit taken and cut",
            SubmitFault::CutBefore => "submit cut",
        });
    }
    fault
}

fn rate_limited(url: &str) -> ChainError {
    ChainError::RateLimited {
        url: url.to_owned(),
        what: "it".into(),
        reason: "Too Many Requests (429)".into(),
        pause_ms: 500,
    }
}

/// A finalized block that no other node has.
pub(super) fn invented(number: BlockNumber) -> Head {
    Head {
        hash: digest::blake2(&("invented", number).encode()),
        number,
    }
}

/// What the events of a block say.
pub(super) fn changes(events: &[Event]) -> Changes {
    match events.is_empty() {
        true => Changes::Nothing,
        false => Changes::Requests(events.iter().filter_map(about).collect()),
    }
}

/// The request that an event is about.
fn about(event: &Event) -> Option<RequestId> {
    Some(match event {
        Event::Asked(it) => it.request_id,
        Event::Committed(it) => it.request_id,
        Event::Revealed(it) => it.request_id,
        Event::Ended(it) => it.request_id,
        Event::Delivered(it) => it.request_id,
        Event::DeliveryFailed(it) => it.request_id,
        Event::Pruned(it) => it.request_id,
        Event::AnswerPublished(it) => it.request_id,
        Event::DeliveryFunded(it) => it.request_id,
        Event::Equivocated(it) => it.request_id,
        _ => return None,
    })
}
