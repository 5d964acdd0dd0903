//! Whether to retry after an error of the node's pool or of the runtime, by the error's name.
//!
//! An error that is in no table gets the safe class: `Backoff`, a bounded number of times.

use subxt::rpcs::{Error as RpcError, UserError};

/// Whether, and when, to retry a transaction that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TxRetry {
    /// Retry at once with a new transaction, built from the chain's current state.
    Immediate,
    /// Retry later: it passes with time, or when a balance is raised. Counts as a failed attempt.
    Backoff,
    /// Abandon this call.
    Never,
    /// Stop: chain, contract or key are not the expected ones, and a person must decide.
    Fatal,
}
use TxRetry::{Backoff, Fatal, Immediate, Never};

/// The pool's errors by the code of their RPC answer.
const POOL: [(i32, &str, TxRetry); 13] = [
    (1001, "BadFormat", Never),
    (1002, "Verification", Backoff),
    (1011, "UnknownValidity", Backoff),
    (1012, "TemporarilyBanned", Backoff),
    // Sending again counts as sent; see `inclusion::submit`.
    (1013, "AlreadyImported", Immediate),
    // Another transaction in the pool has its nonce.
    (1014, "TooLowPriority", Immediate),
    (1015, "CycleDetected", Backoff),
    // The pool is full.
    (1016, "ImmediatelyDropped", Backoff),
    (1018, "Unactionable", Fatal),
    (1019, "NoTagsProvided", Never),
    (1020, "InvalidBlockId", Immediate),
    (1021, "RejectedFutureTransaction", Immediate),
    (1040, "Other", Backoff),
];

/// The pool's code for a transaction that the runtime finds invalid; the data says why.
const INVALID: i32 = 1010;

/// Why the runtime finds a transaction invalid, by how its text begins.
const REASONS: [(&str, &str, TxRetry); 14] = [
    ("Transaction call is not expected", "Call", Fatal),
    ("Inability to pay some fees", "Payment", Backoff),
    // Its nonce is too high or used up.
    (
        "Transaction will be valid in the future",
        "Future",
        Immediate,
    ),
    ("Transaction is outdated", "Stale", Immediate),
    // The era's block or the runtime has changed since it was signed.
    ("Transaction has a bad signature", "BadProof", Immediate),
    (
        "Transaction has an ancient birth block",
        "AncientBirthBlock",
        Immediate,
    ),
    (
        "Transaction would exhaust the block limits",
        "ExhaustsResources",
        Backoff,
    ),
    (
        "Transaction dispatch is mandatory",
        "MandatoryValidation",
        Never,
    ),
    ("A call was labelled as mandatory", "BadMandatory", Never),
    ("Custom error", "Custom", Backoff),
    ("InvalidTransaction custom error", "Custom", Backoff),
    ("Invalid signing address", "BadSigner", Fatal),
    (
        "The implicit data was unable to be calculated",
        "IndeterminateImplicit",
        Fatal,
    ),
    (
        "The transaction extension did not authorize any origin",
        "UnknownOrigin",
        Fatal,
    ),
];

/// Dispatch errors by their names as `dispatch_error_name` gives them, without what follows a colon.
/// `Never` and `Fatal` abandon a whole batch, so they are only for errors that no single entry can cause.
const DISPATCH: [(&str, TxRetry); 46] = [
    ("Other", Backoff),
    ("CannotLookup", Fatal),
    ("BadOrigin", Fatal),
    ("ConsumerRemaining", Backoff),
    ("NoProviders", Backoff),
    ("TooManyConsumers", Backoff),
    ("Token", Backoff),
    ("Arithmetic", Backoff),
    ("Transactional", Backoff),
    ("Exhausted", Backoff),
    ("Corruption", Fatal),
    ("Unavailable", Backoff),
    ("RootNotAllowed", Fatal),
    ("Trie", Fatal),
    ("System::CallFiltered", Fatal),
    ("Balances::InsufficientBalance", Backoff),
    ("Balances::LiquidityRestrictions", Backoff),
    ("Balances::Expendability", Backoff),
    ("Balances::ExistentialDeposit", Backoff),
    ("Balances::DeadAccount", Backoff),
    ("Contracts::ContractNotFound", Fatal),
    ("Contracts::CodeNotFound", Fatal),
    ("Contracts::CodeInfoNotFound", Fatal),
    ("Contracts::InvalidSchedule", Fatal),
    ("Contracts::MigrationInProgress", Backoff),
    ("Contracts::NoMigrationPerformed", Backoff),
    ("Contracts::OutOfGas", Backoff),
    ("Contracts::StorageDepositNotEnoughFunds", Backoff),
    ("Contracts::StorageDepositLimitExhausted", Backoff),
    ("Contracts::TransferFailed", Backoff),
    ("Contracts::ContractTrapped", Backoff),
    ("Contracts::ContractReverted", Backoff),
    ("Contracts::OutputBufferTooSmall", Backoff),
    ("Contracts::MaxCallDepthReached", Backoff),
    ("Contracts::OutOfBounds", Backoff),
    ("Contracts::DecodingFailed", Backoff),
    ("Contracts::ValueTooLarge", Backoff),
    ("Contracts::ReentranceDenied", Backoff),
    ("Contracts::StateChangeDenied", Backoff),
    ("Contracts::TerminatedWhileReentrant", Backoff),
    ("Contracts::OutOfTransientStorage", Backoff),
    ("Contracts::InvalidCallFlags", Fatal),
    ("Contracts::NoChainExtension", Fatal),
    ("Contracts::CodeRejected", Never),
    ("Contracts::CodeTooLarge", Never),
    ("Contracts::DuplicateContract", Never),
];

/// Name and class of a pool error; `None` when the error is not the pool's.
pub(super) fn of_pool(error: &RpcError) -> Option<(String, TxRetry)> {
    let RpcError::User(UserError { code, data, .. }) = error else {
        return None;
    };
    if *code != INVALID {
        let known = POOL.iter().find(|(known, ..)| known == code);
        return known.map(|(_, name, retry)| ((*name).to_owned(), *retry));
    }
    let data = data.as_ref().map(|data| data.get()).unwrap_or_default();
    let reason = serde_json::from_str::<String>(data).unwrap_or_default();
    let known = REASONS.iter().find(|(text, ..)| reason.starts_with(text));
    let known = known.map(|(_, name, retry)| ((*name).to_owned(), *retry));
    Some(known.unwrap_or_else(|| ("Invalid".to_owned(), Backoff)))
}

/// The class of a dispatch error.
pub(super) fn of_dispatch(name: &str) -> TxRetry {
    let kind = name.split(": ").next().unwrap_or(name);
    let known = DISPATCH.iter().find(|(known, _)| *known == kind);
    known.map_or(Backoff, |(_, retry)| *retry)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn said(code: i32, data: Option<&str>) -> Option<(String, TxRetry)> {
        let data = data.map(|text| serde_json::value::to_raw_value(text).unwrap());
        of_pool(&RpcError::User(UserError {
            code,
            message: "Invalid Transaction".to_owned(),
            data,
        }))
    }

    #[test]
    fn every_word_of_the_pool_has_a_remedy() {
        for (code, data, name, retry) in [
            (
                1010,
                Some("Inability to pay some fees (e.g. account balance too low)"),
                "Payment",
                Backoff,
            ),
            (1010, Some("Transaction is outdated"), "Stale", Immediate),
            (
                1010,
                Some("Transaction will be valid in the future"),
                "Future",
                Immediate,
            ),
            (
                1010,
                Some("Transaction has a bad signature"),
                "BadProof",
                Immediate,
            ),
            (
                1010,
                Some("Transaction has an ancient birth block"),
                "AncientBirthBlock",
                Immediate,
            ),
            (
                1010,
                Some("Transaction would exhaust the block limits"),
                "ExhaustsResources",
                Backoff,
            ),
            (
                1010,
                Some("Transaction call is not expected"),
                "Call",
                Fatal,
            ),
            (1010, Some("Custom error: 7"), "Custom", Backoff),
            // Words that this version does not know: the safe class.
            (1010, Some("Transaction is too blue"), "Invalid", Backoff),
            (1010, None, "Invalid", Backoff),
            (1011, None, "UnknownValidity", Backoff),
            (1012, None, "TemporarilyBanned", Backoff),
            (1014, None, "TooLowPriority", Immediate),
            (1016, None, "ImmediatelyDropped", Backoff),
        ] {
            assert_eq!(
                said(code, data),
                Some((name.to_owned(), retry)),
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
        for (name, retry) in [
            ("Contracts::OutOfGas", Backoff),
            ("Contracts::ContractNotFound", Fatal),
            ("Contracts::CodeRejected", Never),
            ("Token: FundsUnavailable", Backoff),
            ("BadOrigin", Fatal),
            ("Contracts::NewInSomeUpgrade", Backoff),
            ("Strange::Thing", Backoff),
            ("", Backoff),
        ] {
            assert_eq!(of_dispatch(name), retry, "{name}");
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
            assert_eq!(of_dispatch(&format!("Contracts::{cause}")), Backoff);
        }
    }
}
