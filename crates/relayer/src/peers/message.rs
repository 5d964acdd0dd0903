//! What a message to a peer holds.

use crate::{
    error::RelayerError,
    failures::FailureLog,
    tx::{OwnSeat, SeatSigner},
};
use llm_oracle_peers::{EntryKind, Payload, SignedEntry, ENTRIES_MAX, MESSAGE_BYTES_MAX};
use llm_oracle_store::Purpose;
use scale::Encode;
use std::collections::HashSet;

/// Bytes of a message that are no entries.
const HEAD_BYTES: usize = 256;

/// As many of these entries as a message takes, signed. What can't be signed or opened is left out and fails by
/// itself, and so does the rest of an operator whose signer is away: each try may take seconds.
///
/// # Errors
/// When the store fails.
pub(super) fn message_entries(
    signer: &SeatSigner<'_>,
    kind: EntryKind,
    failures: &FailureLog,
    seats: &[OwnSeat],
) -> Result<Vec<SignedEntry>, RelayerError> {
    let (mut entries, mut size) = (Vec::new(), HEAD_BYTES);
    let mut away = HashSet::new();
    for seat in seats {
        let operator = seat.answered.operator;
        if away.contains(&operator) {
            continue;
        }
        let (payload, purpose) = match kind {
            EntryKind::Commit => {
                let signed = signer.commit_entry(seat, None);
                (signed.map(Payload::Commit), Purpose::Commit)
            }
            EntryKind::Reveal => {
                let opened = signer.reveal_entry(seat);
                (opened.map(Payload::Reveal), Purpose::Reveal)
            }
        };
        let payload = match payload {
            Ok(payload) => payload,
            Err(error) => {
                let fault = error.into_seat_fault()?;
                failures.fail(&fault.entry, purpose, &fault.reason)?;
                if fault.is_signer_away {
                    away.insert(operator);
                }
                continue;
            }
        };
        let handed = SignedEntry { operator, payload };
        size = size.saturating_add(handed.encoded_size());
        if size > MESSAGE_BYTES_MAX || entries.len() >= ENTRIES_MAX {
            break;
        }
        entries.push(handed);
    }
    Ok(entries)
}
