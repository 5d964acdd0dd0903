//! Which errors and states a test has reached.

use std::{collections::BTreeMap, fmt::Debug};

use llm_oracle_primitives::{DeliveryStatus, Error, Outcome, Phase, SeatState};
use scale_info::{TypeDef, TypeInfo};

use crate::{invariants::Shot, messages::Reply};

/// How often each was seen.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    pub errors: BTreeMap<String, u64>,
    states: BTreeMap<String, u64>,
}

/// Name of an enum's variant.
fn variant(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    let end = text.find(|letter: char| !letter.is_alphanumeric());
    text[..end.unwrap_or(text.len())].to_owned()
}

/// Names of all variants of an enum.
fn variants<T: TypeInfo>() -> Vec<String> {
    match T::type_info().type_def {
        TypeDef::Variant(all) => all
            .variants
            .iter()
            .map(|one| one.name.to_string())
            .collect(),
        other => panic!("no enum: {other:?}"),
    }
}

/// Names of all errors.
pub fn all_errors() -> Vec<String> {
    variants::<Error>()
}

/// Names of all states that can be seen between two calls.
fn all_states() -> Vec<String> {
    let of = |what: &str, names: Vec<String>| -> Vec<String> {
        names.iter().map(|name| format!("{what} {name}")).collect()
    };
    let all = [
        of("phase", variants::<Phase>()),
        of("outcome", variants::<Outcome>()),
        of("delivery", variants::<DeliveryStatus>()),
        of("seat", variants::<SeatState>()),
    ];
    // A taken seat is never vacant, and a delivery runs inside a call only.
    let hidden = ["seat Vacant", "delivery Delivering"];
    let names = all.into_iter().flatten();
    names.filter(|name| !hidden.contains(&&**name)).collect()
}

impl Coverage {
    /// Counts the errors of a reply, of a batch's entries too.
    pub fn count(&mut self, reply: &Result<Reply, Error>) {
        match reply {
            Err(error) => self.error(error),
            Ok(Reply::Batch(results)) => {
                for error in results.iter().filter_map(|one| one.as_ref().err()) {
                    self.error(error);
                }
            }
            Ok(_) => {}
        }
    }

    pub fn error(&mut self, error: &Error) {
        *self.errors.entry(variant(error)).or_default() += 1;
    }

    /// Notes the states of all that is stored.
    pub fn see(&mut self, shot: &Shot) {
        let mut see = |what: &str, name: String| {
            *self.states.entry(format!("{what} {name}")).or_default() += 1;
        };
        for request in shot.requests.values() {
            see("phase", variant(&request.summary.phase));
            see("delivery", variant(&request.summary.delivery));
            if let Some(outcome) = &request.outcome {
                see("outcome", variant(outcome));
            }
            for seat in &request.seats {
                see("seat", variant(&seat.state));
            }
        }
    }

    pub fn merge(&mut self, other: Self) {
        for (to, from) in [
            (&mut self.errors, other.errors),
            (&mut self.states, other.states),
        ] {
            for (name, count) in from {
                *to.entry(name).or_default() += count;
            }
        }
    }

    /// States that were not reached.
    pub fn states_missing(&self) -> Vec<String> {
        let all = all_states().into_iter();
        all.filter(|name| !self.states.contains_key(name)).collect()
    }

    /// Errors that were not reached.
    pub fn errors_missing(&self) -> Vec<String> {
        let all = all_errors().into_iter();
        all.filter(|name| !self.errors.contains_key(name)).collect()
    }

    pub fn print(&self) {
        let (states, errors) = (all_states().len(), all_errors().len());
        let (no_states, no_errors) = (self.states_missing(), self.errors_missing());
        println!(
            "states reached: {} of {states}; not: {}",
            states - no_states.len(),
            no_states.join(", ")
        );
        println!(
            "errors reached: {} of {errors}; not: {}",
            errors - no_errors.len(),
            no_errors.join(", ")
        );
    }
}
