//! `operator report-equivocation`: two answers that an operator signed to one question.

use super::{
    args::ReportArgs,
    context::Context,
    exit::{self, Failure, Outcome},
    money::Planck,
    plan::{receipt_json, Plan},
    watch::no_such_request,
};
use llm_oracle_chain::{messages, Event, Oracle};
use llm_oracle_primitives::{Equivocation, Hash, RequestId, Signature, SignedAnswer, Slot};
use llm_oracle_support::address::parse_hash;
use serde::Deserialize;
use serde_json::json;
use std::{fs, path::Path};

/// Reports an operator.
///
/// # Errors
/// When the report is none, or the contract or the chain refuses.
pub async fn report(context: &Context, args: &ReportArgs) -> Outcome {
    let draft = match &args.file {
        Some(path) => from_file(path)?,
        None => from_flags(args)?,
    };
    let signer = context.signer()?;
    let oracle = context.oracle().await?.oracle;
    let report = draft.complete(&oracle).await?;
    let plan = Plan {
        chain: &oracle.chain,
        signer: &signer,
        contract: oracle.address,
        value: 0,
        call: messages::report_equivocation(&report),
    };
    let Some(receipt) = plan.run(context, &args.sign).await? else {
        return Ok(exit::OK);
    };
    // Its bond may have changed since the dry run: what counts is in the block.
    let said = receipt.events.iter().find_map(|event| match event {
        Event::Equivocated(shown) => Some(shown.reward),
        _ => None,
    });
    let reward = said.unwrap_or(receipt.value);
    let mut json = receipt_json(&receipt);
    json["slot"] = json!(report.slot);
    json["id"] = json!(report.request_id);
    json["reward"] = json!(reward.to_string());
    let text = format!(
        "the operator of slot {} takes no seat any more; the report earned {}",
        report.slot,
        Planck(reward)
    );
    context.out.result(&text, &json)?;
    Ok(exit::OK)
}

/// A report whose terms digest may have to be looked up.
#[derive(Debug, PartialEq, Eq)]
struct Draft {
    request_id: RequestId,
    terms_digest: Option<Hash>,
    slot: Slot,
    model: u32,
    first: SignedAnswer,
    second: SignedAnswer,
}

impl Draft {
    async fn complete(self, oracle: &Oracle) -> Result<Equivocation, Failure> {
        let Self {
            request_id,
            slot,
            model,
            first,
            second,
            ..
        } = self;
        let terms_digest = match self.terms_digest {
            Some(digest) => digest,
            None => {
                let view = oracle.request(request_id, None).await?;
                let missing = || {
                    no_such_request(request_id)
                        .help("it may have been pruned; give its --terms-digest")
                };
                view.ok_or_else(missing)?.terms_digest
            }
        };
        Ok(Equivocation {
            request_id,
            terms_digest,
            slot,
            model,
            first,
            second,
        })
    }
}

/// A report in a file. Bytes are 0x-hex.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    request_id: RequestId,
    #[serde(default)]
    terms_digest: Option<String>,
    slot: Slot,
    #[serde(default)]
    model: u32,
    first: Signed,
    second: Signed,
}

/// One signed answer in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    /// Digest of the answer; `show --json` has it as `answer_digest`.
    answer: String,
    evidence: String,
    signature: String,
}

fn from_file(path: &Path) -> Result<Draft, Failure> {
    let wrong = |why: String| {
        Failure::usage(format!("report '{}' {why}", path.display()))
            .help("docs/operating.md shows the form of a report")
    };
    let text =
        fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let report: Report =
        serde_json::from_str(&text).map_err(|error| wrong(format!("is wrong: {error}")))?;
    let signed = |part: &Signed| signed(&part.answer, &part.evidence, &part.signature);
    Ok(Draft {
        request_id: report.request_id,
        terms_digest: report
            .terms_digest
            .as_deref()
            .map(|text| hash("terms_digest", text))
            .transpose()?,
        slot: report.slot,
        model: report.model,
        first: signed(&report.first)?,
        second: signed(&report.second)?,
    })
}

fn from_flags(args: &ReportArgs) -> Result<Draft, Failure> {
    // The parser has made sure that each is there.
    let missing = |flag: &str| Failure::usage(format!("{flag} is missing"));
    let part = |flag: &str, value: &Option<String>| {
        let text = value.as_deref().ok_or_else(|| missing(flag))?;
        let mut parts = text.split(':');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(answer), Some(evidence), Some(signature), None) => {
                signed(answer, evidence, signature)
            }
            _ => Err(
                Failure::usage(format!("{flag} '{text}' has not three parts"))
                    .help("give ANSWER:EVIDENCE:SIGNATURE, each 0x-hex"),
            ),
        }
    };
    Ok(Draft {
        request_id: args.request.ok_or_else(|| missing("--request"))?,
        terms_digest: args
            .terms_digest
            .as_deref()
            .map(|text| hash("--terms-digest", text))
            .transpose()?,
        slot: args.slot.ok_or_else(|| missing("--slot"))?,
        model: args.model,
        first: part("--first", &args.first)?,
        second: part("--second", &args.second)?,
    })
}

fn signed(answer: &str, evidence: &str, signature: &str) -> Result<SignedAnswer, Failure> {
    let wrong = || {
        Failure::usage(format!("the signature '{signature}' is not 64 bytes"))
            .help("give 0x and 128 hex digits")
    };
    let digits = signature.strip_prefix("0x").ok_or_else(wrong)?;
    let bytes = hex::decode(digits).map_err(|_| wrong())?;
    Ok(SignedAnswer {
        answer: hash("the answer's digest", answer)?,
        evidence: hash("the evidence", evidence)?,
        signature: Signature::try_from(bytes.as_slice()).map_err(|_| wrong())?,
    })
}

fn hash(what: &str, text: &str) -> Result<Hash, Failure> {
    parse_hash(text).map_err(|error| Failure::usage(format!("{what}: {error}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::args::{Cli, OperatorVerb, Verb};
    use clap::Parser;

    fn hex0x(byte: &str, bytes: usize) -> String {
        format!("0x{}", byte.repeat(bytes))
    }

    fn part(byte: &str) -> String {
        let (hash, signature) = (hex0x(byte, 32), hex0x(byte, 64));
        format!("{hash}:{hash}:{signature}")
    }

    fn draft() -> Draft {
        let signed = |byte: u8| SignedAnswer {
            answer: [byte; 32],
            evidence: [byte; 32],
            signature: [byte; 64],
        };
        Draft {
            request_id: 7,
            terms_digest: Some([3; 32]),
            slot: 2,
            model: 0,
            first: signed(1),
            second: signed(2),
        }
    }

    fn typed(first: &str, second: &str) -> Result<Draft, Failure> {
        let digest = hex0x("03", 32);
        let line = ["llm-oracle", "operator", "report-equivocation"];
        let flags = ["--request", "7", "--slot", "2", "--terms-digest", &digest];
        let parts = ["--first", first, "--second", second];
        let cli =
            Cli::<crate::NoExtra>::try_parse_from(line.iter().chain(&flags).chain(&parts)).unwrap();
        match cli.verb {
            Verb::Operator(OperatorVerb::ReportEquivocation(args)) => from_flags(&args),
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn a_report_is_typed_or_read_from_a_file() {
        assert_eq!(typed(&part("01"), &part("02")).unwrap(), draft());
        let signed = |byte: &str| {
            let hash = hex0x(byte, 32);
            json!({ "answer": hash, "evidence": hash, "signature": hex0x(byte, 64) })
        };
        let json = json!({
            "request_id": 7,
            "terms_digest": hex0x("03", 32),
            "slot": 2,
            "first": signed("01"),
            "second": signed("02"),
        });
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), json.to_string()).unwrap();
        assert_eq!(from_file(file.path()).unwrap(), draft());
        fs::write(file.path(), r#"{ "slot": 2 }"#).unwrap();
        let refused = from_file(file.path()).unwrap_err();
        assert!(refused.message.contains("request_id"), "{refused}");
    }

    #[test]
    fn what_is_wrong_with_a_report_is_named() {
        let good = part("01");
        for (second, named) in [
            ("0x01:0x02", "three parts"),
            (&good.replace("0x0101", "0x01zz"), "01zz"),
            (&good[..good.len() - 2], "not 64 bytes"),
        ] {
            let refused = typed(&good, second).unwrap_err();
            assert!(refused.message.contains(named), "{second}: {refused}");
        }
    }
}
