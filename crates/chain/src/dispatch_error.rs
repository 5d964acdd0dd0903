//! Names of dispatch errors, from the chain's metadata.

use super::connection::AtBlock;
use subxt::ext::scale_value::{At, Composite, Value, ValueDef};

/// Name of a dispatch error, for a module's by the metadata: `Contracts::OutOfGas`.
pub(super) fn dispatch_error_name(at: &AtBlock, error: &Value<()>) -> String {
    let ValueDef::Variant(variant) = &error.value else {
        return error.to_string();
    };
    if variant.name != "Module" {
        return match &variant.values {
            values if values.is_empty() => variant.name.clone(),
            values => format!("{}: {}", variant.name, composite_text(values)),
        };
    }
    module_error_name(at, error).unwrap_or_else(|| error.to_string())
}

fn composite_text(values: &Composite<()>) -> String {
    values
        .values()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn module_error_name(at: &AtBlock, error: &Value<()>) -> Option<String> {
    // `Module(ModuleError { index, error: [u8; 4] })`; older chains have one byte for the error.
    let module = error
        .at(0)
        .filter(|inner| inner.at("index").is_some())
        .unwrap_or(error);
    let index = u8::try_from(module.at("index")?.as_u128()?).ok()?;
    let number = module.at("error")?;
    let number = number.at(0).unwrap_or(number).as_u128()?;
    let metadata = at.metadata();
    let pallet = metadata.pallet_by_error_index(index)?;
    let variant = pallet.error_variant_by_index(u8::try_from(number).ok()?)?;
    Some(format!("{}::{}", pallet.name(), variant.name))
}
