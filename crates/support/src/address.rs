//! Accounts and hashes as text.

use blake2::{Blake2b512, Digest};
use llm_oracle_primitives::{AccountId, Hash};
use std::{
    str::FromStr,
    sync::atomic::{AtomicU16, Ordering},
};
use subxt_utils_accountid32::AccountId32;

/// Text that is not an account or not a hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Neither an SS58 address nor 32 bytes of hex.
    #[error("'{0}' is no account; give an SS58 address or 0x and 64 hex digits")]
    Account(String),
    /// Not 32 bytes of hex.
    #[error("'{0}' is no hash; give 0x and 64 hex digits")]
    Hash(String),
}

/// Reads an SS58 address of any network, or 0x-hex of 32 bytes.
///
/// # Errors
/// `Account` with the text.
pub fn parse_account(text: &str) -> Result<AccountId, AddressError> {
    let error = || AddressError::Account(text.to_owned());
    if text.starts_with("0x") {
        return parse_hash(text).map(AccountId::from).map_err(|_| error());
    }
    AccountId32::from_str(text)
        .map(|account| AccountId::from(account.0))
        .map_err(|_| error())
}

/// Reads 32 bytes of hex, with or without 0x.
///
/// # Errors
/// `Hash` with the text.
pub fn parse_hash(text: &str) -> Result<Hash, AddressError> {
    let mut bytes = Hash::default();
    hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes)
        .map_err(|_| AddressError::Hash(text.to_owned()))?;
    Ok(bytes)
}

/// The prefix of addresses on development chains, and wherever a chain states none.
pub const DEVELOPMENT_PREFIX: u16 = 42;
/// The highest prefix: 14 bits.
const PREFIX_MAX: u16 = 16_383;

/// The prefix of the chain that this process talks to; one process talks to one chain.
static PREFIX: AtomicU16 = AtomicU16::new(DEVELOPMENT_PREFIX);

/// Notes the prefix of the chain's addresses, with which [`ss58`] writes them from now on. One of more than
/// 14 bits does not exist and is passed over.
pub fn note_prefix(prefix: u16) {
    if prefix <= PREFIX_MAX {
        // Nothing else is read with it.
        PREFIX.store(prefix, Ordering::Relaxed);
    }
}

/// SS58 address with the prefix of the chain. Before a chain was asked, that of development chains.
pub fn ss58(account: &AccountId) -> String {
    ss58_with(account, PREFIX.load(Ordering::Relaxed))
}

/// The format's source: <https://docs.polkadot.com/reference/parachains/accounts/#address-formats>, and
/// `Ss58Codec` of the crate `sp-core`.
fn ss58_with(account: &AccountId, prefix: u16) -> String {
    let account: &[u8; 32] = account.as_ref();
    let [low, high] = prefix.to_le_bytes();
    let mut bytes = if prefix < 64 {
        vec![low]
    } else {
        // Six upper bits of the low byte behind the mark 01; its two lower ones above those of the high byte.
        vec![(low >> 2) | 0b0100_0000, high | (low << 6)]
    };
    bytes.extend_from_slice(account);
    let hash = Blake2b512::new()
        .chain_update(b"SS58PRE")
        .chain_update(&bytes);
    let checksum = hash.finalize();
    bytes.extend_from_slice(checksum.get(..2).unwrap_or_default());
    bs58::encode(bytes).into_string()
}

/// 0x and the hex digits of any bytes.
pub fn hex0x(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

/// The account as subxt has it.
pub fn account32(account: &AccountId) -> AccountId32 {
    let bytes: &[u8; 32] = account.as_ref();
    AccountId32(*bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The account of `//Alice` as other programs write it: `encodeAddress` of @polkadot/util-crypto.
    #[test]
    fn an_address_has_the_prefix_of_its_chain() {
        let alice = parse_account("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY").unwrap();
        for (prefix, address) in [
            (0, "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5"),
            (2, "HNZata7iMYWmk5RvZRTiAsSDhV8366zq2YGb3tLH5Upf74F"),
            (42, "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"),
            (63, "7NPoMQbiA6trJKkjB35uk96MeJD4PGWkLQLH7k7hXEkZpiba"),
            (64, "cEaNSpz4PxFcZ7nT1VEKrKewH67rfx6MfcM6yKojyyPz7qaqp"),
            (255, "yGHXkYLYqxijLKKfd9Q2CB9shRVu8rPNBS53wvwGTutYg4zTg"),
            (2254, "stB4S14whneyomiEa22Fu2PzVoibMB7n5PvBFUwafbCbRkC1K"),
            (16_383, "yNa8JpqfFB3q8A29rCwSgxvdU94ufJw2yKKxDgznS5m1PoFvn"),
        ] {
            assert_eq!(ss58_with(&alice, prefix), address, "{prefix}");
            assert_eq!(parse_account(address), Ok(alice), "{prefix}");
        }
    }

    #[test]
    fn accounts_read_back_from_both_forms() {
        let alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
        let account = parse_account(alice).unwrap();
        assert_eq!(ss58(&account), alice);
        let bytes: &[u8; 32] = account.as_ref();
        assert_eq!(parse_account(&hex0x(bytes)), Ok(account));
        assert_eq!(
            parse_account("5Grw"),
            Err(AddressError::Account("5Grw".into()))
        );
    }
}
