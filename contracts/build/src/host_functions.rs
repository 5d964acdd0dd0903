//! The host functions that every chain with `pallet-contracts` offers.

/// Functions of `pallet-contracts` 51 that are neither unstable nor deprecated, by module.
///
/// A chain refuses code that imports a deprecated one, and a public chain refuses the unstable
/// ones. `call_chain_extension` is left out: without a chain extension the pallet refuses it.
const STABLE: [(&str, &[&str]); 3] = [
    (
        "seal0",
        &[
            "address",
            "balance",
            "block_number",
            "call",
            "call_runtime",
            "caller",
            "caller_is_origin",
            "caller_is_root",
            "clear_storage",
            "code_hash",
            "contains_storage",
            "debug_message",
            "delegate_call",
            "deposit_event",
            "ecdsa_recover",
            "ecdsa_to_eth_address",
            "gas_left",
            "get_storage",
            "hash_blake2_128",
            "hash_blake2_256",
            "hash_keccak_256",
            "hash_sha2_256",
            "input",
            "instantiate",
            "instantiation_nonce",
            "is_contract",
            "lock_delegate_dependency",
            "minimum_balance",
            "now",
            "own_code_hash",
            "seal_return",
            "set_code_hash",
            "set_storage",
            "sr25519_verify",
            "take_storage",
            "terminate",
            "transfer",
            "unlock_delegate_dependency",
            "value_transferred",
            "weight_to_fee",
            "xcm_execute",
            "xcm_send",
        ],
    ),
    (
        "seal1",
        &[
            "call",
            "clear_storage",
            "contains_storage",
            "get_storage",
            "instantiate",
            "set_storage",
            "terminate",
        ],
    ),
    ("seal2", &["call", "instantiate", "set_storage"]),
];

/// Functions without the alias whose name starts with `seal_`: those newer than that custom.
const WITHOUT_ALIAS: [(&str, &str); 11] = [
    ("seal0", "call_runtime"),
    ("seal0", "caller_is_root"),
    ("seal0", "instantiation_nonce"),
    ("seal0", "lock_delegate_dependency"),
    ("seal0", "seal_return"),
    ("seal0", "sr25519_verify"),
    ("seal0", "unlock_delegate_dependency"),
    ("seal0", "xcm_execute"),
    ("seal0", "xcm_send"),
    ("seal2", "call"),
    ("seal2", "instantiate"),
];

/// Whether `name` of `module` is a host function that contracts may rely on everywhere.
pub fn is_stable(module: &str, name: &str) -> bool {
    let listed = |name: &str| {
        STABLE
            .iter()
            .any(|(m, names)| *m == module && names.contains(&name))
    };
    listed(name)
        || name
            .strip_prefix("seal_")
            .is_some_and(|plain| listed(plain) && !WITHOUT_ALIAS.contains(&(module, plain)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_aliases_are_told_apart() {
        assert!(is_stable("seal0", "seal_return"));
        assert!(is_stable("seal0", "sr25519_verify"));
        assert!(is_stable("seal2", "call"));
        assert!(is_stable("seal0", "seal_caller"));
        assert!(!is_stable("seal0", "seal_sr25519_verify"));
        assert!(!is_stable("seal1", "caller"));
        assert!(!is_stable("env", "caller"));
    }

    #[test]
    fn unstable_and_deprecated_functions_are_refused() {
        for (module, name) in [
            ("seal1", "gas_left"),
            ("seal1", "weight_to_fee"),
            ("seal0", "set_transient_storage"),
            ("seal0", "reentrance_count"),
            ("seal0", "account_reentrance_count"),
            ("seal0", "random"),
            ("seal0", "seal_random"),
            ("seal0", "rent_allowance"),
            ("seal0", "call_chain_extension"),
        ] {
            assert!(!is_stable(module, name), "{module}.{name}");
        }
    }
}
