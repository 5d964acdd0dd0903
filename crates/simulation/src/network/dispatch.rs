//! From the bytes of a message to the contract's own rules, and back.

use llm_oracle_primitives::{AccountId, Balance, Error, INTERFACE_VERSION};
use llm_oracle_rules::{MemoryHost, Oracle, Profile, Refusal};
use llm_oracle_support::selector;
use scale::{Decode, DecodeAll, Encode};
use std::{collections::BTreeMap, sync::OnceLock};

/// What a call returned.
pub struct Returned {
    pub data: Vec<u8>,
    pub reverted: bool,
}

const NAMES: [&str; 30] = [
    "register",
    "bond",
    "unbond",
    "release",
    "ask",
    "commit_batch",
    "reveal_batch",
    "answer_batch",
    "commit",
    "reveal",
    "answer",
    "advance",
    "deliver",
    "prune",
    "withdraw",
    "report_equivocation",
    "interface_version",
    "config",
    "quote",
    "next_id",
    "lowest_open_id",
    "operators_count",
    "set",
    "request",
    "terms",
    "summaries",
    "answer_of",
    "operator",
    "operators",
    "ledger",
];

/// The message's name and its arguments.
pub fn parse(input: &[u8]) -> Option<(&'static str, &[u8])> {
    static TABLE: OnceLock<BTreeMap<[u8; 4], &'static str>> = OnceLock::new();
    let table = TABLE.get_or_init(|| NAMES.map(|name| (selector(name), name)).into());
    let (head, arguments) = input.split_first_chunk::<4>()?;
    Some((table.get(head)?, arguments))
}

/// Whether a message only reads.
pub fn is_view(name: &str) -> bool {
    NAMES.iter().position(|known| *known == name) >= Some(16)
}

fn args<T: Decode>(bytes: &[u8]) -> Option<T> {
    T::decode_all(&mut &*bytes).ok()
}

fn plain<T: Encode>(value: T) -> Option<Returned> {
    Some(Returned {
        data: (0u8, value).encode(),
        reverted: false,
    })
}

fn result<T: Encode>(result: Result<T, Error>) -> Option<Returned> {
    Some(match result {
        Ok(value) => Returned {
            data: (0u8, 0u8, value).encode(),
            reverted: false,
        },
        Err(error) => Returned {
            data: (0u8, 1u8, error).encode(),
            reverted: true,
        },
    })
}

/// A call on its way to the rules.
struct Calling<'a> {
    host: &'a mut MemoryHost,
    caller: AccountId,
    value: Balance,
}

impl Calling<'_> {
    fn call<T: Encode>(
        self,
        message: impl FnOnce(&mut Oracle<&mut MemoryHost>) -> Result<T, Refusal>,
    ) -> Option<Returned> {
        result(self.host.call(self.caller, self.value, message))
    }
}

/// Carries a message out; `None` when there is none of this name, or it takes other arguments.
pub fn dispatch(
    host: &mut MemoryHost,
    caller: AccountId,
    value: Balance,
    input: &[u8],
) -> Option<Returned> {
    let (name, bytes) = parse(input)?;
    if is_view(name) {
        return view(host, name, bytes);
    }
    let calling = Calling {
        host,
        caller,
        value,
    };
    match name {
        "register" => {
            let (operator, owner, family, signature) = args(bytes)?;
            let profile = Profile { owner, family };
            calling.call(|oracle| oracle.register(operator, profile, &signature))
        }
        "bond" => {
            let slot = args(bytes)?;
            calling.call(|oracle| oracle.bond(slot))
        }
        "ask" => {
            let (terms, reward, use_credit) = args(bytes)?;
            calling.call(|oracle| oracle.ask(terms, reward, use_credit))
        }
        "commit_batch" => {
            let entries = args(bytes)?;
            calling.call(|oracle| oracle.commit_batch(entries))
        }
        "reveal_batch" => {
            let entries = args(bytes)?;
            calling.call(|oracle| oracle.reveal_batch(entries))
        }
        "answer_batch" => {
            let entries = args(bytes)?;
            calling.call(|oracle| oracle.answer_batch(entries))
        }
        "commit" => {
            let entry = args(bytes)?;
            calling.call(|oracle| oracle.commit(entry))
        }
        "reveal" => {
            let entry = args(bytes)?;
            calling.call(|oracle| oracle.reveal(entry))
        }
        "advance" => {
            let id = args(bytes)?;
            calling.call(|oracle| oracle.advance(id))
        }
        "deliver" => {
            let id = args(bytes)?;
            calling.call(|oracle| oracle.deliver(id))
        }
        "prune" => {
            let id = args(bytes)?;
            calling.call(|oracle| oracle.prune(id))
        }
        "report_equivocation" => {
            let report = args(bytes)?;
            calling.call(|oracle| oracle.report_equivocation(&report))
        }
        _ => None,
    }
}

fn view(host: &mut MemoryHost, name: &str, bytes: &[u8]) -> Option<Returned> {
    match name {
        "interface_version" => plain(INTERFACE_VERSION),
        "config" => plain(host.view(|oracle| oracle.config())),
        "quote" => {
            let (terms, reward) = args(bytes)?;
            let quote = host.view(|oracle| oracle.quote(&terms, reward));
            result(quote.map_err(|refusal| *refusal))
        }
        "lowest_open_id" => plain(host.view(|oracle| oracle.lowest_open_id())),
        "operators_count" => plain(host.view(|oracle| oracle.operators_count())),
        "set" => {
            let number = args(bytes)?;
            plain(host.view(|oracle| oracle.set_view(number)))
        }
        "next_id" => plain(host.view(|oracle| oracle.next_id())),
        "request" => {
            let id = args(bytes)?;
            plain(host.view(|oracle| oracle.request_view(id)))
        }
        "terms" => {
            let id = args(bytes)?;
            plain(host.view(|oracle| oracle.terms(id)))
        }
        "summaries" => {
            let (from, limit) = args(bytes)?;
            plain(host.view(|oracle| oracle.summaries(from, limit)))
        }
        "answer_of" => {
            let id = args(bytes)?;
            let state = host.view(|oracle| oracle.answer_of(id));
            result(state.map_err(|refusal| *refusal))
        }
        "operator" => {
            let account = args(bytes)?;
            plain(host.view(|oracle| oracle.operator_view(&account)))
        }
        "operators" => {
            let (from, limit) = args(bytes)?;
            plain(host.view(|oracle| oracle.operators_view(from, limit)))
        }
        "ledger" => plain(host.view(|oracle| oracle.ledger())),
        _ => None,
    }
}
