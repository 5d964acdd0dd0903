//! Announcements of the owner, which take effect at a later block.

use crate::param_values::params_json;
use llm_oracle_chain::{CallReceipt, Event};
use llm_oracle_primitives::{BlockNumber, Params};
use serde_json::{json, Value};

/// The first block in which an announcement is in force. The event in the block decides: that block may
/// be later than the one of the dry run.
pub fn first_block(receipt: &CallReceipt<BlockNumber>) -> BlockNumber {
    let announced = receipt.events.iter().find_map(|event| match event {
        Event::ParamsAnnounced(event) => Some(event.from),
        Event::UpgradeAnnounced(event) => Some(event.from),
        _ => None,
    });
    announced.unwrap_or(receipt.value)
}

/// Announced parameters in JSON.
pub fn announced_json((params, from): (Params, BlockNumber)) -> Value {
    json!({ "params": params_json(params), "from": from })
}
