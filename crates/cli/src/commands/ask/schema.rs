//! The JSON schema of an answer, from a file or from the argument itself.

use crate::exit::CliError;
use llm_oracle_llm::canonical_json;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::{collections::HashSet, fmt, fs};

/// A schema in canonical form: white space would cost storage.
///
/// # Errors
/// When it is not JSON, or would not keep its meaning: an integer that JSON's numbers round, or a name
/// twice in one object. The error names the path.
pub fn schema(given: &str) -> Result<Vec<u8>, CliError> {
    let text = given.trim();
    let inline = text.starts_with('{') || matches!(text, "true" | "false");
    let text = if inline {
        given.to_owned()
    } else {
        fs::read_to_string(given).map_err(|error| {
            CliError::usage(format!("--json-schema '{given}' cannot be read: {error}")).help(
                "give a file with a JSON schema, or the schema itself: true, false, or what begins with {",
            )
        })?
    };
    let shown = if inline { "given" } else { given };
    let mut reader = serde_json::Deserializer::from_str(&text);
    let exact = Exact("$".to_owned()).deserialize(&mut reader);
    exact.map_err(|error| {
        CliError::usage(format!("the JSON schema '{shown}' is not usable: {error}"))
    })?;
    let canonical = canonical_json(&text);
    canonical.map(String::into_bytes).map_err(|error| {
        CliError::usage(format!(
            "the JSON schema '{shown}' is not usable: it is {error}"
        ))
    })
}

/// Reads a document at a path and keeps nothing of it: only whether each value keeps its meaning.
struct Exact(String);

impl<'de> DeserializeSeed<'de> for Exact {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl Exact {
    fn integer<E: Error>(&self, magnitude: u64, shown: impl fmt::Display) -> Result<(), E> {
        // JSON's numbers are doubles, which have 53 bits: the digits in between must be zero.
        let digits = 64_u32
            .saturating_sub(magnitude.leading_zeros())
            .saturating_sub(magnitude.trailing_zeros());
        if magnitude == 0 || digits <= f64::MANTISSA_DIGITS {
            return Ok(());
        }
        let path = &self.0;
        Err(E::custom(format!(
            "the integer {shown} at {path} has more digits than JSON's numbers keep"
        )))
    }
}

impl<'de> Visitor<'de> for Exact {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.integer(value, value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.integer(value.unsigned_abs(), value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut index = 0_usize;
        while items
            .next_element_seed(Self(format!("{}[{index}]", self.0)))?
            .is_some()
        {
            index = index.saturating_add(1);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            let path = format!("{}.{name}", self.0);
            if !names.insert(name) {
                return Err(A::Error::custom(format!("{path} is there twice")));
            }
            members.next_value_seed(Self(path))?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_keeps_its_meaning_or_is_refused_with_the_path() {
        for (given, part) in [
            (
                r#"{"properties":{"n":{"maximum":9007199254740993}}}"#,
                "9007199254740993 at $.properties.n.maximum",
            ),
            (
                r#"{"properties":{"n":{"minimum":-9007199254740993}}}"#,
                "-9007199254740993 at $.properties.n.minimum",
            ),
            (r#"{"enum":[1,18446744073709551615]}"#, "at $.enum[1]"),
            (
                r#"{"maximum":184467440737095516170}"#,
                "184467440737095516170",
            ),
            (
                r#"{"type":"object","type":"array"}"#,
                "$.type is there twice",
            ),
            (
                r#"{"anyOf":[{},{"a":1,"\u0061":2}]}"#,
                "$.anyOf[1].a is there twice",
            ),
            (r#"{"type":"object"} x"#, "not usable"),
            (r#"{"type""#, "not usable"),
            ("/nowhere/schema", "/nowhere/schema"),
        ] {
            let refused = schema(given).unwrap_err();
            assert!(refused.message.contains(part), "{given}: {refused}");
        }
    }

    #[test]
    fn true_and_false_are_schemas_and_so_is_any_object() {
        for (given, canonical) in [
            ("true", "true"),
            (" false ", "false"),
            (
                r#"{ "b": 1, "a": 9007199254740992 }"#,
                r#"{"a":9007199254740992,"b":1}"#,
            ),
        ] {
            assert_eq!(schema(given).unwrap(), canonical.as_bytes(), "{given}");
        }
    }
}
