//! From the arguments of `ask` to checked terms.

use super::{
    flags::{AnswerFlags, AskArgs},
    question_text::{not_blank, options, prompt},
    schema::schema,
};
use crate::exit::CliError;
use llm_oracle_llm::check_answer_type;
use llm_oracle_primitives::{
    canonical::parse_decimal, AnswerKind, Assignment, LeastRecord, ModelRef, Sampling, Source,
    Terms,
};
use std::io;

/// Seats of a request without `--seats`.
const SEATS: u8 = 3;

/// Bytes of an open answer for each token, at least: some languages need two tokens for a character.
const BYTES_PER_TOKEN: u32 = 2;

/// The terms that the arguments of `ask` and the attachments that are held describe, checked by the contract's own rules.
///
/// # Errors
/// The first broken rule. Nothing has been sent by then.
pub fn terms(args: &AskArgs, held: Vec<Source>) -> Result<Terms, CliError> {
    let prompt = prompt(&args.prompt, io::stdin())?;
    not_blank("--system", args.system.as_deref().unwrap_or_default())?;
    let seats = seats(args)?;
    let answer = kind(&args.answer)?;
    let terms = Terms {
        model: args
            .model
            .as_ref()
            .map_or(ModelRef::Any, |name| ModelRef::Name(name.clone().into())),
        prompt: prompt.into(),
        system: args.system.clone().map(Into::into),
        sources: sources(args, held),
        sampling: sampling(&answer),
        answer,
        seats,
        threshold: args.threshold.unwrap_or_else(|| majority(seats)),
        assignment: assignment(args),
        max_seats_per_family: args.committee.max_seats_per_family,
        min_confidence: args.committee.min_confidence,
        not_before: args.not_before,
        commit_blocks: args.commit_blocks,
        reveal_blocks: args.reveal_blocks,
        callback: None,
        refund_to: None,
        one_step: args.one_step,
    };
    terms
        .check()
        .map_err(|error| CliError::usage(error).help("nothing was sent"))?;
    // The contract accepts any schema; operators would abstain if they cannot check it.
    check_answer_type(&terms.answer)
        .map_err(|why| CliError::usage(why).help("nothing was sent"))?;
    Ok(terms)
}

fn sources(args: &AskArgs, held: Vec<Source>) -> Vec<Source> {
    let flags = &args.sources;
    let attached = flags.attach_digest.iter().map(|one| one.0.clone());
    let attached = held.into_iter().chain(attached);
    let pages = flags.source.iter().map(|url| Source::Page {
        url: url.clone().into(),
        must: flags.must,
    });
    attached.chain(pages).collect()
}

fn assignment(args: &AskArgs) -> Assignment {
    let committee = &args.committee;
    if !committee.named.is_empty() {
        let operators = committee.named.iter().map(|account| account.0).collect();
        return Assignment::Named { operators };
    }
    if let Some(set) = committee.set {
        return Assignment::Set(set);
    }
    Assignment::Open {
        least: LeastRecord {
            agreement_ppm: committee.min_agreement.map_or(0, |share| share.ppm),
            answers: committee.min_answers.unwrap_or(0),
        },
    }
}

/// The default sampling, with enough tokens for the longest answer.
fn sampling(kind: &AnswerKind) -> Sampling {
    let usual = Sampling::default();
    let tokens = kind
        .open_bytes()
        .checked_div(BYTES_PER_TOKEN)
        .unwrap_or(usual.max_tokens);
    Sampling {
        max_tokens: usual.max_tokens.max(tokens),
        ..usual
    }
}

fn seats(args: &AskArgs) -> Result<u8, CliError> {
    match args.seats {
        Some(seats) if args.one_step && seats != 1 => Err(CliError::usage(format!(
            "--one-step has 1 seat, and --seats asks for {seats}"
        ))
        .help("leave one of the two out; nothing was sent")),
        Some(seats) => Ok(seats),
        None => Ok(if args.one_step { 1 } else { SEATS }),
    }
}

/// The default threshold of a committee: more than half.
fn majority(seats: u8) -> u8 {
    (seats / 2).saturating_add(1)
}

/// The type of the answer that the flags describe.
///
/// # Errors
/// When a value is wrong. The contract's own rules are not applied.
pub fn kind(flags: &AnswerFlags) -> Result<AnswerKind, CliError> {
    if let Some(given) = &flags.choice {
        let options = options(given)?;
        return Ok(AnswerKind::Choice { options });
    }
    if flags.text {
        let max_bytes = flags.max_bytes;
        return Ok(AnswerKind::Text { max_bytes });
    }
    if let Some(given) = &flags.json_schema {
        let schema = schema(given)?;
        return Ok(AnswerKind::Json { schema });
    }
    if flags.number {
        let (scale, text) = (flags.decimals, &flags.tolerance);
        let wrong = |why: String| CliError::usage(format!("--tolerance '{text}' {why}"));
        let places = text
            .split_once('.')
            .map_or(0, |(_, fraction)| fraction.len());
        if places > usize::from(scale) {
            return Err(wrong(format!(
                "has more than the {scale} decimal places of the number"
            ))
            .help(format!(
                "raise --decimals to {places} or round the tolerance"
            )));
        }
        let mantissa =
            parse_decimal(text, scale).map_err(|error| wrong(format!("is wrong: {error}")))?;
        let tolerance = mantissa
            .try_into()
            .map_err(|_| wrong("is below zero".into()))?;
        return Ok(AnswerKind::Number { scale, tolerance });
    }
    Ok(AnswerKind::Bool)
}

#[cfg(test)]
#[path = "terms_tests.rs"]
mod tests;
