//! `operator report-equivocation`: two answers that an operator signed to one request.

use crate::{
    config::Overrides,
    context::CommandContext,
    contract_call::{receipt_json, ContractCall},
    exit::{self, CliError, CommandResult},
    flags::SigningFlags,
    follow::no_such_request,
    money::Planck,
    subcommand::RunSubcommand,
};
use clap::Args;
use llm_oracle_chain::{messages, Event, OracleClient};
use llm_oracle_primitives::{Equivocation, Hash, RequestId, Signature, SignedAnswer, Slot};
use llm_oracle_support::address::parse_hash;
use serde::Deserialize;
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Arguments of `operator report-equivocation`.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// The whole report as JSON instead of the flags below
    #[arg(long, value_name = "FILE", conflicts_with_all = ["request", "slot", "first", "second", "terms_digest"])]
    pub file: Option<PathBuf>,
    /// Number of the request
    #[arg(long, value_name = "ID", required_unless_present = "file")]
    pub request: Option<u64>,
    /// Digest of its terms [default: read from the contract, while it has the request]
    #[arg(long, value_name = "0xHEX")]
    pub terms_digest: Option<String>,
    /// Slot of the operator
    #[arg(long, value_name = "N", required_unless_present = "file")]
    pub slot: Option<u32>,
    /// One signed answer: digest of the answer, evidence and signature, 0x-hex, and the confidence unless the
    /// request was asked under version 2
    #[arg(
        long,
        value_name = "ANSWER:EVIDENCE:SIGNATURE[:CONFIDENCE]",
        required_unless_present = "file"
    )]
    pub first: Option<String>,
    /// The other one
    #[arg(
        long,
        value_name = "ANSWER:EVIDENCE:SIGNATURE[:CONFIDENCE]",
        required_unless_present = "file"
    )]
    pub second: Option<String>,
    /// Key and transaction.
    #[command(flatten)]
    pub sign: SigningFlags,
}

impl RunSubcommand for ReportArgs {
    fn overrides(&self, flags: Overrides) -> Overrides {
        self.sign.add_to(flags)
    }

    /// # Errors
    /// When the report is incomplete or malformed, or the contract or the chain rejects it.
    async fn run(self, context: &CommandContext) -> CommandResult {
        let draft = match &self.file {
            Some(path) => from_file(path)?,
            None => from_flags(&self)?,
        };
        let signer = context.signer()?;
        let oracle = context.oracle().await?.oracle;
        let report = draft.complete(&oracle).await?;
        let call = ContractCall {
            chain: &oracle.chain,
            signer: &signer,
            contract: oracle.address,
            value: 0,
            call: messages::report_equivocation(&report),
        };
        let Some(receipt) = call.run(context, &self.sign).await? else {
            return Ok(exit::OK);
        };
        // The bond may have changed since the dry run, so the block's event decides.
        let reward = receipt.events.iter().find_map(|event| match event {
            Event::Equivocated(shown) => Some(shown.reward),
            _ => None,
        });
        let reward = reward.unwrap_or(receipt.value);
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
}

/// A report whose terms digest may have to be read from the contract.
#[derive(Debug, PartialEq, Eq)]
struct ReportDraft {
    request_id: RequestId,
    terms_digest: Option<Hash>,
    slot: Slot,
    first: SignedAnswer,
    second: SignedAnswer,
}

impl ReportDraft {
    async fn complete(self, oracle: &OracleClient) -> Result<Equivocation, CliError> {
        let Self {
            request_id,
            slot,
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
            first,
            second,
        })
    }
}

/// A report in a file. Bytes are 0x-hex.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportFile {
    request_id: RequestId,
    #[serde(default)]
    terms_digest: Option<String>,
    slot: Slot,
    first: SignedAnswerFile,
    second: SignedAnswerFile,
}

/// One signed answer in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignedAnswerFile {
    /// Digest of the answer; `show --json` has it as `answer_digest`.
    answer: String,
    evidence: String,
    signature: String,
    /// As signed; a request that was asked under version 2 has none.
    #[serde(default)]
    confidence: Option<u8>,
}

fn from_file(path: &Path) -> Result<ReportDraft, CliError> {
    let wrong = |why: String| {
        CliError::usage(format!("report '{}' {why}", path.display()))
            .help("docs/operating.md shows the form of a report")
    };
    let text =
        fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let report: ReportFile =
        serde_json::from_str(&text).map_err(|error| wrong(format!("is wrong: {error}")))?;
    let signed = |part: &SignedAnswerFile| {
        signed(
            &part.answer,
            &part.evidence,
            &part.signature,
            part.confidence,
        )
    };
    Ok(ReportDraft {
        request_id: report.request_id,
        terms_digest: report
            .terms_digest
            .as_deref()
            .map(|text| hash("terms_digest", text))
            .transpose()?,
        slot: report.slot,
        first: signed(&report.first)?,
        second: signed(&report.second)?,
    })
}

fn from_flags(args: &ReportArgs) -> Result<ReportDraft, CliError> {
    // The parser has checked that each is given.
    let missing = |flag: &str| CliError::usage(format!("{flag} is missing"));
    let part = |flag: &str, value: &Option<String>| {
        let text = value.as_deref().ok_or_else(|| missing(flag))?;
        let mut parts = text.split(':');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(answer), Some(evidence), Some(signature), confidence)
                if parts.next().is_none() =>
            {
                let confidence = confidence.map(|text| confidence_of(flag, text));
                signed(answer, evidence, signature, confidence.transpose()?)
            }
            _ => Err(
                CliError::usage(format!("{flag} '{text}' does not have three or four parts"))
                    .help("give ANSWER:EVIDENCE:SIGNATURE, each 0x-hex, and :CONFIDENCE, 0 to 100"),
            ),
        }
    };
    Ok(ReportDraft {
        request_id: args.request.ok_or_else(|| missing("--request"))?,
        terms_digest: args
            .terms_digest
            .as_deref()
            .map(|text| hash("--terms-digest", text))
            .transpose()?,
        slot: args.slot.ok_or_else(|| missing("--slot"))?,
        first: part("--first", &args.first)?,
        second: part("--second", &args.second)?,
    })
}

fn confidence_of(flag: &str, text: &str) -> Result<u8, CliError> {
    text.parse().map_err(|_| {
        CliError::usage(format!("{flag} has the confidence '{text}'")).help("give 0 to 100")
    })
}

fn signed(
    answer: &str,
    evidence: &str,
    signature: &str,
    confidence: Option<u8>,
) -> Result<SignedAnswer, CliError> {
    let wrong = || {
        CliError::usage(format!("the signature '{signature}' is not 64 bytes"))
            .help("give 0x and 128 hex digits")
    };
    let digits = signature.strip_prefix("0x").ok_or_else(wrong)?;
    let bytes = hex::decode(digits).map_err(|_| wrong())?;
    Ok(SignedAnswer {
        answer: hash("the answer's digest", answer)?,
        confidence,
        evidence: hash("the evidence", evidence)?,
        signature: Signature::try_from(bytes.as_slice()).map_err(|_| wrong())?,
    })
}

fn hash(what: &str, text: &str) -> Result<Hash, CliError> {
    parse_hash(text).map_err(|error| CliError::usage(format!("{what}: {error}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        commands::{operator::OperatorSubcommand, CommandLine, Subcommands},
        NoMoreSubcommands,
    };
    use clap::Parser;

    fn hex0x(byte: &str, bytes: usize) -> String {
        format!("0x{}", byte.repeat(bytes))
    }

    fn part(byte: &str) -> String {
        let (hash, signature) = (hex0x(byte, 32), hex0x(byte, 64));
        format!("{hash}:{hash}:{signature}:80")
    }

    fn draft() -> ReportDraft {
        let signed = |byte: u8| SignedAnswer {
            answer: [byte; 32],
            confidence: Some(80),
            evidence: [byte; 32],
            signature: [byte; 64],
        };
        ReportDraft {
            request_id: 7,
            terms_digest: Some([3; 32]),
            slot: 2,
            first: signed(1),
            second: signed(2),
        }
    }

    fn typed(first: &str, second: &str) -> Result<ReportDraft, CliError> {
        let digest = hex0x("03", 32);
        let line = ["llm-oracle", "operator", "report-equivocation"];
        let flags = ["--request", "7", "--slot", "2", "--terms-digest", &digest];
        let parts = ["--first", first, "--second", second];
        let cli = CommandLine::<NoMoreSubcommands>::try_parse_from(
            line.iter().chain(&flags).chain(&parts),
        )
        .unwrap();
        match cli.subcommand {
            Subcommands::Operator(OperatorSubcommand::ReportEquivocation(args)) => {
                from_flags(&args)
            }
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn a_report_is_typed_or_read_from_a_file() {
        assert_eq!(typed(&part("01"), &part("02")).unwrap(), draft());
        let signed = |byte: &str| {
            let hash = hex0x(byte, 32);
            json!({ "answer": hash, "evidence": hash, "signature": hex0x(byte, 64), "confidence": 80 })
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
            ("0x01:0x02", "three or four parts"),
            (&good.replace("0x0101", "0x01zz"), "01zz"),
            (&good.replace(":80", "01:80"), "not 64 bytes"),
            (&good.replace(":80", ":much"), "much"),
        ] {
            let refused = typed(&good, second).unwrap_err();
            assert!(refused.message.contains(named), "{second}: {refused}");
        }
    }
}
