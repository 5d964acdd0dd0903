//! JSON of a given schema, token by token.
//!
//! llama.cpp can do it too, but its grammars come from C++ that aborts the process or runs for minutes on
//! schemas made for that, and a schema comes from a stranger. Here work is bounded by fuel, and
//! what goes wrong is an error.

use super::super::ModelError;
use llama_cpp_2::{model::LlamaModel, token::LlamaToken};
use llguidance::{
    api::TopLevelGrammar,
    toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie},
    JsonCompileOptions, Matcher, ParserFactory,
};
use serde_json::{json, Value};
use std::sync::Arc;

/// What makes the grammar, with its version as the lock file has it.
pub(super) const ENGINE: &str = "llguidance 1.9.1";
/// Marks a token that spells no text, such as the end of a turn.
const NO_TEXT: u8 = 0xff;

/// What each token of a model spells; made once for a model.
pub(super) struct Spelling {
    factory: ParserFactory,
}

/// The tokens that may come next.
pub(super) struct Guide {
    matcher: Matcher,
    by_schema: bool,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// What must come, or the most likely token of those that may.
    Tokens(Vec<LlamaToken>),
    /// The document is whole.
    Done,
    /// No document can come of it any more, or finding out takes too long.
    Stuck(String),
}

impl Spelling {
    /// Of the model's tokens. Takes up to a second for a large vocabulary.
    pub(super) fn of(model: &LlamaModel) -> Result<Self, ModelError> {
        let vocabulary = model.vocab();
        let (mut words, mut ends) = (Vec::new(), Vec::new());
        for id in 0..vocabulary.n_tokens() {
            let token = LlamaToken(id);
            let text = vocabulary.token_to_piece(token, false, None);
            if vocabulary.is_eog(token) {
                ends.push(id.cast_unsigned());
            }
            words.push(if text.is_empty() {
                [vec![NO_TEXT], vocabulary.token_to_piece(token, true, None)].concat()
            } else {
                text
            });
        }
        let size = u32::try_from(words.len()).map_err(failed)?;
        let end = ends
            .first()
            .copied()
            .ok_or_else(|| failed("it has no end-of-text token"))?;
        let trie = TokTrie::from(&TokRxInfo::new(size, end), &words).with_eos_tokens(&ends);
        Self::new(&(Arc::new(ApproximateTokEnv::new(trie)) as TokEnv))
    }

    fn new(tokens: &TokEnv) -> Result<Self, ModelError> {
        let mut factory = ParserFactory::new_simple(tokens).map_err(failed)?;
        factory.quiet();
        // Errors would repeat the schema.
        factory.limits_mut().verbose_errors = false;
        Ok(Self { factory })
    }

    /// Guides to documents of a schema. Parts of it that the grammar does not know are left to the
    /// check of the finished document, and so is all of a schema that it can't follow.
    pub(super) fn guide(&self, schema: &Value) -> Guide {
        let matcher = self.matcher(schema);
        if let Some(why) = matcher.get_error() {
            tracing::debug!(why, "no grammar of the schema: any JSON is decoded");
            return Guide {
                matcher: self.matcher(&json!({})),
                by_schema: false,
            };
        }
        Guide {
            matcher,
            by_schema: true,
        }
    }

    fn matcher(&self, schema: &Value) -> Matcher {
        let options = JsonCompileOptions {
            // As models are used to write it. Without a choice, small ones can't write spaces for ever.
            item_separator: ", ".to_owned(),
            key_separator: ": ".to_owned(),
            whitespace_flexible: false,
            lenient: true,
            ..JsonCompileOptions::default()
        };
        let mut members = schema.as_object().cloned().unwrap_or_default();
        let parser = serde_json::to_value(options)
            .map_err(Into::into)
            .and_then(|options| {
                // The options' place in a schema; one that the requester put there is replaced.
                members.insert("x-guidance".to_owned(), options);
                let grammar = TopLevelGrammar::from_json_schema(Value::Object(members));
                self.factory.create_parser(grammar)
            });
        Matcher::new(parser)
    }
}

impl Guide {
    /// Whether the schema shapes the document, rather than JSON's syntax alone.
    pub(super) fn by_schema(&self) -> bool {
        self.by_schema
    }

    /// Takes what comes next. `tokenize` makes the model's usual tokens of a text.
    pub(super) fn next(
        &mut self,
        logits: &[f32],
        tokenize: impl Fn(&[u8]) -> Vec<LlamaToken>,
    ) -> Next {
        if let Some(why) = self.matcher.get_error() {
            return Next::Stuck(why);
        }
        if self.matcher.is_stopped() {
            return Next::Done;
        }
        let forced = self.forced(tokenize);
        if forced.is_empty() {
            self.choose(logits)
        } else {
            Next::Tokens(forced)
        }
    }

    /// The tokens of what must come: names of members, mostly. Spelt in the usual way, because a model
    /// that is led through them letter by letter loses its thread.
    fn forced(&mut self, tokenize: impl Fn(&[u8]) -> Vec<LlamaToken>) -> Vec<LlamaToken> {
        let mut tokens = tokenize(&self.matcher.compute_ff_bytes());
        // The last one may be the beginning of a longer one.
        tokens.pop();
        let ids: Vec<_> = tokens.iter().map(|token| token.0.cast_unsigned()).collect();
        // A tokeniser that adds to the text is of no use here: then none is taken.
        let taken = self.matcher.try_consume_tokens(&ids).unwrap_or(0);
        tokens.truncate(taken);
        tokens
    }

    fn choose(&mut self, logits: &[f32]) -> Next {
        let mask = match self.matcher.compute_mask() {
            Ok(mask) => mask,
            Err(why) => return Next::Stuck(why.to_string()),
        };
        let allowed = (0_u32..)
            .zip(logits)
            .take(mask.len())
            .filter(|(token, _)| mask.is_allowed(*token));
        // The first of equals, as everywhere.
        let best = allowed.reduce(|best, next| if next.1 > best.1 { next } else { best });
        let Some((token, _)) = best else {
            return Next::Stuck("no token may come next".to_owned());
        };
        match self.matcher.consume_token(token) {
            Ok(()) => Next::Tokens(vec![LlamaToken(token.cast_signed())]),
            Err(why) => Next::Stuck(why.to_string()),
        }
    }
}

fn failed(error: impl std::fmt::Display) -> ModelError {
    ModelError::Engine(format!("no grammar for this model's tokens: {error}"))
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;

    /// What a 'model' writes under the schema that likes the bytes of `wish` at their places, and else
    /// quotes and brackets; whether the schema shaped it, and whether it came to an end. Its tokens are
    /// the single bytes.
    fn written(schema: &Value, wish: &str) -> (String, bool, bool) {
        let spelling = Spelling::new(&ApproximateTokEnv::single_byte_env()).unwrap();
        let mut guide = spelling.guide(schema);
        let by_schema = guide.by_schema();
        let mut bytes = Vec::new();
        for _ in 0..400 {
            let mut logits = vec![0.0; 262];
            for (byte, liking) in [(b'"', 2.0), (b'}', 1.0), (b']', 1.5)] {
                logits[usize::from(byte)] = liking;
            }
            if let Some(byte) = wish.as_bytes().get(bytes.len()) {
                logits[usize::from(*byte)] = 9.0;
            }
            let single = |text: &[u8]| {
                text.iter()
                    .map(|byte| LlamaToken(i32::from(*byte)))
                    .collect()
            };
            let done = match guide.next(&logits, single) {
                Next::Tokens(tokens) => {
                    let text = tokens.iter().map_while(|token| u8::try_from(token.0).ok());
                    bytes.extend(text);
                    // Beyond the bytes are the tokens that spell no text.
                    tokens.iter().any(|token| token.0 > 255)
                }
                Next::Done => true,
                Next::Stuck(_) => break,
            };
            if done {
                return (String::from_utf8(bytes).unwrap(), by_schema, true);
            }
        }
        (
            String::from_utf8_lossy(&bytes).into_owned(),
            by_schema,
            false,
        )
    }

    #[test]
    fn whatever_the_model_likes_it_writes_a_document_of_the_schema() {
        let schema = json!({
            "type": "object",
            "properties": { "tone": { "enum": ["good", "bad"] }, "sure": { "type": "boolean" } },
            "required": ["tone", "sure"],
            "additionalProperties": false,
        });
        for (wish, document) in [
            (
                "{\"tone\": \"bad\", \"sure\": true}",
                r#"{"tone": "bad", "sure": true}"#,
            ),
            (
                "Certainly! The tone is bad.",
                r#"{"tone": "bad", "sure": false}"#,
            ),
            ("", r#"{"tone": "bad", "sure": false}"#),
        ] {
            let (text, by_schema, done) = written(&schema, wish);
            assert!(by_schema && done, "{text}");
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(
                value,
                serde_json::from_str::<Value>(document).unwrap(),
                "{wish}"
            );
            assert!(
                text.starts_with("{\"tone\": "),
                "in the order of the schema: {text}"
            );
        }
    }

    #[test]
    fn what_must_come_is_spelt_by_the_tokeniser() {
        let schema = json!({
            "type": "object",
            "properties": { "tone": { "type": "boolean" } },
            "required": ["tone"],
            "additionalProperties": false,
        });
        let spelling = Spelling::new(&ApproximateTokEnv::single_byte_env()).unwrap();
        let bytes = |text: &[u8]| -> Vec<LlamaToken> {
            text.iter()
                .map(|byte| LlamaToken(i32::from(*byte)))
                .collect()
        };
        let mut guide = spelling.guide(&schema);
        // All but the last of the bytes that must come.
        let expected = Next::Tokens(bytes(b"{\"tone\":"));
        assert_eq!(guide.next(&[0.0; 262], bytes), expected);
        // One that puts a space before each text is not followed.
        let spaced = |text: &[u8]| bytes(&[b" ", text].concat());
        let mut guide = spelling.guide(&schema);
        assert_eq!(guide.next(&[0.0; 262], spaced), Next::Tokens(bytes(b"{")));
    }

    #[test]
    fn what_the_grammar_does_not_know_is_left_to_the_check() {
        for schema in [
            json!(true),
            json!({ "not": { "type": "null" }, "uniqueItems": true }),
            json!({ "type": "array", "x-guidance": { "whitespace_flexible": true, "item_separator": "x" } }),
            json!({ "type": "string", "format": "of-my-own" }),
        ] {
            let (text, _, done) = written(&schema, "");
            assert!(
                done && serde_json::from_str::<Value>(&text).is_ok(),
                "{schema}: {text}"
            );
        }
    }

    #[test]
    fn a_hostile_schema_ends_in_time() {
        let started = std::time::Instant::now();
        let nested = (0..60).fold(
            json!({}),
            |inner, _| json!({ "anyOf": [inner, { "items": false }] }),
        );
        // As deep as the check of a schema lets through.
        let deep = (0..62).fold(
            json!({ "type": "null" }),
            |inner, _| json!({ "type": "array", "prefixItems": [inner], "minItems": 1 }),
        );
        let groups = format!("^{}a{}$", "(".repeat(200), ")?".repeat(200));
        for schema in [
            json!(false),
            json!({ "pattern": "^((a?){50}){50}((b*)*c)*$", "type": "string" }),
            json!({ "pattern": "^[^\\s\\S]$", "type": "string" }),
            json!({ "type": "array", "items": { "type": "array", "minItems": 1_000_000 }, "minItems": 1_000_000 }),
            json!({ "type": "string", "minLength": 4_000_000_000_u64 }),
            json!({ "allOf": vec![json!({ "pattern": "(a|b)*a(a|b){14}" }); 60], "type": "string" }),
            json!({ "type": "string", "pattern": groups }),
            nested,
            deep,
        ] {
            let _ = written(&schema, "\"abababab");
        }
        // Minutes without a bound; seconds on a slow machine with it.
        assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
    }
}
