//! The arguments of `ask`.

use crate::{account::AccountInput, flags::SigningFlags, money::AmountInput};
use clap::{ArgGroup, Args};
use llm_oracle_primitives::{canonical::parse_decimal, limits::PPM, Source};
use llm_oracle_support::address::parse_hash;
use std::str::FromStr;

/// Arguments of `ask`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("answer_type").required(true))]
pub struct AskArgs {
    /// The question; - reads it from stdin
    pub prompt: String,
    /// System prompt: an instruction before the question
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// Operators that answer, 1 to 32 [default: 3, and 1 with --one-step]
    #[arg(long, value_name = "N")]
    pub seats: Option<u8>,
    /// How many must agree [default: more than half of the seats]
    #[arg(long, value_name = "K")]
    pub threshold: Option<u8>,
    /// Reward of one seat, planck or with the coin, such as 2UNIT [default: the minimum]
    #[arg(long, alias = "fee", value_name = "AMOUNT")]
    pub reward: Option<AmountInput>,
    /// Total value to send; what exceeds the quote is returned as credit [default: the quote]
    #[arg(long, value_name = "AMOUNT")]
    pub value: Option<AmountInput>,
    /// Pay with the credit of the key's account in the contract first
    #[arg(long)]
    pub use_credit: bool,
    /// Name of the model that must answer [default: any]
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// First block in which seats can be taken [default: as soon as possible]
    #[arg(long, value_name = "BLOCK", default_value_t = 0)]
    pub not_before: u32,
    /// Length of the commit phase in blocks
    #[arg(long, default_value_t = 256, value_name = "BLOCKS")]
    pub commit_blocks: u32,
    /// Length of the reveal phase in blocks
    #[arg(long, default_value_t = 256, value_name = "BLOCKS")]
    pub reveal_blocks: u32,
    /// One seat answers in one call, without commit and reveal; its answer can be seen before it counts
    #[arg(long)]
    pub one_step: bool,
    /// Return as soon as the request is on chain
    #[arg(long)]
    pub no_wait: bool,
    /// Maximum time to wait, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub timeout: u64,
    /// The type of the answer.
    #[command(flatten)]
    pub answer: AnswerFlags,
    /// What the question is about.
    #[command(flatten)]
    pub sources: SourceFlags,
    /// Who may answer.
    #[command(flatten)]
    pub committee: CommitteeFlags,
    /// Key and transaction.
    #[command(flatten)]
    pub sign: SigningFlags,
}

/// The type of an answer: exactly one flag of the group `answer_type`.
#[derive(Args, Debug)]
#[group(skip)]
#[command(next_help_heading = "Type of the answer")]
pub struct AnswerFlags {
    /// Yes or no
    #[arg(long = "bool", group = "answer_type")]
    pub yes_no: bool,
    /// One of these options, separated by commas; given several times, each is one option with its commas
    #[arg(long, value_name = "OPTIONS", group = "answer_type")]
    pub choice: Option<Vec<String>>,
    /// A number
    #[arg(long, group = "answer_type")]
    pub number: bool,
    /// Decimal places of the number
    #[arg(long, value_name = "N", conflicts_with_all = ["yes_no", "choice", "text", "json_schema"], default_value_t = 0)]
    pub decimals: u8,
    /// Maximum distance from the median at which numbers agree, such as 0.5
    #[arg(long, value_name = "T", conflicts_with_all = ["yes_no", "choice", "text", "json_schema"], default_value = "0")]
    pub tolerance: String,
    /// Free text; operators agree when their texts are equal after normalisation
    #[arg(long, group = "answer_type")]
    pub text: bool,
    /// Maximum size of the text, 1 to 2048 bytes
    #[arg(long, value_name = "N", conflicts_with_all = ["yes_no", "choice", "number", "json_schema"], default_value_t = 256)]
    pub max_bytes: u32,
    /// JSON that fits this schema: a file, or the schema itself, which is true, false or begins with {
    #[arg(long, value_name = "FILE|SCHEMA", group = "answer_type")]
    pub json_schema: Option<String>,
}

/// Documents and pages that a question is about.
#[derive(Args, Debug)]
#[command(next_help_heading = "Sources")]
#[group(skip)]
pub struct SourceFlags {
    /// A document that this machine's relayer holds from now on, in sources.folder of the settings: FILE, or
    /// FILE:MEDIA where the name does not tell the type; may be repeated
    #[arg(long, value_name = "FILE[:MEDIA]")]
    pub attach: Vec<String>,
    /// A document by its BLAKE2b-256 digest: 0xDIGEST:BYTES:MEDIA, or with :URI where to get it; may be repeated
    #[arg(long, value_name = "DIGEST:BYTES:MEDIA[:URI]")]
    pub attach_digest: Vec<Attachment>,
    /// A page, https://, that each operator fetches itself; may be repeated
    #[arg(long, value_name = "URL")]
    pub source: Vec<String>,
    /// The question cannot be answered without the pages
    #[arg(long, requires = "source")]
    pub must: bool,
}

/// A document, read as `DIGEST:BYTES:MEDIA[:URI]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment(pub Source);

impl FromStr for Attachment {
    type Err = String;

    fn from_str(input: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("'{input}' {why}; give 0xDIGEST:BYTES:MEDIA[:URI]");
        let mut parts = input.splitn(4, ':');
        let (Some(digest), Some(bytes), Some(media)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong("has fewer than three parts"));
        };
        Ok(Self(Source::Attachment {
            digest: parse_hash(digest).map_err(|_| wrong("does not begin with a digest"))?,
            bytes: bytes.parse().map_err(|_| wrong("has no number of bytes"))?,
            media: media.into(),
            uri: parts.next().unwrap_or_default().into(),
        }))
    }
}

/// Who may answer: at most one of `--named`, `--set` and `--open`.
#[derive(Args, Debug)]
#[command(next_help_heading = "Who may answer", group = ArgGroup::new("assignment"))]
#[group(skip)]
pub struct CommitteeFlags {
    /// Only these operators may answer, separated by commas
    #[arg(
        long,
        value_name = "ACCOUNTS",
        value_delimiter = ',',
        group = "assignment"
    )]
    pub named: Vec<AccountInput>,
    /// Only operators of the published set with this number
    #[arg(long, value_name = "N", group = "assignment")]
    pub set: Option<u32>,
    /// Any operators, in the order in which they commit [the default]
    #[arg(long, group = "assignment")]
    pub open: bool,
    /// How many seats operators of one model family may take, 0 for any number
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_seats_per_family: u8,
    /// Least confidence of the answer, 0 to 100
    #[arg(long, value_name = "PERCENT", default_value_t = 0)]
    pub min_confidence: u8,
    /// Only operators with at least this agreement rate, per cent of their finished seats
    #[arg(
        long,
        alias = "least-agreement",
        value_name = "PERCENT",
        conflicts_with_all = ["named", "set"]
    )]
    pub min_agreement: Option<PercentShare>,
    /// Only operators that have given at least this many answers
    #[arg(
        long,
        alias = "least-answers",
        value_name = "N",
        conflicts_with_all = ["named", "set"]
    )]
    pub min_answers: Option<u32>,
}

/// A share, read as a percentage such as `80` or `99.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PercentShare {
    /// The share in parts per million.
    pub ppm: u32,
}

impl FromStr for PercentShare {
    type Err = String;

    fn from_str(input: &str) -> Result<Self, String> {
        let text = input.trim().trim_end_matches('%').trim_end();
        // A percentage with four decimal places counts parts per million.
        let places = text.split_once('.').map_or(0, |(_, places)| places.len());
        let share = parse_decimal(text, 4).ok().filter(|_| places <= 4);
        let ppm = share
            .and_then(|ppm| u32::try_from(ppm).ok())
            .filter(|ppm| *ppm <= PPM);
        ppm.map(|ppm| Self { ppm }).ok_or_else(|| {
            format!("'{input}' is not a percentage; give 0 to 100 with at most 4 decimal places")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attachment_has_three_parts_or_four() {
        let digest = format!("0x{}", "07".repeat(32));
        let read = |rest: &str| format!("{digest}:{rest}").parse::<Attachment>();
        let attachment = |uri: &str| {
            Attachment(Source::Attachment {
                digest: [7; 32],
                bytes: 12,
                media: b"text/plain".to_vec(),
                uri: uri.into(),
            })
        };
        assert_eq!(read("12:text/plain"), Ok(attachment("")));
        let uri = "https://example.com:8080/a";
        let with_uri = read(&format!("12:text/plain:{uri}"));
        assert_eq!(with_uri, Ok(attachment(uri)));
        assert!(read("12").is_err() && read("x:text/plain").is_err());
        assert!("0x07:12:text/plain".parse::<Attachment>().is_err());
    }

    #[test]
    fn a_percentage_has_at_most_four_places() {
        for (input, ppm) in [("0", 0), ("80", 800_000), ("99.5%", 995_000), ("100", PPM)] {
            assert_eq!(input.parse(), Ok(PercentShare { ppm }), "{input}");
        }
        for input in ["", "101", "-1", "1.00001", "half"] {
            let refused = PercentShare::from_str(input);
            assert!(
                refused.clone().is_err_and(|why| why.contains(input)),
                "{input}: {refused:?}"
            );
        }
    }
}
