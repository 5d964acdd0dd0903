//! Reading what a transaction would do, from the bytes that are to be signed.
//!
//! A payload is the encoded call followed by the data of the chain's extensions. A node decodes the call
//! from the front in the same way, so what is read here is what would run. The pallet's and the call's
//! indices come from the settings: without a node nothing else can tell a contract's call from another.

use super::{record::Decision, Refusal};
use llm_oracle_primitives::{AccountId, CommitEntry};
use llm_oracle_support::{address::ss58, selector};
use scale::{Compact, Decode, DecodeAll};

/// The messages that relayers send. All others are refused: what an operator does by hand it signs by hand.
const MESSAGES: [&str; 10] = [
    "commit",
    "commit_batch",
    "reveal",
    "reveal_batch",
    "answer",
    "answer_batch",
    "advance",
    "deliver",
    "report_equivocation",
    // Pays nobody but the account itself.
    "withdraw",
];

/// What a call must be.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    /// The contract that may be called.
    pub(super) contract: AccountId,
    /// Indices of `Contracts::call`.
    pub(super) contracts_call: [u8; 2],
    /// Most storage deposit, planck.
    pub(super) max_deposit: u128,
}

impl Bounds {
    pub(super) fn other_contract(&self, found: &AccountId) -> Refusal {
        Refusal::OtherContract {
            expected: ss58(&self.contract),
            found: ss58(found),
        }
    }
}

/// `MultiAddress::Id`.
const ADDRESS_ID: u8 = 0;
/// Least that follows the extensions we read: two versions, genesis and the era's block.
const IMPLICIT_BYTES_MIN: usize = 72;

/// The input of the one call in a payload, which is within the bounds.
pub(super) fn input(payload: &[u8], bounds: &Bounds) -> Result<Vec<u8>, Refusal> {
    let mut rest = payload;
    let indices: [u8; 2] = read(&mut rest, "it is too short")?;
    if indices != bounds.contracts_call {
        return Err(Refusal::NotACall("it is a call of another kind"));
    }
    if read::<u8>(&mut rest, "it has no address")? != ADDRESS_ID {
        return Err(Refusal::NotACall("its address is no account"));
    }
    let contract = AccountId::from(read::<[u8; 32]>(&mut rest, "its address is cut off")?);
    if contract != bounds.contract {
        return Err(bounds.other_contract(&contract));
    }
    let Compact(value) = read::<Compact<u128>>(&mut rest, "it has no value")?;
    if value != 0 {
        return Err(Refusal::Value(value));
    }
    let _gas: (Compact<u64>, Compact<u64>) = read(&mut rest, "it has no gas limit")?;
    let deposit: Option<Compact<u128>> = read(&mut rest, "it has no deposit limit")?;
    within(deposit.map(|Compact(deposit)| deposit), bounds.max_deposit)?;
    let input: Vec<u8> = read(&mut rest, "its input is cut off")?;
    extensions(rest)?;
    Ok(input)
}

fn within(deposit: Option<u128>, most: u128) -> Result<(), Refusal> {
    match deposit {
        Some(deposit) if deposit <= most => Ok(()),
        Some(deposit) => Err(Refusal::Deposit {
            found: format!("{deposit} planck"),
            most,
        }),
        None => Err(Refusal::Deposit {
            found: "any amount".to_owned(),
            most,
        }),
    }
}

/// Era, nonce and tip stand in this order on every chain with the usual extensions.
fn extensions(mut rest: &[u8]) -> Result<(), Refusal> {
    if read::<u8>(&mut rest, "it has no era")? == 0 {
        return Err(Refusal::Immortal);
    }
    let _second_byte_of_the_era: u8 = read(&mut rest, "its era is cut off")?;
    let _nonce: Compact<u64> = read(&mut rest, "it has no nonce")?;
    let Compact(tip) = read::<Compact<u128>>(&mut rest, "it has no tip")?;
    if tip != 0 {
        return Err(Refusal::Tip(tip));
    }
    if rest.len() < IMPLICIT_BYTES_MIN {
        return Err(Refusal::NotACall("its extensions are not the usual ones"));
    }
    Ok(())
}

fn read<T: Decode>(rest: &mut &[u8], missing: &'static str) -> Result<T, Refusal> {
    T::decode(rest).map_err(|_| Refusal::NotACall(missing))
}

/// The commitments that a call makes by the sender's own word. Entries with a signature were recorded
/// when that was made, here or by whoever has that key.
pub(super) fn decisions(input: &[u8], sender: &AccountId) -> Result<Vec<Decision>, Refusal> {
    let (name, mut arguments) = input
        .split_at_checked(4)
        .ok_or(Refusal::NotACall("its input names no message"))?;
    let message = MESSAGES.iter().find(|message| selector(message) == name);
    let entries = match message {
        Some(&"commit") => CommitEntry::decode_all(&mut arguments).map(|entry| vec![entry]),
        Some(&"commit_batch") => Vec::<CommitEntry>::decode_all(&mut arguments),
        Some(_) => return Ok(Vec::new()),
        None => return Err(Refusal::Message(format!("0x{}", hex::encode(name)))),
    };
    let entries = entries.map_err(|_| Refusal::NotACall("its entries do not decode"))?;
    let own = entries
        .into_iter()
        .filter(|entry| entry.signature.is_none());
    let decisions = own.map(|entry| Decision {
        request_id: entry.request_id,
        operator: *sender,
        commitment: entry.commitment,
        evidence: entry.evidence,
        answer: None,
    });
    Ok(decisions.collect())
}
