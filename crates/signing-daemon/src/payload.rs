//! Decodes what a transaction would do, from the bytes that are to be signed.
//!
//! A payload is the encoded call followed by the data of the chain's extensions. A node decodes the call
//! from the front in the same way, so what is decoded here is what would run. The indices of the pallet and
//! the call come from the settings, because the daemon has no node that could tell them.

use crate::{config::ContractsCalls, decision::SignedDecision, error::SigningRefusal};
use llm_oracle_primitives::{AccountId, CommitEntry};
use llm_oracle_support::{address::ss58, selector};
use scale::{Compact, Decode, DecodeAll};

/// The messages that relayers call. All others are refused: operators sign those with the key itself.
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
    // Pays nobody but an account and its operator's owner.
    "withdraw",
];

/// Which calls are signed.
#[derive(Debug, Clone)]
pub(super) struct CallBounds {
    /// The contract that may be called.
    pub(super) contract: AccountId,
    /// Indices of `Contracts::call`.
    pub(super) contracts_call: ContractsCalls,
    /// Highest storage deposit limit, planck.
    pub(super) max_deposit: u128,
    /// Highest tip, planck.
    pub(super) max_tip: u128,
}

impl CallBounds {
    pub(super) fn other_contract(&self, found: &AccountId) -> SigningRefusal {
        SigningRefusal::OtherContract {
            expected: ss58(&self.contract),
            found: ss58(found),
        }
    }
}

/// `MultiAddress::Id`.
const ADDRESS_ID: u8 = 0;
/// Fewest bytes after the extensions that are decoded: two versions, the genesis hash, the hash of the era's
/// first block.
const IMPLICIT_BYTES_MIN: usize = 72;

/// Checks a payload against the bounds, and gives the input of its call.
pub(super) fn input(payload: &[u8], bounds: &CallBounds) -> Result<Vec<u8>, SigningRefusal> {
    let mut rest = payload;
    let indices: [u8; 2] = read(&mut rest, "it is too short")?;
    if !bounds.contracts_call.contains(indices) {
        return Err(SigningRefusal::NotACall("it is a call of another kind"));
    }
    if read::<u8>(&mut rest, "it has no address")? != ADDRESS_ID {
        return Err(SigningRefusal::NotACall("its address is not an account"));
    }
    let contract = AccountId::from(read::<[u8; 32]>(&mut rest, "its address is cut off")?);
    if contract != bounds.contract {
        return Err(bounds.other_contract(&contract));
    }
    let Compact(value) = read::<Compact<u128>>(&mut rest, "it has no value")?;
    if value != 0 {
        return Err(SigningRefusal::Value(value));
    }
    let _gas: (Compact<u64>, Compact<u64>) = read(&mut rest, "it has no gas limit")?;
    let deposit: Option<Compact<u128>> = read(&mut rest, "it has no deposit limit")?;
    check_deposit(deposit.map(|Compact(deposit)| deposit), bounds.max_deposit)?;
    let input: Vec<u8> = read(&mut rest, "its input is cut off")?;
    check_extensions(rest, bounds.max_tip)?;
    Ok(input)
}

fn check_deposit(deposit: Option<u128>, most: u128) -> Result<(), SigningRefusal> {
    match deposit {
        Some(deposit) if deposit <= most => Ok(()),
        Some(deposit) => Err(SigningRefusal::Deposit {
            found: format!("{deposit} planck"),
            most,
        }),
        None => Err(SigningRefusal::Deposit {
            found: "any amount".to_owned(),
            most,
        }),
    }
}

/// Checks era, nonce and tip, which have this order on every chain with the usual extensions.
fn check_extensions(mut rest: &[u8], max_tip: u128) -> Result<(), SigningRefusal> {
    if read::<u8>(&mut rest, "it has no era")? == 0 {
        return Err(SigningRefusal::Immortal);
    }
    let _second_byte_of_the_era: u8 = read(&mut rest, "its era is cut off")?;
    let _nonce: Compact<u64> = read(&mut rest, "it has no nonce")?;
    let Compact(tip) = read::<Compact<u128>>(&mut rest, "it has no tip")?;
    if tip > max_tip {
        return Err(SigningRefusal::Tip {
            found: tip,
            most: max_tip,
        });
    }
    if rest.len() < IMPLICIT_BYTES_MIN {
        return Err(SigningRefusal::NotACall(
            "its extensions are not the usual ones",
        ));
    }
    Ok(())
}

fn read<T: Decode>(rest: &mut &[u8], missing: &'static str) -> Result<T, SigningRefusal> {
    T::decode(rest).map_err(|_| SigningRefusal::NotACall(missing))
}

/// The commitments that a call makes for its sender. An entry with a signature was recorded when that
/// signature was made, by the daemon that has its key.
pub(super) fn decisions(
    input: &[u8],
    sender: &AccountId,
) -> Result<Vec<SignedDecision>, SigningRefusal> {
    let (name, mut arguments) = input
        .split_at_checked(4)
        .ok_or(SigningRefusal::NotACall("its input names no message"))?;
    let message = MESSAGES.iter().find(|message| selector(message) == name);
    let entries = match message {
        Some(&"commit") => CommitEntry::decode_all(&mut arguments).map(|entry| vec![entry]),
        Some(&"commit_batch") => Vec::<CommitEntry>::decode_all(&mut arguments),
        Some(_) => return Ok(Vec::new()),
        None => return Err(SigningRefusal::Message(format!("0x{}", hex::encode(name)))),
    };
    let entries = entries.map_err(|_| SigningRefusal::NotACall("its entries do not decode"))?;
    let own = entries
        .into_iter()
        .filter(|entry| entry.signature.is_none());
    let decisions = own.map(|entry| SignedDecision {
        request_id: entry.request_id,
        operator: *sender,
        commitment: entry.commitment,
        evidence: entry.evidence,
        answer: None,
    });
    Ok(decisions.collect())
}
