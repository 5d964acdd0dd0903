//! Operators, requesters and questions.

use super::model::{HOPELESS, NAME};
use crate::network::{Consumer, State, World};
use llm_oracle_chain::messages;
use llm_oracle_fixtures::SimRng;
use llm_oracle_primitives::{
    digest, AccountId, AnswerKind, Assignment, Balance, CallbackLimits, ModelRef, Params, Sampling,
    Terms,
};
use llm_oracle_rules::{MemoryHost, Profile};
use llm_oracle_signing::{account_of, Keypair};
use std::{collections::BTreeMap, sync::OnceLock};

const UNIT: Balance = 1_000_000_000_000;
/// What all operators declare their model to be.
const FAMILY: &[u8] = b"simulated";
/// Reward of a seat, planck.
pub const REWARD: Balance = UNIT / 10;
/// Who asks.
pub const ASKER: AccountId = AccountId([0xa0; 32]);
/// Operators that there are keys for.
pub const MOST_OPERATORS: u8 = 3;

/// Keys of operators and the first block's state, in which all of them are registered.
pub fn genesis() -> &'static (Vec<Keypair>, State) {
    static GENESIS: OnceLock<(Vec<Keypair>, State)> = OnceLock::new();
    GENESIS.get_or_init(|| {
        let params = Params {
            delivery_blocks: 40,
            ..Params::for_unit(UNIT)
        };
        let mut host = MemoryHost::new(params);
        let mut balances = BTreeMap::from([(ASKER, 1_000_000 * UNIT)]);
        let mut keys = Vec::new();
        for seed in 0..MOST_OPERATORS {
            let key = Keypair::from_secret_key([seed + 1; 32]).unwrap();
            let account = account_of(&key);
            let message = digest::register_message(
                &host.domain(),
                &MemoryHost::address(),
                &account,
                &account,
                FAMILY,
            );
            let signature = key.sign(&message).0;
            // More than the least, so that a forfeit bars nobody from the next seat.
            let registered = host.call(account, 3 * params.min_bond, |oracle| {
                let profile = Profile {
                    owner: account,
                    family: FAMILY.to_vec(),
                };
                oracle.register(account, profile, &signature)
            });
            registered.unwrap();
            balances.insert(account, 1_000 * UNIT);
            keys.push(key);
        }
        host.events.clear();
        let state = State {
            host,
            nonces: BTreeMap::new(),
            balances,
            spec: 1,
            most_entries: u64::MAX,
            consumer: Consumer::default(),
        };
        (keys, state)
    })
}

/// What kind of question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As many seats as there are operators of ours.
    Plain,
    OneStep,
    /// With a callback.
    Delivered,
    /// More seats than operators, and all must agree: it expires.
    Unfilled,
    /// For a model that nobody serves.
    Unserved,
    /// No answer comes to it.
    Hopeless,
    /// For less than the operators take.
    Cheap,
    /// Fewer seats than operators.
    Narrow,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Plain,
        Self::OneStep,
        Self::Delivered,
        Self::Unfilled,
        Self::Unserved,
        Self::Hopeless,
        Self::Cheap,
        Self::Narrow,
    ];
}

fn form(rng: &mut SimRng) -> AnswerKind {
    match rng.below(4) {
        0 => AnswerKind::Bool,
        1 => AnswerKind::Choice {
            options: vec![b"yes".to_vec(), b"no".to_vec(), b"both".to_vec()],
        },
        2 => AnswerKind::Number {
            scale: 0,
            tolerance: 1,
        },
        _ => AnswerKind::Text { max_bytes: 16 },
    }
}

/// Terms of the question with a number; its prompt begins with it.
pub fn terms(rng: &mut SimRng, kind: Kind, number: u64, operators: u8) -> Terms {
    let word = if kind == Kind::Hopeless {
        HOPELESS
    } else {
        "?"
    };
    let seats = match kind {
        Kind::OneStep | Kind::Narrow => 1,
        Kind::Unfilled => operators + 1,
        _ => operators,
    };
    let served = match rng.chance(1, 2) {
        true => ModelRef::Any,
        false => ModelRef::Name(NAME.into()),
    };
    Terms {
        model: match kind {
            Kind::Unserved => ModelRef::Name(b"other".to_vec()),
            _ => served,
        },
        prompt: format!("{number} {word}").into_bytes(),
        system: None,
        sources: Vec::new(),
        answer: form(rng),
        sampling: Sampling::default(),
        seats,
        threshold: match kind {
            Kind::Unfilled => seats,
            _ => seats / 2 + 1,
        },
        assignment: Assignment::open(),
        max_seats_per_family: 0,
        min_confidence: 0,
        not_before: 0,
        commit_blocks: 20 + u32::try_from(rng.below(20)).unwrap(),
        reveal_blocks: 20 + u32::try_from(rng.below(80)).unwrap(),
        callback: (kind == Kind::Delivered).then_some(CallbackLimits {
            ref_time: 1_000_000_000,
            proof_size: 10_000,
            storage_deposit: UNIT / 100,
        }),
        refund_to: None,
        one_step: kind == Kind::OneStep,
    }
}

/// Puts a question into the pool.
pub fn ask(world: &mut World, terms: &Terms, reward: Balance) {
    let Some(state) = world.state() else { return };
    let quote = state
        .host
        .clone()
        .view(|oracle| oracle.quote(terms, reward));
    let total = quote.unwrap().total;
    let call = messages::ask(terms, reward, false);
    world.send(ASKER, total, call.input());
}
