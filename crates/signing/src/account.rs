//! Accounts of keys, and verification of their signatures.

use llm_oracle_primitives::{AccountId, Signature};
use subxt_signer::sr25519::{self, Keypair};

/// The account of a key pair: its public key.
pub fn account_of(key: &Keypair) -> AccountId {
    AccountId::from(key.public_key().0)
}

/// Whether the signature of a message is of this account, whose id is its sr25519 public key.
pub fn verifies(signature: &Signature, message: &[u8], account: &AccountId) -> bool {
    let key: &[u8; 32] = account.as_ref();
    sr25519::verify(
        &sr25519::Signature(*signature),
        message,
        &sr25519::PublicKey(*key),
    )
}
