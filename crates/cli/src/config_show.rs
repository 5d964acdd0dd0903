//! `config show`: each setting and where it comes from.

use super::{
    context::Context,
    exit::{self, Outcome},
    output::table,
};
use serde_json::{json, Map, Value};

/// Shows the settings.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(context: &Context) -> Outcome {
    let origins = context.settings.origins();
    let json: Map<String, Value> = origins
        .iter()
        .map(|(name, value, origin)| {
            (
                (*name).to_owned(),
                json!({ "value": value, "origin": origin }),
            )
        })
        .collect();
    let rows = origins
        .into_iter()
        .map(|(name, value, origin)| vec![name.to_owned(), value, origin]);
    context.out.result(
        &table(&["setting", "value", "origin"], rows),
        &Value::Object(json),
    )?;
    Ok(exit::OK)
}
