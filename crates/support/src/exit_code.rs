//! Exit codes of all programs. They are part of the interface: the list grows, a number never changes its
//! meaning.

/// Done. For `ask`: the request was answered.
pub const OK: u8 = 0;
/// Something that should not happen did: a bug here, or a machine in trouble.
pub const BUG: u8 = 1;
/// The command line, a setting, a settings file or a key file is wrong.
pub const USAGE: u8 = 2;
/// The request ended without an answer: no consensus, undetermined, or expired.
pub const NO_ANSWER: u8 = 3;
/// The chain's node cannot be reached, or stopped answering.
pub const CHAIN: u8 = 4;
/// The contract refused.
pub const CONTRACT: u8 = 5;
/// The model failed, its file is invalid, or `model test` found a kind of question that does not work.
pub const MODEL: u8 = 6;
/// The relayer's store is locked by another process, or refused.
pub const STORE: u8 = 7;
/// Another chain, or a contract without our code.
pub const WRONG_CHAIN: u8 = 8;
/// The chain, not the contract, refused the transaction.
pub const TRANSACTION: u8 = 9;
/// A local node could not be found or started.
pub const NODE: u8 = 10;
/// `doctor` found something that needs a remedy.
pub const UNHEALTHY: u8 = 11;
/// Waiting took longer than `--timeout`; nothing else went wrong.
pub const TIMEOUT: u8 = 12;
/// No running relayer answers where `relayer status` looks.
pub const RELAYER: u8 = 13;
/// `verify` found that something is invalid.
pub const VERIFICATION_FAILED: u8 = 14;
/// The signer of a key cannot be reached, or refuses.
pub const SIGNER: u8 = 15;
/// `verify` found nothing invalid, and could not check everything: evidence is missing, or the end.
pub const NOT_CHECKED: u8 = 16;
/// The database that replicas share cannot be reached. Starting again later helps.
pub const STORE_UNREACHABLE: u8 = 17;
/// `check` found defects in a question.
pub const QUESTION_DEFECTS: u8 = 18;

/// Each code with its name in JSON and its meaning.
pub const ALL: &[(u8, &str, &str)] = &[
    (OK, "ok", "success; for `ask`: answered"),
    (BUG, "bug", "something that should not happen did"),
    (
        USAGE,
        "usage",
        "wrong arguments, settings, settings file or key file",
    ),
    (
        NO_ANSWER,
        "no_answer",
        "no consensus, undetermined, or expired",
    ),
    (
        CHAIN,
        "chain_unreachable",
        "the chain's node cannot be reached",
    ),
    (CONTRACT, "refused_by_contract", "the contract refused"),
    (
        MODEL,
        "model_failed",
        "the model failed; `model test` found a kind of question that does not work",
    ),
    (
        STORE,
        "store_refused",
        "the relayer's store is locked or refused",
    ),
    (
        WRONG_CHAIN,
        "wrong_chain",
        "another chain, or a contract that is not ours",
    ),
    (
        TRANSACTION,
        "transaction_refused",
        "the chain refused the transaction",
    ),
    (
        NODE,
        "node_failed",
        "a local node could not be found or started",
    ),
    (
        UNHEALTHY,
        "unhealthy",
        "`doctor` found something that needs a remedy",
    ),
    (TIMEOUT, "timeout", "waiting took longer than `--timeout`"),
    (
        RELAYER,
        "no_relayer",
        "no running relayer answers `relayer status`",
    ),
    (
        VERIFICATION_FAILED,
        "verification_failed",
        "`verify` found that something is invalid",
    ),
    (
        SIGNER,
        "signer_failed",
        "the signer of a key cannot be reached, or refuses",
    ),
    (
        NOT_CHECKED,
        "not_checked",
        "`verify` found nothing invalid, and evidence or the end is missing",
    ),
    (
        STORE_UNREACHABLE,
        "store_unreachable",
        "the shared database cannot be reached; start again later",
    ),
    (
        QUESTION_DEFECTS,
        "question_defects",
        "`check` found defects in a question",
    ),
];

/// The codes as `--help` lists them.
pub fn table() -> String {
    let lines = ALL
        .iter()
        .map(|(code, _, meaning)| format!("  {code:>2}  {meaning}"));
    format!("Exit codes:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_numbered_without_gaps_and_named_once() {
        for (position, (code, name, _)) in ALL.iter().enumerate() {
            assert_eq!(usize::from(*code), position, "{name}");
            assert_eq!(
                ALL.iter().filter(|(_, other, _)| other == name).count(),
                1,
                "{name}"
            );
        }
    }
}
