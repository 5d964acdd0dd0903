//! Accounts as users write and read them.

use llm_oracle_primitives::AccountId;
use llm_oracle_signing::{account_of, key_of_uri};
use llm_oracle_support::address::{parse_account, ss58};
use secrecy::SecretString;
use std::str::FromStr;
use subxt_signer::sr25519::Keypair;

/// An account given as SS58, as 0x-hex, or as the URI of a development key such as `//Alice`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountInput(pub AccountId);

impl FromStr for AccountInput {
    type Err = String;

    fn from_str(input: &str) -> Result<Self, String> {
        if input.starts_with("//") {
            let pair = key_of_uri(&SecretString::from(input)).map_err(|reason| {
                format!("'{input}' is not a development key such as //Alice: it {reason}")
            });
            return pair.map(|pair| Self(account_of(&pair)));
        }
        parse_account(input)
            .map(Self)
            .map_err(|error| error.to_string())
    }
}

/// The key of a development path such as `//Alice`. Such keys are public.
pub fn dev_key(path: &str) -> Option<Keypair> {
    key_of_uri(&SecretString::from(path)).ok()
}

/// First and last characters of an address: enough to tell accounts apart on one screen.
pub fn short(account: &AccountId) -> String {
    let address = ss58(account);
    match (
        address.get(..6),
        address.get(address.len().saturating_sub(4)..),
    ) {
        (Some(head), Some(tail)) => format!("{head}…{tail}"),
        _ => address,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use llm_oracle_support::address::hex0x;

    const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

    #[test]
    fn an_account_has_three_spellings() {
        let alice = AccountInput::from_str(ALICE).unwrap();
        assert_eq!(AccountInput::from_str("//Alice"), Ok(alice));
        let digits = hex0x(AsRef::<[u8; 32]>::as_ref(&alice.0));
        assert_eq!(AccountInput::from_str(&digits), Ok(alice));
        assert_eq!(short(&alice.0), "5Grwva…utQY");
    }

    #[test]
    fn anything_else_is_refused_by_its_text() {
        for input in [
            "Alice",
            "0x12",
            "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQX",
            // What follows the name would become a part of it: another account.
            "//Alice ",
            "//Alice  # mine",
            "//Alice\r",
            "///password",
        ] {
            assert!(
                AccountInput::from_str(input).unwrap_err().contains(input),
                "{input}"
            );
        }
    }
}
