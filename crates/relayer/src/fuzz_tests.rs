//! Calls of a contract as strangers send them, as random bytes.

use crate::equivocation::claims;
use llm_oracle_fixtures::fuzz::Target;
use llm_oracle_support::selector;

#[test]
fn parsers_are_fuzzed() {
    let messages = ["reveal", "reveal_batch", "answer", "answer_batch", "commit"];
    let seeds = messages.iter().map(|message| {
        let mut seed = selector(message).to_vec();
        // An empty batch, and an entry of zeros.
        seed.extend(vec![0; if message.ends_with("batch") { 1 } else { 114 }]);
        seed
    });
    Target {
        name: "call",
        seeds: seeds.collect(),
        words: &[],
    }
    .run(|input| {
        // An entry has a signature of 64 bytes.
        assert!(claims(input).len() <= input.len() / 64);
    });
}
