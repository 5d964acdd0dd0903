//! Accounts and hashes as text.

use llm_oracle_primitives::{AccountId, Hash};
use std::str::FromStr;
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

/// SS58 address with the prefix 42 of development chains.
pub fn ss58(account: &AccountId) -> String {
    account32(account).to_string()
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
