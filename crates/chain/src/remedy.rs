//! What may help against an error of the node's pool or of the runtime, by its name.
//!
//! What is in no table is of the safe class: it is tried again later, a bounded number of times.

use subxt::rpcs::{Error as RpcError, UserError};

/// What may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// A transaction that is made anew, from what the chain says now.
    Now,
    /// Time, or somebody who adds to a balance: it counts as a failure and rests.
    Later,
    /// Nothing, for this call: it is given up.
    Never,
    /// A person: chain, contract or key are not what they were taken for.
    Wrong,
}
use Remedy::{Later, Never, Now, Wrong};

/// The pool's errors by the code of their RPC answer.
const POOL: [(i32, &str, Remedy); 13] = [
    (1001, "BadFormat", Never),
    (1002, "Verification", Later),
    (1011, "UnknownValidity", Later),
    (1012, "TemporarilyBanned", Later),
    // What is sent again is taken for sent; see `is_known`.
    (1013, "AlreadyImported", Now),
    // Its nonce is used by another one in the pool.
    (1014, "TooLowPriority", Now),
    (1015, "CycleDetected", Later),
    // The pool is full.
    (1016, "ImmediatelyDropped", Later),
    (1018, "Unactionable", Wrong),
    (1019, "NoTagsProvided", Never),
    (1020, "InvalidBlockId", Now),
    (1021, "RejectedFutureTransaction", Now),
    (1040, "Other", Later),
];

/// The pool's code for what the runtime finds invalid; the data says why.
const INVALID: i32 = 1010;

/// Why the runtime finds a transaction invalid, by how its text begins.
const REASONS: [(&str, &str, Remedy); 14] = [
    ("Transaction call is not expected", "Call", Wrong),
    ("Inability to pay some fees", "Payment", Later),
    // Its nonce is too high or used up.
    ("Transaction will be valid in the future", "Future", Now),
    ("Transaction is outdated", "Stale", Now),
    // The era's block or the runtime has changed since it was signed.
    ("Transaction has a bad signature", "BadProof", Now),
    (
        "Transaction has an ancient birth block",
        "AncientBirthBlock",
        Now,
    ),
    (
        "Transaction would exhaust the block limits",
        "ExhaustsResources",
        Later,
    ),
    (
        "Transaction dispatch is mandatory",
        "MandatoryValidation",
        Never,
    ),
    ("A call was labelled as mandatory", "BadMandatory", Never),
    ("Custom error", "Custom", Later),
    ("InvalidTransaction custom error", "Custom", Later),
    ("Invalid signing address", "BadSigner", Wrong),
    (
        "The implicit data was unable to be calculated",
        "IndeterminateImplicit",
        Wrong,
    ),
    (
        "The transaction extension did not authorize any origin",
        "UnknownOrigin",
        Wrong,
    ),
];

/// Dispatch errors by their names as `dispatch_error_name` gives them, without what follows a colon.
/// Of a whole batch only those are given up at once that no entry of it can cause.
const DISPATCH: [(&str, Remedy); 46] = [
    ("Other", Later),
    ("CannotLookup", Wrong),
    ("BadOrigin", Wrong),
    ("ConsumerRemaining", Later),
    ("NoProviders", Later),
    ("TooManyConsumers", Later),
    ("Token", Later),
    ("Arithmetic", Later),
    ("Transactional", Later),
    ("Exhausted", Later),
    ("Corruption", Wrong),
    ("Unavailable", Later),
    ("RootNotAllowed", Wrong),
    ("Trie", Wrong),
    ("System::CallFiltered", Wrong),
    ("Balances::InsufficientBalance", Later),
    ("Balances::LiquidityRestrictions", Later),
    ("Balances::Expendability", Later),
    ("Balances::ExistentialDeposit", Later),
    ("Balances::DeadAccount", Later),
    ("Contracts::ContractNotFound", Wrong),
    ("Contracts::CodeNotFound", Wrong),
    ("Contracts::CodeInfoNotFound", Wrong),
    ("Contracts::InvalidSchedule", Wrong),
    ("Contracts::MigrationInProgress", Later),
    ("Contracts::NoMigrationPerformed", Later),
    ("Contracts::OutOfGas", Later),
    ("Contracts::StorageDepositNotEnoughFunds", Later),
    ("Contracts::StorageDepositLimitExhausted", Later),
    ("Contracts::TransferFailed", Later),
    ("Contracts::ContractTrapped", Later),
    ("Contracts::ContractReverted", Later),
    ("Contracts::OutputBufferTooSmall", Later),
    ("Contracts::MaxCallDepthReached", Later),
    ("Contracts::OutOfBounds", Later),
    ("Contracts::DecodingFailed", Later),
    ("Contracts::ValueTooLarge", Later),
    ("Contracts::ReentranceDenied", Later),
    ("Contracts::StateChangeDenied", Later),
    ("Contracts::TerminatedWhileReentrant", Later),
    ("Contracts::OutOfTransientStorage", Later),
    ("Contracts::InvalidCallFlags", Wrong),
    ("Contracts::NoChainExtension", Wrong),
    ("Contracts::CodeRejected", Never),
    ("Contracts::CodeTooLarge", Never),
    ("Contracts::DuplicateContract", Never),
];

/// Name and remedy of what the pool says; `None` when it is no word of the pool.
pub(super) fn of_pool(error: &RpcError) -> Option<(String, Remedy)> {
    let RpcError::User(UserError { code, data, .. }) = error else {
        return None;
    };
    if *code != INVALID {
        let known = POOL.iter().find(|(known, ..)| known == code);
        return known.map(|(_, name, remedy)| ((*name).to_owned(), *remedy));
    }
    let data = data.as_ref().map(|data| data.get()).unwrap_or_default();
    let reason = serde_json::from_str::<String>(data).unwrap_or_default();
    let known = REASONS.iter().find(|(text, ..)| reason.starts_with(text));
    let known = known.map(|(_, name, remedy)| ((*name).to_owned(), *remedy));
    Some(known.unwrap_or_else(|| ("Invalid".to_owned(), Later)))
}

/// What may help against a dispatch error.
pub(super) fn of_dispatch(name: &str) -> Remedy {
    let kind = name.split(": ").next().unwrap_or(name);
    let known = DISPATCH.iter().find(|(known, _)| *known == kind);
    known.map_or(Later, |(_, remedy)| *remedy)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn said(code: i32, data: Option<&str>) -> Option<(String, Remedy)> {
        let data = data.map(|text| serde_json::value::to_raw_value(text).unwrap());
        of_pool(&RpcError::User(UserError {
            code,
            message: "Invalid Transaction".to_owned(),
            data,
        }))
    }

    #[test]
    fn every_word_of_the_pool_has_a_remedy() {
        for (code, data, name, remedy) in [
            (
                1010,
                Some("Inability to pay some fees (e.g. account balance too low)"),
                "Payment",
                Later,
            ),
            (1010, Some("Transaction is outdated"), "Stale", Now),
            (
                1010,
                Some("Transaction will be valid in the future"),
                "Future",
                Now,
            ),
            (
                1010,
                Some("Transaction has a bad signature"),
                "BadProof",
                Now,
            ),
            (
                1010,
                Some("Transaction has an ancient birth block"),
                "AncientBirthBlock",
                Now,
            ),
            (
                1010,
                Some("Transaction would exhaust the block limits"),
                "ExhaustsResources",
                Later,
            ),
            (
                1010,
                Some("Transaction call is not expected"),
                "Call",
                Wrong,
            ),
            (1010, Some("Custom error: 7"), "Custom", Later),
            // Words that this version does not know: the safe class.
            (1010, Some("Transaction is too blue"), "Invalid", Later),
            (1010, None, "Invalid", Later),
            (1011, None, "UnknownValidity", Later),
            (1012, None, "TemporarilyBanned", Later),
            (1014, None, "TooLowPriority", Now),
            (1016, None, "ImmediatelyDropped", Later),
        ] {
            assert_eq!(
                said(code, data),
                Some((name.to_owned(), remedy)),
                "{code} {data:?}"
            );
        }
        // The codes that the pool has: 1010 to 1016 and 1018 to 1021.
        for code in (1010..=1016).chain(1018..=1021) {
            assert!(said(code, None).is_some(), "{code}");
        }
        assert_eq!(said(-32603, None), None);
        assert_eq!(
            of_pool(&RpcError::User(UserError::method_not_found())),
            None
        );
    }

    #[test]
    fn every_dispatch_error_has_a_remedy_and_strangers_the_safe_one() {
        for (name, remedy) in [
            ("Contracts::OutOfGas", Later),
            ("Contracts::ContractNotFound", Wrong),
            ("Contracts::CodeRejected", Never),
            ("Token: FundsUnavailable", Later),
            ("BadOrigin", Wrong),
            ("Contracts::NewInSomeUpgrade", Later),
            ("Strange::Thing", Later),
            ("", Later),
        ] {
            assert_eq!(of_dispatch(name), remedy, "{name}");
        }
        let names: BTreeSet<_> = DISPATCH.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), DISPATCH.len(), "each name once");
    }

    #[test]
    fn nothing_that_one_entry_of_a_batch_can_cause_gives_up_the_others() {
        for cause in [
            "ContractTrapped",
            "OutOfGas",
            "ContractReverted",
            "ValueTooLarge",
        ] {
            assert_eq!(of_dispatch(&format!("Contracts::{cause}")), Later);
        }
    }
}
