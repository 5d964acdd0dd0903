//! The JSON schema of a request.
//!
//! It comes from a stranger and every operator runs it. So nothing in it is fetched, and nothing takes
//! long: references stay inside the schema and come to an end, what they unfold to is bounded,
//! patterns are matched in linear time, and keywords whose cost multiplies from level to level are
//! refused.

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

/// Most values of a schema once each reference is replaced by what it points at.
const UNFOLDED_MAX: u32 = 10_000;
/// Most levels of a schema, counted likewise: what works with schemas recurses, and a stack that
/// overflows ends the process.
const LEVELS_MAX: u32 = 64;
/// Compiled size of one pattern, bytes.
const PATTERN_BYTES_MAX: usize = 256 * 1024;
/// Keywords that are not run, each with what to write instead.
const REFUSED: [(&str, &str); 4] = [
    ("unevaluatedProperties", "additionalProperties"),
    ("unevaluatedItems", "items"),
    ("$dynamicRef", "$ref"),
    ("$recursiveRef", "$ref"),
];
/// Keywords whose members have names of the author's choice.
const NAMED: [&str; 7] = [
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependencies",
    "dependentSchemas",
    "dependentRequired",
];

/// A schema that documents are checked against.
pub(super) struct Schema(Validator);

impl Schema {
    /// Reads and checks the schema itself.
    ///
    /// # Errors
    /// Why no document can be checked against it, with the remedy.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let value: Value =
            serde_json::from_slice(bytes).map_err(|error| format!("it is no JSON: {error}"))?;
        let mut unfolding = Unfolding {
            root: &value,
            following: Vec::new(),
            left: UNFOLDED_MAX,
            deeper: LEVELS_MAX,
        };
        unfolding.schema(&value)?;
        let validator = jsonschema::options()
            .offline()
            .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES_MAX))
            .build(&value)
            .map_err(|error| format!("{error} at '{}'", error.instance_path()))?;
        Ok(Self(validator))
    }

    /// Checks a document.
    ///
    /// # Errors
    /// The first thing that is wrong with it, and where.
    pub(super) fn check(&self, document: &Value) -> Result<(), String> {
        self.0.validate(document).map_err(|error| {
            let place = error.instance_path().to_string();
            // Without the document's values: the model has seen them, and they may be long.
            format!("{} at '{place}'", error.masked())
        })
    }
}

/// Walks a schema as if each reference were replaced by what it points at.
///
/// What stands in `enum`, `const` or `examples` counts as a schema too: that refuses a few odd schemas
/// more, and overlooks none.
struct Unfolding<'a> {
    root: &'a Value,
    /// The references inside of which the walk is.
    following: Vec<&'a str>,
    /// Values that may still come.
    left: u32,
    /// Levels that may still come below this one.
    deeper: u32,
}

impl<'a> Unfolding<'a> {
    fn schema(&mut self, value: &'a Value) -> Result<(), String> {
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            format!("its references unfold to more than {UNFOLDED_MAX} values: use fewer")
        })?;
        self.deeper = self.deeper.checked_sub(1).ok_or_else(|| {
            format!("it has more than {LEVELS_MAX} levels, its references unfolded: use fewer")
        })?;
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.schema(item))?,
            Value::Object(members) => members
                .iter()
                .try_for_each(|(name, member)| self.member(value, name, member))?,
            _ => {}
        }
        self.deeper = self.deeper.saturating_add(1);
        Ok(())
    }

    fn member(&mut self, of: &Value, name: &str, member: &'a Value) -> Result<(), String> {
        if let Some((keyword, other)) = REFUSED.iter().find(|(keyword, _)| *keyword == name) {
            return Err(format!("'{keyword}' is not run here: use '{other}'"));
        }
        match (name, member) {
            ("$ref", Value::String(target)) => self.follow(target),
            ("$id", _) if !std::ptr::eq(of, self.root) => Err(
                "it has an '$id' below its root, which gives references another meaning: leave it out"
                    .to_owned(),
            ),
            ("$schema", Value::String(draft))
                if ["draft-03", "draft-04"].iter().any(|old| draft.contains(old)) =>
            {
                Err(format!("its draft '{draft}' is not run here: use draft 6 or later"))
            }
            (_, Value::Object(named)) if NAMED.contains(&name) => {
                named.values().try_for_each(|member| self.schema(member))
            }
            _ => self.schema(member),
        }
    }

    fn follow(&mut self, target: &'a str) -> Result<(), String> {
        let pointer = target
            .strip_prefix('#')
            .filter(|pointer| !pointer.contains('%'))
            .ok_or_else(|| {
                format!("its reference '{target}' leaves it, and nothing is fetched: copy what it means")
            })?;
        if pointer.is_empty() || self.following.contains(&target) {
            return Err(format!(
                "its reference '{target}' leads back to itself: write out as many levels as are needed"
            ));
        }
        let found = self
            .root
            .pointer(pointer)
            .ok_or_else(|| format!("its reference '{target}' points at nothing"))?;
        self.following.push(target);
        self.schema(found)?;
        self.following.pop();
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(schema: &Value) -> String {
        let read = Schema::read(schema.to_string().as_bytes());
        read.err().unwrap_or_else(|| "taken".to_owned())
    }

    fn nested(levels: usize, level: impl Fn(Value) -> Value) -> Value {
        (0..levels).fold(json!({ "type": "string" }), |inner, _| level(inner))
    }

    /// Each level holds the next one twice.
    fn doubling(levels: usize, keyword: &str) -> Value {
        let mut definitions = serde_json::Map::new();
        for level in 0..levels {
            let next = json!({ "$ref": format!("#/$defs/{}", level.saturating_add(1)) });
            definitions.insert(level.to_string(), json!({ keyword: [next, next] }));
        }
        definitions.insert(levels.to_string(), json!({ "type": "string" }));
        json!({ "$defs": definitions, "$ref": "#/$defs/0" })
    }

    #[test]
    fn the_deepest_schema_leaves_room_on_the_stack() {
        let levels: [fn(Value) -> Value; 4] = [
            |inner| json!({ "items": inner }),
            |inner| json!({ "not": inner }),
            |inner| json!({ "properties": { "a": inner }, "required": ["a"] }),
            |inner| json!({ "if": inner, "then": true }),
        ];
        // The type's name is a level too.
        let most = LEVELS_MAX.saturating_sub(2) as usize;
        for level in levels {
            let deepest = nested(most, level).to_string();
            let schema = Schema::read(deepest.as_bytes()).unwrap();
            for document in [
                nested(1, |v| json!([v])),
                nested(120, |v| json!([v])),
                nested(120, |v| json!({ "a": v })),
            ] {
                let _ = schema.check(&document);
            }
            let text = refusal(&nested(most.saturating_add(1), level));
            assert!(text.contains("64 levels"), "{text}");
        }
        let chain = json!({
            "$ref": "#/$defs/a",
            "$defs": {
                "a": nested(most / 2, |inner| json!({ "allOf": [inner], "$ref": "#/$defs/b" })),
                "b": nested(most / 2, |inner| json!({ "items": inner })),
            },
        });
        assert!(refusal(&chain).contains("64 levels"), "references count");
    }

    #[test]
    fn documents_are_checked_and_the_fault_is_placed() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "https://example.com/city",
            "type": "object",
            "properties": {
                "city": { "$ref": "#/$defs/name" },
                "unevaluatedItems": { "$ref": "#/$defs/name" },
            },
            "required": ["city"],
            "additionalProperties": false,
            "$defs": { "name": { "type": "string", "pattern": "^[A-Z]" } },
        });
        let schema = Schema::read(schema.to_string().as_bytes()).unwrap();
        assert_eq!(schema.check(&json!({ "city": "Rome" })), Ok(()));
        for (document, words) in [
            (json!({}), ["required", "''"]),
            (json!({ "city": 1 }), ["string", "'/city'"]),
            (json!({ "city": "rome" }), ["^[A-Z]", "'/city'"]),
            (json!({ "city": "Rome", "x": 1 }), ["x", "''"]),
            (
                json!({ "city": "Rome", "unevaluatedItems": 1 }),
                ["string", "'/unevaluatedItems'"],
            ),
        ] {
            let fault = schema.check(&document).unwrap_err();
            assert!(
                words.iter().all(|word| fault.contains(word)),
                "{document}: {fault}"
            );
        }
    }

    #[test]
    fn an_invalid_schema_is_refused_with_what_is_wrong() {
        for (schema, word) in [
            (json!(5), "5"),
            (json!({ "type": "strin" }), "strin"),
            (json!({ "pattern": "(" }), "regex"),
            (json!({ "pattern": "(?=a)a" }), "regex"),
            (json!({ "pattern": "(a{1000}){1000}" }), "regex"),
            (
                json!({ "$schema": "https://example.com/mine" }),
                "example.com",
            ),
            (
                json!({ "$schema": "http://json-schema.org/draft-04/schema#" }),
                "draft 6",
            ),
        ] {
            let text = refusal(&schema);
            assert!(text.contains(word), "{schema}: {text}");
        }
        assert!(Schema::read(b"{").is_err());
        assert!(Schema::read(b"\"\xff\"").is_err());
        assert!(Schema::read("[".repeat(4096).as_bytes()).is_err());
    }

    #[test]
    fn nothing_is_fetched_and_no_reference_leads_in_circles() {
        for (schema, word) in [
            (
                json!({ "$ref": "http://127.0.0.1:9/a" }),
                "nothing is fetched",
            ),
            (
                json!({ "items": { "$ref": "file:///etc/passwd" } }),
                "nothing is fetched",
            ),
            (
                json!({ "$id": "http://127.0.0.1:9/", "$ref": "a.json" }),
                "nothing is fetched",
            ),
            (json!({ "items": { "$id": "http://127.0.0.1:9/a" } }), "$id"),
            (json!({ "$ref": "#" }), "back to itself"),
            (
                json!({ "properties": { "a": { "$ref": "#/properties/a" } } }),
                "back to itself",
            ),
            (
                json!({ "$ref": "#name", "$anchor": "name" }),
                "points at nothing",
            ),
            (
                json!({ "properties": { "a": { "$dynamicRef": "#a" } } }),
                "'$ref'",
            ),
            // What stands where names are expected can be pointed at as a schema.
            (
                json!({ "$ref": "#/properties", "properties": { "$ref": { "$ref": "#/properties" } } }),
                "back to itself",
            ),
        ] {
            let text = refusal(&schema);
            assert!(text.contains(word), "{schema}: {text}");
        }
    }

    #[test]
    fn a_small_schema_cannot_cost_much() {
        for keyword in ["allOf", "anyOf", "oneOf"] {
            let text = refusal(&doubling(15, keyword));
            assert!(text.contains("unfold to more than"), "{text}");
            let most = Schema::read(doubling(8, keyword).to_string().as_bytes()).unwrap();
            assert!(most.check(&json!(1)).is_err());
        }
        let doubled = nested(
            40,
            |inner| json!({ "if": inner, "unevaluatedProperties": false }),
        );
        assert!(refusal(&doubled).contains("additionalProperties"));
        for level in [
            |inner| json!({ "not": inner }),
            |inner| json!({ "if": inner, "then": true }),
            |inner| json!({ "oneOf": [inner] }),
            |inner| json!({ "items": inner }),
        ] {
            let schema = Schema::read(nested(30, level).to_string().as_bytes()).unwrap();
            let _ = schema.check(&json!([1]));
        }
    }
}
