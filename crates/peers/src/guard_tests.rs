#![allow(clippy::unwrap_used)]

use super::{
    super::sample::{self, DEPLOYMENT},
    *,
};
use scale::Encode;

const BLOCK: BlockNumber = 1_000;

fn guard() -> Guard {
    let mut guard = Guard::new(DEPLOYMENT, Arc::new(sample::directory()));
    guard.looks(BLOCK);
    guard
}

fn letter(from: u8, block: BlockNumber) -> Letter {
    sample::letter(from, 1, block, &[sample::commit(7, from)])
}

#[test]
fn a_letter_of_a_peer_is_admitted_once() {
    let mut guard = guard();
    let handed = [sample::commit(7, 2)];
    let bytes = sample::letter(2, 1, BLOCK, &handed).bytes();
    let now = Instant::now();
    let (peer, head, entries) = guard.admit(&bytes, now).unwrap();
    assert_eq!((peer, head.sender), (0, sample::id(2)));
    assert_eq!(entries, handed);
    for _ in 0..3 {
        assert_eq!(guard.admit(&bytes, now), Err(Refusal::Replayed));
    }
    // Its block leaves the window before it is forgotten.
    guard.looks(BLOCK + WINDOW_BLOCKS);
    assert_eq!(guard.admit(&bytes, now), Err(Refusal::Replayed));
    guard.looks(BLOCK + WINDOW_BLOCKS + 1);
    assert_eq!(guard.admit(&bytes, now), Err(Refusal::Stale));
    // A letter from ahead is as stale as one from behind.
    guard.looks(BLOCK - WINDOW_BLOCKS - 1);
    assert_eq!(guard.admit(&bytes, now), Err(Refusal::Stale));
}

#[test]
fn any_byte_that_changes_makes_it_no_letter() {
    let whole = letter(2, BLOCK).bytes();
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
    let stranger = letter(9, BLOCK).bytes();
    assert_eq!(guard().admit(&stranger, now), Err(Refusal::Unknown));
    let entries = [sample::commit(7, 2)];
    let elsewhere = sample::letter(2, 4, BLOCK, &entries).bytes();
    assert_eq!(guard().admit(&elsewhere, now), Err(Refusal::NotHere));
    // Of another peer, which is no better than a stranger's.
    let theirs = [sample::commit(7, 2), sample::commit(7, 4)];
    let mixed = sample::letter(2, 1, BLOCK, &theirs).bytes();
    assert_eq!(guard().admit(&mixed, now), Err(Refusal::NotTheirs));
    let both = [sample::commit(7, 2), sample::commit(7, 3)];
    let family = sample::letter(2, 1, BLOCK, &both).bytes();
    assert!(guard().admit(&family, now).is_ok());
    let other = DeploymentId {
        domain: [1; 32],
        ..DEPLOYMENT
    };
    let mut elsewhere = Guard::new(other, Arc::new(sample::directory()));
    elsewhere.looks(BLOCK);
    let bytes = letter(2, BLOCK).bytes();
    assert_eq!(elsewhere.admit(&bytes, now), Err(Refusal::Forged));
    assert_eq!(guard().admit(&[], now), Err(Refusal::Garbage));
}

/// A letter that is signed well and holds rubbish.
fn rubbish(from: u8) -> Vec<u8> {
    let mut letter = letter(from, BLOCK);
    letter.entries = vec![0xff; 40];
    let message = wire::letter(&DEPLOYMENT, &letter.head, &letter.entries);
    letter.signature = sample::key(from).sign(&message.message()).0;
    letter.bytes()
}

#[test]
fn a_peer_that_signs_rubbish_is_left_alone_for_a_while() {
    let (mut guard, now) = (guard(), Instant::now());
    for _ in 0..FAULTS_MAX {
        let bytes = rubbish(2);
        assert_eq!(guard.admit(&bytes, now), Err(Refusal::Garbage));
    }
    let good = letter(2, BLOCK).bytes();
    assert_eq!(guard.admit(&good, now), Err(Refusal::CoolsDown));
    // The others are none the worse for it, and it comes back.
    assert!(guard.admit(&letter(4, BLOCK).bytes(), now).is_ok());
    let later = now.checked_add(COOL_DOWN).unwrap();
    assert!(guard.admit(&good, later).is_ok());
}

#[test]
fn strangers_and_replays_never_silence_a_peer() {
    let (mut guard, now) = (guard(), Instant::now());
    let bytes = letter(2, BLOCK).bytes();
    guard.admit(&bytes, now).unwrap();
    let mut forged = letter(2, BLOCK);
    forged.signature[0] ^= 1;
    for _ in 0..200 {
        assert_eq!(guard.admit(&bytes, now), Err(Refusal::Replayed));
        assert_eq!(guard.admit(&forged.bytes(), now), Err(Refusal::Forged));
    }
    assert!(guard.admit(&letter(2, BLOCK).bytes(), now).is_ok());
}

#[test]
fn a_peer_that_writes_too_often_is_slowed_down() {
    let (mut guard, now) = (guard(), Instant::now());
    for _ in 0..BURST {
        guard.admit(&letter(2, BLOCK).bytes(), now).unwrap();
    }
    let one_more = letter(2, BLOCK).bytes();
    assert_eq!(guard.admit(&one_more, now), Err(Refusal::TooMany));
    let later = now.checked_add(ONE_MORE_EACH).unwrap();
    let next = letter(2, BLOCK).bytes();
    assert!(guard.admit(&next, later).is_ok());
    let again = letter(2, BLOCK).bytes();
    assert_eq!(guard.admit(&again, later), Err(Refusal::TooMany));
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut visitor = Visitor::default();
    let head = |n: u32, block| {
        let mut nonce = [0; 16];
        nonce[..4].copy_from_slice(&n.encode());
        Head {
            sender: [0; 32],
            receiver: [0; 32],
            nonce,
            block,
        }
    };
    for n in 0..REMEMBERED_MAX as u32 {
        visitor.remember(&head(n, BLOCK), BLOCK).unwrap();
    }
    let more = head(u32::MAX, BLOCK);
    assert_eq!(visitor.remember(&more, BLOCK), Err(Refusal::TooMany));
    let moved = BLOCK + WINDOW_BLOCKS + 1;
    visitor.remember(&head(1, moved), moved).unwrap();
    assert_eq!(visitor.seen.len(), 1);
}
