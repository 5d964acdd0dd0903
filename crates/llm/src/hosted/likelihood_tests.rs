#![allow(clippy::unwrap_used)]

use super::*;
use serde_json::json;

fn choice(tokens: &[&[(&str, f64)]]) -> Value {
    let content: Vec<_> = tokens
        .iter()
        .map(|token| {
            let top: Vec<_> = token
                .iter()
                .map(|(text, likelihood)| json!({ "token": text, "logprob": likelihood.ln() }))
                .collect();
            let (text, likelihood) = token[0];
            json!({ "token": text, "logprob": likelihood.ln(), "top_logprobs": top })
        })
        .collect();
    json!({ "logprobs": { "content": content } })
}

fn sure(tokens: &[&[(&str, f64)]], forms: &[&str], given: &str) -> Option<u8> {
    let forms: Vec<String> = forms.iter().map(|&form| form.to_owned()).collect();
    confidence(&super::tokens(&choice(tokens)), &forms, given)
}

const YES_NO: [&str; 3] = ["yes", "no", "UNCLEAR"];

#[test]
fn what_is_no_form_counts_as_not_sayable() {
    // 0.6 for yes in two spellings, 0.2 for no, the rest for chatter.
    let token: &[_] = &[("Yes", 0.5), (" yes", 0.1), ("No", 0.2), ("Well", 0.15)];
    assert_eq!(sure(&[token], &YES_NO, "yes"), Some(75));
    let unclear: &[_] = &[("UN", 0.5), ("Yes", 0.5)];
    assert_eq!(
        sure(&[unclear, &[("CLEAR", 1.0)]], &YES_NO, "UNCLEAR"),
        Some(50)
    );
}

#[test]
fn labels_that_begin_alike_are_told_apart_by_later_tokens() {
    let tokens: [&[(&str, f64)]; 2] = [&[("re", 1.0)], &[("d", 0.9), ("al", 0.1)]];
    assert_eq!(sure(&tokens, &["red", "real"], "red"), Some(90));
    // What follows the label, such as a line's end, takes nothing away.
    let tokens: [&[(&str, f64)]; 2] = [&[("no", 0.8), ("no\n", 0.1), ("yes", 0.1)], &[("\n", 0.3)]];
    assert_eq!(sure(&tokens, &YES_NO, "no"), Some(90));
}

#[test]
fn where_a_longer_label_begins_alike_the_end_of_the_reply_decides() {
    // Nothing says how likely a second digit was.
    let one: &[_] = &[("1", 1.0)];
    assert_eq!(sure(&[one], &["1", "11"], "1"), None);
    // Here the next token does.
    let end: &[_] = &[("\n", 0.75), ("1", 0.25)];
    assert_eq!(sure(&[one, end], &["1", "11"], "1"), Some(75));
    let more: &[_] = &[("1", 0.25), ("\n", 0.75)];
    assert_eq!(sure(&[one, more], &["1", "11"], "11"), Some(25));
    // A reply lacks the spaces around an option.
    let a: &[_] = &[("a", 0.6), ("b", 0.1)];
    assert_eq!(sure(&[a], &[" a", "b"], " a"), Some(86));
}

#[test]
fn thoughts_before_the_reply_do_not_count() {
    let tokens: [&[(&str, f64)]; 4] = [
        &[("<think>", 0.1)],
        &[("yes", 0.1), ("no", 0.9)],
        &[("</think>", 0.1)],
        &[("yes", 0.97), ("no", 0.03)],
    ];
    assert_eq!(sure(&tokens, &YES_NO, "yes"), Some(97));
}

#[test]
fn what_a_server_leaves_out_is_no_confidence() {
    for choice in [
        json!({}),
        json!({ "logprobs": null }),
        json!({ "logprobs": { "content": [] } }),
        json!({ "logprobs": { "content": [{ "token": "yes" }] } }),
        // A logarithm of a likelihood above 1.
        json!({ "logprobs": { "content": [{ "token": "yes", "logprob": 3 }] } }),
        json!({ "logprobs": { "content": [{ "token": "maybe", "logprob": 0 }] } }),
    ] {
        let tokens = super::tokens(&choice);
        let forms = YES_NO.map(str::to_owned);
        assert_eq!(confidence(&tokens, &forms, "yes"), None, "{choice}");
    }
}
