//! Names of types.

use crate::{
    modules,
    ratchet::{self, Counts, Slack},
};
use std::collections::{BTreeMap, BTreeSet};

/// Where each name of a type is defined outside tests: the modules, by file.
pub fn places() -> BTreeMap<String, BTreeSet<String>> {
    let mut places: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for module in modules::of_product()
        .iter()
        .flat_map(|krate| &krate.modules)
    {
        for name in &module.types {
            let place = format!("{} ({})", krate_path(module), module.file);
            places.entry(name.clone()).or_default().insert(place);
        }
    }
    places
}

fn krate_path(module: &modules::Module) -> String {
    let mut path = vec!["crate"];
    path.extend(module.path.iter().map(String::as_str));
    path.join("::")
}

/// The places outside crates that only tests use.
pub fn without_test_crates(
    places: &BTreeMap<String, BTreeSet<String>>,
) -> BTreeMap<String, BTreeSet<String>> {
    let is_shipped = |place: &&String| {
        !place.contains("crates/simulation/") && !place.contains("crates/fixtures/")
    };
    let shipped = places.iter().map(|(name, places)| {
        (
            name.clone(),
            places.iter().filter(is_shipped).cloned().collect(),
        )
    });
    shipped.collect()
}

/// Names that are defined in more than one place, each with the number of places.
pub fn doubled(places: &BTreeMap<String, BTreeSet<String>>) -> Counts {
    let doubled = places.iter().filter(|(_, places)| places.len() > 1);
    doubled
        .map(|(name, places)| (name.clone(), places.len()))
        .collect()
}

#[test]
fn type_names_are_defined_once() {
    let places = places();
    let remedy = "qualify the names (SeatVerdict, NodeVerdict), or use one type for one thing";
    ratchet::check("types", &doubled(&places), Slack::Stale, remedy, |name| {
        let places = places[name].iter().map(|place| format!("\n    {place}"));
        " places".to_owned() + &places.collect::<String>()
    });
}
