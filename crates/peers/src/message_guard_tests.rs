#![allow(clippy::unwrap_used)]

use super::{
    super::samples::{self, DEPLOYMENT},
    *,
};
use scale::Encode;

const BLOCK: BlockNumber = 1_000;

fn guard() -> MessageGuard {
    let mut guard = MessageGuard::new(DEPLOYMENT, Arc::new(samples::directory()));
    guard.set_finalized(BLOCK);
    guard
}

fn message(from: u8, block: BlockNumber) -> PeerMessage {
    samples::message(from, 1, block, &[samples::commit(7, from)])
}

#[test]
fn a_message_of_a_peer_is_admitted_once() {
    let mut guard = guard();
    let entry = [samples::commit(7, 2)];
    let bytes = samples::message(2, 1, BLOCK, &entry).bytes();
    let now = Instant::now();
    let (peer, head, entries) = guard.admit(&bytes, now).unwrap();
    assert_eq!((peer, head.sender), (0, samples::id(2)));
    assert_eq!(entries, entry);
    for _ in 0..3 {
        assert_eq!(guard.admit(&bytes, now), Err(RejectReason::Replayed));
    }
    // Its block leaves the window before it is forgotten.
    guard.set_finalized(BLOCK + WINDOW_BLOCKS);
    assert_eq!(guard.admit(&bytes, now), Err(RejectReason::Replayed));
    guard.set_finalized(BLOCK + WINDOW_BLOCKS + 1);
    assert_eq!(guard.admit(&bytes, now), Err(RejectReason::Stale));
    // A message from ahead is as stale as one from behind.
    guard.set_finalized(BLOCK - WINDOW_BLOCKS - 1);
    assert_eq!(guard.admit(&bytes, now), Err(RejectReason::Stale));
}

#[test]
fn any_byte_that_changes_makes_it_no_message() {
    let whole = message(2, BLOCK).bytes();
    let now = Instant::now();
    for index in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[index] ^= 1;
        assert!(guard().admit(&bytes, now).is_err(), "byte {index}");
        assert!(guard().admit(&whole[..index], now).is_err(), "cut {index}");
    }
    assert!(guard().admit(&whole, now).is_ok());
}

#[test]
fn who_writes_to_whom_and_where_is_checked() {
    let now = Instant::now();
    let stranger = message(9, BLOCK).bytes();
    assert_eq!(
        guard().admit(&stranger, now),
        Err(RejectReason::UnknownPeer)
    );
    let entries = [samples::commit(7, 2)];
    let elsewhere = samples::message(2, 4, BLOCK, &entries).bytes();
    assert_eq!(
        guard().admit(&elsewhere, now),
        Err(RejectReason::OtherRecipient)
    );
    // Of another peer, which is no better than a stranger's.
    let theirs = [samples::commit(7, 2), samples::commit(7, 4)];
    let mixed = samples::message(2, 1, BLOCK, &theirs).bytes();
    assert_eq!(guard().admit(&mixed, now), Err(RejectReason::NotTheirEntry));
    let both = [samples::commit(7, 2), samples::commit(7, 3)];
    let family = samples::message(2, 1, BLOCK, &both).bytes();
    assert!(guard().admit(&family, now).is_ok());
    let other = DeploymentId {
        domain: [1; 32],
        ..DEPLOYMENT
    };
    let mut elsewhere = MessageGuard::new(other, Arc::new(samples::directory()));
    elsewhere.set_finalized(BLOCK);
    let bytes = message(2, BLOCK).bytes();
    assert_eq!(elsewhere.admit(&bytes, now), Err(RejectReason::Forged));
    assert_eq!(guard().admit(&[], now), Err(RejectReason::Malformed));
}

/// A message that is signed well and holds rubbish.
fn rubbish(from: u8) -> Vec<u8> {
    let mut message = message(from, BLOCK);
    message.entries = vec![0xff; 40];
    let to_sign = wire::message_to_sign(&DEPLOYMENT, &message.head, &message.entries);
    message.signature = samples::key(from).sign(&to_sign.message()).0;
    message.bytes()
}

#[test]
fn a_peer_that_signs_rubbish_is_left_alone_for_a_while() {
    let (mut guard, now) = (guard(), Instant::now());
    for _ in 0..FAULTS_MAX {
        let bytes = rubbish(2);
        assert_eq!(guard.admit(&bytes, now), Err(RejectReason::Malformed));
    }
    let good = message(2, BLOCK).bytes();
    assert_eq!(guard.admit(&good, now), Err(RejectReason::RateLimited));
    // The others are none the worse for it, and it comes back.
    assert!(guard.admit(&message(4, BLOCK).bytes(), now).is_ok());
    let later = now.checked_add(COOLDOWN).unwrap();
    assert!(guard.admit(&good, later).is_ok());
}

#[test]
fn strangers_and_replays_never_silence_a_peer() {
    let (mut guard, now) = (guard(), Instant::now());
    let bytes = message(2, BLOCK).bytes();
    guard.admit(&bytes, now).unwrap();
    let mut forged = message(2, BLOCK);
    forged.signature[0] ^= 1;
    for _ in 0..200 {
        assert_eq!(guard.admit(&bytes, now), Err(RejectReason::Replayed));
        assert_eq!(guard.admit(&forged.bytes(), now), Err(RejectReason::Forged));
    }
    assert!(guard.admit(&message(2, BLOCK).bytes(), now).is_ok());
}

#[test]
fn a_peer_that_writes_too_often_is_slowed_down() {
    let (mut guard, now) = (guard(), Instant::now());
    for _ in 0..BURST {
        guard.admit(&message(2, BLOCK).bytes(), now).unwrap();
    }
    let one_more = message(2, BLOCK).bytes();
    assert_eq!(guard.admit(&one_more, now), Err(RejectReason::TooMany));
    let later = now.checked_add(REFILL_INTERVAL).unwrap();
    let next = message(2, BLOCK).bytes();
    assert!(guard.admit(&next, later).is_ok());
    let again = message(2, BLOCK).bytes();
    assert_eq!(guard.admit(&again, later), Err(RejectReason::TooMany));
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut limits = PeerLimits::default();
    let head = |n: u32, block| {
        let mut nonce = [0; 16];
        nonce[..4].copy_from_slice(&n.encode());
        PeerMessageHeader {
            sender: [0; 32],
            receiver: [0; 32],
            nonce,
            block,
        }
    };
    for n in 0..REMEMBERED_MAX as u32 {
        limits.remember(&head(n, BLOCK), BLOCK).unwrap();
    }
    let more = head(u32::MAX, BLOCK);
    assert_eq!(limits.remember(&more, BLOCK), Err(RejectReason::TooMany));
    let moved = BLOCK + WINDOW_BLOCKS + 1;
    limits.remember(&head(1, moved), moved).unwrap();
    assert_eq!(limits.seen.len(), 1);
}
