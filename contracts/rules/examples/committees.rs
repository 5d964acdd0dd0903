//! How many drawn committees a party wins that holds a part of all bonds: a table for
//! `docs/protocol.md`, made by the contract's own rules.
//!
//! `cargo run --example committees [DRAWS]`. A hundred operators with equal bonds; the party has some
//! of them. It wins a committee when it holds more than half of the seats.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)] // A simulation may stop.
#![allow(clippy::print_stdout, clippy::print_stderr)] // The table is what it is for.
#![allow(clippy::indexing_slicing)]

use llm_oracle_primitives::{
    digest, AccountId, AnswerKind, Assignment, ModelRef, Params, Prompt, Sampling, Terms,
};
use llm_oracle_rules::MemoryHost;
use schnorrkel::{signing_context, ExpansionMode, MiniSecretKey};

const OPERATORS: u8 = 100;
const SEATS: [u8; 5] = [3, 5, 7, 15, 31];
const ASKER: AccountId = AccountId([0xa0; 32]);

/// A deployment with a hundred operators; returns their accounts in the order of their slots.
fn deployment() -> (MemoryHost, Vec<AccountId>) {
    let (mut chain, bond) = (MemoryHost::new(Params::dev()), Params::dev().min_bond);
    let register = |seed: u8| {
        let key = MiniSecretKey::from_bytes(&[seed + 1; 32])
            .unwrap()
            .expand_to_keypair(ExpansionMode::Ed25519);
        let id = AccountId(key.public.to_bytes());
        let message = digest::register_message(&chain.domain(), &MemoryHost::address(), &id);
        let signed = key.sign(signing_context(b"substrate").bytes(&message));
        let registered = chain.call(ASKER, bond, |oracle| {
            oracle.register(id, &signed.to_bytes())
        });
        registered.map(|_| id).unwrap()
    };
    let operators = (0..OPERATORS).map(register).collect();
    (chain, operators)
}

fn terms(seats: u8) -> Terms {
    Terms {
        model: ModelRef::Any,
        prompt: Prompt::Inline(b"?".to_vec()),
        system: None,
        answer: AnswerKind::Bool,
        sampling: Sampling::default(),
        seats,
        threshold: seats / 2 + 1,
        assignment: Assignment::Drawn,
        one_step: false,
        commit_blocks: 10,
        reveal_blocks: 10,
        callback: None,
        refund_to: None,
    }
}

/// Share of committees in which operators below `party` hold more than half, percent.
fn won(party: usize, seats: u8, draws: u32) -> f64 {
    let (mut chain, operators) = deployment();
    let mut won = 0;
    for _ in 0..draws {
        let id = chain
            .call(ASKER, u128::MAX / 1_000_000, |oracle| {
                oracle.ask(terms(seats), Params::dev().min_reward)
            })
            .unwrap();
        chain.block += Params::dev().draw_timeout + 1;
        let view = chain.view(|oracle| oracle.request_view(id)).unwrap();
        let drawn = view.draw.and_then(|draw| draw.drawn).unwrap();
        let mine = |id: &&AccountId| operators[..party].contains(id);
        let held = drawn.iter().filter(mine).count();
        won += u32::from(held > usize::from(seats / 2));
        // What is settled and pruned costs the next draw nothing.
        chain.block += 40;
        chain.call(ASKER, 0, |oracle| oracle.advance(id)).unwrap();
        chain.call(ASKER, 0, |oracle| oracle.prune(id)).unwrap();
    }
    f64::from(won) * 100.0 / f64::from(draws)
}

fn main() {
    let draws = std::env::args().nth(1).and_then(|given| given.parse().ok());
    let draws = draws.unwrap_or(2_000);
    let seats = SEATS.map(|seats| format!(" {seats} seats |")).concat();
    println!("| part of the bonds |{seats}");
    println!("| --- |{}", " --- |".repeat(SEATS.len()));
    for percent in [10, 20, 33, 50] {
        let row = SEATS.map(|seats| format!(" {:.1} % |", won(percent, seats, draws)));
        println!("| {percent} % |{}", row.concat());
    }
    eprintln!("{draws} draws each, {OPERATORS} operators of equal bonds");
}
