//! `docs/protocol.md` has every error, and every parameter as it is.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use llm_oracle_primitives::{Error, Params};
use scale::{Decode, Encode};
use scale_info::{TypeDef, TypeInfo};

const UNIT: u128 = 1_000_000_000_000;
/// Parameters that are amounts.
const WIDE: usize = 6;

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md");
    std::fs::read_to_string(path).unwrap()
}

/// The lines under a heading.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let start = page.find(&format!("\n## {heading}\n")).unwrap() + 1;
    let rest = &page[start..];
    let end = rest[3..].find("\n## ").map_or(rest.len(), |end| end + 3);
    &rest[..end]
}

#[test]
fn every_error_is_listed() {
    let page = page();
    let listed = section(&page, "Errors");
    let TypeDef::Variant(errors) = Error::type_info().type_def else {
        panic!("no enum");
    };
    for error in errors.variants {
        let name = format!("`{}`", error.name);
        assert!(listed.contains(&name), "docs/protocol.md lacks {name}");
    }
}

/// A cell of the table, such as `100 UNIT` or `1,000,000`, in planck, blocks or parts.
fn number(cell: &str) -> Option<u128> {
    let mut words = cell.split_whitespace();
    let text = words.next()?.replace(',', "");
    let unit = match words.next() {
        Some("UNIT") => UNIT,
        Some("planck") | None => 1,
        Some(_) => return None,
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits = format!("{whole}{fraction}").parse::<u128>().ok()?;
    Some(digits * unit / 10u128.pow(fraction.len() as u32))
}

/// The parameters as numbers, in their order: [`WIDE`] of 16 bytes, the rest of four.
fn numbers(params: &Params) -> Vec<u128> {
    let bytes = params.encode();
    let (wide, narrow) = bytes.split_at(WIDE * 16);
    let wide = wide.chunks(16).map(|mut part| u128::decode(&mut part));
    let narrow = narrow.chunks(4);
    let narrow = narrow.map(|mut part| u32::decode(&mut part).map(u128::from));
    wide.chain(narrow).map(Result::unwrap).collect()
}

/// Parameters with one of them changed.
fn with(params: &Params, field: usize, number: u128) -> Params {
    let mut numbers = numbers(params);
    numbers[field] = number;
    let bytes: Vec<u8> = numbers
        .iter()
        .enumerate()
        .flat_map(|(place, number)| {
            let bytes = number.to_le_bytes();
            bytes[..if place < WIDE { 16 } else { 4 }].to_vec()
        })
        .collect();
    Params::decode(&mut &bytes[..]).unwrap()
}

#[test]
fn every_parameter_has_its_number_default_and_bounds() {
    let page = page();
    let rows: Vec<Vec<&str>> = section(&page, "Parameters")
        .lines()
        .filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit())
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let TypeDef::Composite(fields) = Params::type_info().type_def else {
        panic!("no struct");
    };
    let dev = Params::for_unit(UNIT);
    let defaults = numbers(&dev);
    assert_eq!(rows.len(), fields.fields.len());
    let is_refused = |field: usize, number: u128| {
        let result = with(&dev, field, number).check(UNIT);
        result == Err(Error::BadParameter { field: field as u8 })
    };
    let mut bounds = 0;
    for (place, (row, field)) in rows.iter().zip(&fields.fields).enumerate() {
        let name = field.name.unwrap();
        assert_eq!(row[0], place.to_string(), "{name}");
        assert_eq!(row[1], format!("`{name}`"));
        assert_eq!(number(row[3]), Some(defaults[place]), "default of {name}");
        let (least, most) = match row[4].strip_prefix("up to ") {
            Some(most) => (None, number(most)),
            None => {
                let (least, most) = row[4].split_once(" to ").unwrap();
                (number(least), number(most))
            }
        };
        // Where a bound is another parameter, that one decides.
        if let Some(most) = most {
            bounds += 1;
            assert!(!is_refused(place, most), "{name} may be {most}");
            assert!(is_refused(place, most + 1), "{name} may not be more");
        }
        if let Some(least) = least.filter(|least| *least > 0) {
            bounds += 1;
            assert!(!is_refused(place, least), "{name} may be {least}");
            assert!(is_refused(place, least - 1), "{name} may not be less");
        }
    }
    assert!(bounds >= 20, "{bounds} bounds are numbers");
}
