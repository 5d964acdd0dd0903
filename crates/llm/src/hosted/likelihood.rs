//! How sure a model was of a label, from the likelihoods of the tokens that it chose.
//!
//! At each token of the reply the server names the likeliest ones. Those that begin none of the forms asked
//! for are left aside, as if the model could not have said them; of the rest, the part that leads to the
//! label that was given is multiplied over the tokens, until no other label is possible.

use serde_json::Value;

/// Alternatives that are asked for at each token. Servers give 5 to 20 at most.
pub(super) const ALTERNATIVES: u8 = 8;

/// One token of a reply, with the likeliest ones in its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TokenChoice {
    text: String,
    /// Texts with their likelihoods, 0 to 1; the one that was chosen among them.
    alternatives: Vec<(String, f64)>,
}

/// The tokens in a choice of a chat completion; none where the server does not say.
pub(super) fn tokens(choice: &Value) -> Vec<TokenChoice> {
    let content = choice["logprobs"]["content"].as_array();
    let read = content.into_iter().flatten().map(|token| {
        let (text, own) = token_of(token)?;
        let others = token["top_logprobs"].as_array();
        let others = others.into_iter().flatten().filter_map(token_of);
        let mut alternatives: Vec<_> = others.filter(|(other, _)| *other != text).collect();
        alternatives.push((text.clone(), own));
        Some(TokenChoice { text, alternatives })
    });
    // Half of a reply says nothing about all of it.
    read.collect::<Option<_>>().unwrap_or_default()
}

fn token_of(token: &Value) -> Option<(String, f64)> {
    let likelihood = token["logprob"].as_f64()?.exp();
    let text = token["token"].as_str()?.to_owned();
    (0.0..=1.0)
        .contains(&likelihood)
        .then_some((text, likelihood))
}

/// How sure the model was of `given`, one of the `forms` of a reply, in percent; `None` where the tokens
/// do not tell.
pub(super) fn confidence(tokens: &[TokenChoice], forms: &[String], given: &str) -> Option<u8> {
    let forms: Vec<String> = forms
        .iter()
        .map(|form| form.trim().to_lowercase())
        .collect();
    let given = given.trim().to_lowercase();
    let begin = beginning(tokens, &given)?;
    let mut said = String::new();
    let mut sure = 1.0;
    for token in tokens.get(begin..)? {
        if forms.iter().filter(|form| form.starts_with(&said)).count() <= 1 {
            break;
        }
        let mut possible = 0.0;
        let mut leading = 0.0;
        for (text, likelihood) in &token.alternatives {
            let next = joined(&said, text);
            if forms.iter().any(|form| leads_to(&next, form)) {
                possible += likelihood;
            }
            if leads_to(&next, &given) {
                leading += likelihood;
            }
        }
        if possible <= 0.0 {
            return None;
        }
        sure *= leading / possible;
        said = joined(&said, &token.text);
    }
    // A longer form that begins with all that was said: its end is in no token, so how likely it was is not known.
    let is_longer = |form: &String| form.starts_with(said.as_str()) && *form != given;
    if forms.iter().any(is_longer) {
        return None;
    }
    // Between 0 and 100: `given` is one of the forms, so one sum is a part of the other.
    (0.0..=1.0)
        .contains(&sure)
        .then(|| (sure * 100.0).round() as u8)
}

/// The token at which the last occurrence of the reply begins; what stands before is what the model thought.
fn beginning(tokens: &[TokenChoice], given: &str) -> Option<usize> {
    let mut rest = String::new();
    for (index, token) in tokens.iter().enumerate().rev() {
        rest.insert_str(0, &token.text);
        if rest.trim_start().to_lowercase().starts_with(given) {
            return Some(index);
        }
    }
    None
}

fn joined(said: &str, text: &str) -> String {
    let text = text.to_lowercase();
    match said.is_empty() {
        true => text.trim_start().to_owned(),
        false => format!("{said}{text}"),
    }
}

/// Whether what is said may become this form, or is all of it with white space behind.
fn leads_to(said: &str, form: &str) -> bool {
    form.starts_with(said)
        || said
            .strip_prefix(form)
            .is_some_and(|rest| rest.trim().is_empty())
}

#[cfg(test)]
#[path = "likelihood_tests.rs"]
mod tests;
