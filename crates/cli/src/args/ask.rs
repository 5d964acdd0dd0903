//! What can be typed after `ask`.

use super::Sign;
use crate::{account::Account, money::Planck};
use clap::{ArgGroup, Args};
use llm_oracle_primitives::{canonical::parse_decimal, limits::PPM};
use std::str::FromStr;

/// Arguments of `ask`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("form").required(true))]
pub struct AskArgs {
    /// The question
    pub prompt: String,
    /// Instruction that stands before the question
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// Operators that answer, 1 to 32 [default: 3, and 1 with --one-step]
    #[arg(long, value_name = "N")]
    pub seats: Option<u8>,
    /// How many must agree [default: more than half of the seats]
    #[arg(long, value_name = "K")]
    pub threshold: Option<u8>,
    /// Reward of one seat, planck or with UNIT [default: the least]
    #[arg(long, value_name = "AMOUNT")]
    pub fee: Option<Planck>,
    /// What to send in all; more than the quote comes back as credit [default: the quote]
    #[arg(long, value_name = "AMOUNT")]
    pub value: Option<Planck>,
    /// Name of the model that must answer [default: any]
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Length of the commit phase in blocks
    #[arg(long, default_value_t = 256, value_name = "BLOCKS")]
    pub commit_blocks: u32,
    /// Length of the reveal phase in blocks
    #[arg(long, default_value_t = 256, value_name = "BLOCKS")]
    pub reveal_blocks: u32,
    /// One seat answers in one call, without commit and reveal; its answer can be seen before it counts
    #[arg(long)]
    pub one_step: bool,
    /// Return as soon as the question is on chain
    #[arg(long)]
    pub no_wait: bool,
    /// Longest time to wait, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub timeout: u64,
    /// The form of the answer.
    #[command(flatten)]
    pub form: Form,
    /// Who may answer.
    #[command(flatten)]
    pub committee: Committee,
    /// Key and sending.
    #[command(flatten)]
    pub sign: Sign,
}

/// The form of an answer: exactly one of those in the group `form`.
#[derive(Args, Debug)]
#[group(skip)]
#[command(next_help_heading = "Form of the answer")]
pub struct Form {
    /// Yes or no
    #[arg(long = "bool", group = "form")]
    pub yes_no: bool,
    /// One of these options, separated by commas
    #[arg(long, value_name = "OPTIONS", value_delimiter = ',', group = "form")]
    pub choice: Option<Vec<String>>,
    /// A number
    #[arg(long, group = "form")]
    pub number: bool,
    /// Decimal places of the number
    #[arg(long, value_name = "N", conflicts_with_all = ["yes_no", "choice", "text", "json_schema"], default_value_t = 0)]
    pub decimals: u8,
    /// How far from the median numbers still agree, such as 0.5
    #[arg(long, value_name = "T", conflicts_with_all = ["yes_no", "choice", "text", "json_schema"], default_value = "0")]
    pub tolerance: String,
    /// Free text; operators agree when they give the same after normalisation
    #[arg(long, group = "form")]
    pub text: bool,
    /// Most bytes of the text, 1 to 2048
    #[arg(long, value_name = "N", conflicts_with_all = ["yes_no", "choice", "number", "json_schema"], default_value_t = 256)]
    pub max_bytes: u32,
    /// JSON that fits this schema: a file, or the schema itself
    #[arg(long, value_name = "FILE|SCHEMA", group = "form")]
    pub json_schema: Option<String>,
}

/// Who may answer: at most one of `--named`, `--open` and `--drawn`.
#[derive(Args, Debug)]
#[command(next_help_heading = "Who may answer", group = ArgGroup::new("assignment"))]
#[group(skip)]
pub struct Committee {
    /// Only these operators may answer, separated by commas
    #[arg(
        long,
        value_name = "ACCOUNTS",
        value_delimiter = ',',
        group = "assignment"
    )]
    pub named: Vec<Account>,
    /// The operators that come first, whoever they are
    #[arg(long, group = "assignment")]
    pub open: bool,
    /// Operators drawn at random by bond [default: when there are at least two for each seat]
    #[arg(long, group = "assignment")]
    pub drawn: bool,
    /// Only operators of whose ended seats so many agreed, per cent
    #[arg(long, value_name = "PERCENT", conflicts_with = "named")]
    pub least_agreement: Option<Percent>,
    /// Only operators that have given so many answers
    #[arg(long, value_name = "N", conflicts_with = "named")]
    pub least_answers: Option<u32>,
}

/// A share, read as a percentage such as `80` or `99.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent {
    /// The share in parts per million.
    pub ppm: u32,
}

impl FromStr for Percent {
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
            format!("'{input}' is no percentage; give 0 to 100 with at most 4 decimal places")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_has_at_most_four_places() {
        for (input, ppm) in [("0", 0), ("80", 800_000), ("99.5%", 995_000), ("100", PPM)] {
            assert_eq!(input.parse(), Ok(Percent { ppm }), "{input}");
        }
        for input in ["", "101", "-1", "1.00001", "half"] {
            let refused = Percent::from_str(input);
            assert!(
                refused.clone().is_err_and(|why| why.contains(input)),
                "{input}: {refused:?}"
            );
        }
    }
}
