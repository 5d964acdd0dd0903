//! How an answer was made: the document, the commitment that binds an operator to it, and their
//! verification by anyone.
//!
//! **Architecture invariant:** nothing here knows a node or the relayer.

pub mod verify;

use llm_oracle_llm::ProviderReply;
use llm_oracle_primitives::{
    digest::{self, Context},
    limits, Answer, Hash, Reason, RequestId, Terms,
};
use llm_oracle_rules::Form;
use llm_oracle_store::{now_ms, Answered};
use llm_oracle_support::address::hex0x;
use scale::Encode;
use serde_json::{json, Value};

/// Format of evidence documents. Fields may be added to it; a field that changes its meaning needs a
/// new format name.
pub const EVIDENCE_FORMAT: &str = "llm-oracle/evidence/1";

/// The software that a document names as its author.
const SOFTWARE: &str = concat!("llm-oracle/", env!("CARGO_PKG_VERSION"));

/// The evidence of an answer cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot write the evidence of request {request_id}: {reason}")]
pub struct EvidenceError {
    /// The request.
    pub request_id: RequestId,
    /// Why not.
    pub reason: String,
}

/// A salt secret and its number.
pub struct NumberedSecret<'a> {
    /// Its number in the store.
    pub number: u32,
    /// The secret itself.
    pub bytes: &'a [u8; 32],
}

/// AnswerTimes of an answer.
pub struct AnswerTimes {
    /// How long the model took, milliseconds.
    pub model_ms: i64,
    /// When the request was first seen, milliseconds since 1970.
    pub seen_at_ms: i64,
}

/// Turns a reply into the answer record that commit and reveal need.
///
/// # Errors
/// No random bytes.
pub fn bind(
    context: &Context,
    terms: &Terms,
    reply: ProviderReply,
    secret: &NumberedSecret<'_>,
    times: &AnswerTimes,
) -> Result<Answered, EvidenceError> {
    let document = document(context, terms, &reply, times)?;
    let salt = salt(terms, secret, context);
    let evidence = digest::evidence(&salt, &document);
    let operator: &[u8; 32] = context.operator.as_ref();
    Ok(Answered {
        request_id: context.request_id,
        operator: *operator,
        terms_digest: context.terms_digest,
        commitment: digest::commitment(
            context,
            &reply.answer,
            Some(reply.confidence),
            &evidence,
            &salt,
        ),
        answer: reply.answer,
        confidence: Some(reply.confidence),
        document,
        evidence,
        salt_secret: secret.number,
        model: reply.model,
        model_ms: times.model_ms,
        seen_at_ms: times.seen_at_ms,
    })
}

/// The salt of an answer. An answer in one step is public at once and needs no secret salt; the random
/// bytes in its document keep the document from being guessed.
fn salt(terms: &Terms, secret: &NumberedSecret<'_>, context: &Context) -> Hash {
    if terms.one_step {
        digest::ONE_STEP_SALT
    } else {
        digest::salt(secret.bytes, context)
    }
}

/// The reply, or an abstention if the contract would reject its answer: a commitment to an answer that
/// cannot be revealed would cost the seat's bond.
pub fn fit(terms: &Terms, reply: ProviderReply) -> ProviderReply {
    let confidence = reply.confidence.min(limits::MAX_CONFIDENCE);
    let Err(error) = Form::of(&terms.answer).check(&reply.answer, 0) else {
        return ProviderReply {
            confidence,
            ..reply
        };
    };
    tracing::warn!(%error, model = reply.model, "model reply has the wrong form");
    ProviderReply {
        record: json!({
            "made": reply.record,
            "answer": hex0x(&reply.answer.encode()),
            "refused": error.to_string(),
        }),
        answer: Answer::Abstain(Reason::Unclear),
        confidence: 0,
        model: reply.model,
    }
}

/// Canonical JSON (RFC 8785). The random bytes keep a short answer from being guessed by trying
/// documents against the digest, should the salt become known before the document.
fn document(
    context: &Context,
    terms: &Terms,
    reply: &ProviderReply,
    times: &AnswerTimes,
) -> Result<Vec<u8>, EvidenceError> {
    let request_id = context.request_id;
    let failed = |reason: String| EvidenceError { request_id, reason };
    let mut random = [0; 32];
    llm_oracle_support::random::fill(&mut random).map_err(|error| failed(error.to_string()))?;
    let answered_at_ms = now_ms();
    let written = |record: &Value| {
        let mut value = json!({
            "format": EVIDENCE_FORMAT,
            "software": SOFTWARE,
            "context": context_json(context),
            "question_digest": hex0x(&question_digest(terms)),
            "answer": hex0x(&reply.answer.encode()),
            "confidence": reply.confidence,
            "model": reply.model,
            "made": record,
            "random": hex0x(&random),
            "times": {
                "seen_at_ms": times.seen_at_ms,
                "answered_at_ms": answered_at_ms,
                "model_ms": times.model_ms,
            },
        });
        if let (Value::Object(fields), Some(digest)) = (&mut value, response_digest(record)) {
            fields.insert("response_digest".to_owned(), json!(digest));
        }
        let bytes = serde_json_canonicalizer::to_vec(&value).map_err(|error| error.to_string())?;
        // Whoever verifies it reads it like this.
        match serde_json::from_slice::<Value>(&bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(error.to_string()),
        }
    };
    written(&reply.record).or_else(|reason: String| {
        // A part of it is what a model's server sent, and that must not end anything.
        tracing::warn!(
            request_id,
            reason,
            "the record of an answer is kept as text"
        );
        let text = json!({ "text": reply.record.to_string(), "not_canonical": reason });
        written(&text).map_err(failed)
    })
}

/// Digest of the bytes that a model in this process gave; servers' responses have theirs beside them.
pub fn response_digest(record: &Value) -> Option<String> {
    let text = record["response"]["text"].as_str()?;
    Some(hex0x(&digest::blake2(text.as_bytes())))
}

/// A context as documents show it.
pub fn context_json(context: &Context) -> Value {
    let contract: &[u8; 32] = context.contract.as_ref();
    let operator: &[u8; 32] = context.operator.as_ref();
    json!({
        "domain": hex0x(&context.domain),
        "contract": hex0x(contract),
        // As text: JSON numbers lose digits beyond 2^53.
        "request_id": context.request_id.to_string(),
        "terms_digest": hex0x(&context.terms_digest),
        "round": context.round,
        "phase": context.phase,
        "operator": hex0x(operator),
        "model": context.model,
    })
}

/// Digest of the question's own bytes, so that a copy of it can be compared without the terms.
pub fn question_digest(terms: &Terms) -> [u8; 32] {
    digest::blake2(&terms.prompt)
}

/// The question for the model.
///
/// # Errors
/// The reason why the model cannot be asked.
pub fn question(terms: &Terms) -> Result<llm_oracle_llm::ModelQuestion, &'static str> {
    let text =
        |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| "the prompt is not UTF-8");
    Ok(llm_oracle_llm::ModelQuestion {
        prompt: text(&terms.prompt)?,
        system: terms.system.as_deref().map(text).transpose()?,
        answer: terms.answer.clone(),
        sampling: terms.sampling,
        model: terms.model.clone(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use llm_oracle_fixtures::request::terms;
    use llm_oracle_primitives::{AnswerKind, DeploymentId};

    fn bound(one_step: bool) -> Answered {
        let deployment = DeploymentId {
            domain: [1; 32],
            contract: [2; 32],
        };
        let context = deployment.context(3, [4; 32], [5; 32]);
        let reply = ProviderReply {
            answer: Answer::Bool(true),
            confidence: 70,
            model: "m".into(),
            record: json!({ "z": 1, "a": [true] }),
        };
        let secret = NumberedSecret {
            number: 1,
            bytes: &[6; 32],
        };
        let times = AnswerTimes {
            model_ms: 1,
            seen_at_ms: 2,
        };
        let terms = Terms {
            one_step,
            ..terms(b"?")
        };
        bind(&context, &terms, reply, &secret, &times).unwrap()
    }

    #[test]
    fn documents_are_canonical_differ_each_time_and_match_their_digests() {
        let (one, two) = (bound(false), bound(false));
        assert_ne!(one.document, two.document);
        let parsed: Value = serde_json::from_slice(&one.document).unwrap();
        assert_eq!(
            serde_json_canonicalizer::to_vec(&parsed).unwrap(),
            one.document
        );
        let deployment = DeploymentId {
            domain: [1; 32],
            contract: [2; 32],
        };
        let context = deployment.context(3, [4; 32], [5; 32]);
        let salt = digest::salt(&[6; 32], &context);
        assert_eq!(one.evidence, digest::evidence(&salt, &one.document));
        assert_eq!(one.confidence, Some(70));
        let commitment = digest::commitment(&context, &one.answer, Some(70), &one.evidence, &salt);
        assert_eq!(one.commitment, commitment);
        // The salt opens a closed answer and stays out of the document.
        assert!(!String::from_utf8_lossy(&one.document).contains(&hex::encode(salt)));
    }

    #[test]
    fn an_answer_in_one_step_is_bound_with_the_salt_that_everybody_knows() {
        let (one, two) = (bound(true), bound(true));
        let opened = digest::evidence(&digest::ONE_STEP_SALT, &one.document);
        assert_eq!(one.evidence, opened);
        // The document's random bytes are all that hides it.
        assert_ne!(one.evidence, two.evidence);
        let hidden = bound(false);
        let opened = digest::evidence(&digest::ONE_STEP_SALT, &hidden.document);
        assert_ne!(hidden.evidence, opened);
    }

    #[test]
    fn an_answer_that_could_not_be_revealed_becomes_an_abstention() {
        let reply = |answer| ProviderReply {
            answer,
            confidence: 101,
            model: "m".into(),
            record: json!({ "raw": 1 }),
        };
        let mut terms = terms(b"why?");
        terms.answer = AnswerKind::Text { max_bytes: 4 };
        for (text, fits) in [("four", true), ("fives", false), ("", false)] {
            let fitted = fit(&terms, reply(Answer::Text(text.into())));
            assert_eq!(fitted.answer == Answer::Text(text.into()), fits, "{text}");
            assert_eq!(fitted.confidence, if fits { 100 } else { 0 });
            if !fits {
                assert_eq!(fitted.answer, Answer::Abstain(Reason::Unclear));
                assert_eq!(fitted.record["made"]["raw"], 1);
            }
        }
        let other = fit(&terms, reply(Answer::Bool(true)));
        assert_eq!(other.answer, Answer::Abstain(Reason::Unclear));
    }

    #[test]
    fn what_a_server_nests_too_deeply_is_kept_as_text_and_can_be_read() {
        // As deep as a response may be: in the document it is a little deeper.
        let mut usage = json!(1);
        for _ in 0..126 {
            usage = json!([usage]);
        }
        let reply = ProviderReply {
            answer: Answer::Bool(true),
            confidence: 70,
            model: "m".into(),
            record: json!({ "usage": usage }),
        };
        let deployment = DeploymentId {
            domain: [1; 32],
            contract: [2; 32],
        };
        let secret = NumberedSecret {
            number: 1,
            bytes: &[6; 32],
        };
        let times = AnswerTimes {
            model_ms: 1,
            seen_at_ms: 2,
        };
        let context = deployment.context(3, [4; 32], [5; 32]);
        let text = reply.record.to_string();
        let bound = bind(&context, &terms(b"?"), reply, &secret, &times).unwrap();
        let document: Value = serde_json::from_slice(&bound.document).unwrap();
        assert_eq!(document["made"]["text"], text);
    }

    #[test]
    fn a_prompt_that_is_no_text_is_not_put_to_a_model() {
        assert!(question(&terms(b"why?")).is_ok());
        assert_eq!(
            question(&terms(b"\xff")).err(),
            Some("the prompt is not UTF-8")
        );
    }
}
