#![allow(clippy::unwrap_used)]

use crate::{daemon::SigningDaemon, error::SigningDaemonError, sample::*, SigningDaemonConfig};
use llm_oracle_chain::messages;
use llm_oracle_primitives::{Answer, CommitEntry};
use llm_oracle_signing::{
    verifies,
    wire::{SignRequest, SignResponse},
    AnswerToSign, PeerMessageToSign, Signer as _,
};
use llm_oracle_support::{address::hex0x, selector};
use std::os::unix::fs::PermissionsExt;

#[test]
fn what_was_signed_is_signed_again_and_nothing_else_is() {
    let (folder, mut daemon) = open();
    let (yes, no) = (
        answer(7, Answer::Bool(true)),
        answer(7, Answer::Bool(false)),
    );
    for restarted in [false, true] {
        if restarted {
            drop(daemon);
            daemon = SigningDaemon::open(&config(folder.path())).unwrap();
        }
        let SignResponse::Signed(seat) = daemon.handle(&SignRequest::Seat(seat_of(&yes))) else {
            panic!("the first commitment is signed, and again");
        };
        assert!(verifies(
            &seat,
            &seat_of(&yes).message(),
            &yes.context.operator
        ));
        assert_eq!(
            refused(daemon.handle(&SignRequest::Seat(seat_of(&no)))),
            "conflicting_commitment"
        );
        // Another answer opens another commitment, and is named as an answer once there was one.
        let conflict = ["conflicting_commitment", "conflicting_answer"][usize::from(restarted)];
        assert_eq!(
            refused(daemon.handle(&SignRequest::Answer(no.clone()))),
            conflict
        );
        let SignResponse::Signed(signed) = daemon.handle(&SignRequest::Answer(yes.clone())) else {
            panic!("the answer that was committed to is signed");
        };
        assert!(verifies(&signed, &yes.message(), &yes.context.operator));
    }
    // Each other request and each other operator has an answer of its own.
    let other = answer(8, Answer::Bool(false));
    assert_eq!(
        refused(daemon.handle(&SignRequest::Answer(other))),
        "signed"
    );
    let mut bob = answer(7, Answer::Bool(false));
    bob.context.operator = key("//Bob").account();
    assert_eq!(refused(daemon.handle(&SignRequest::Answer(bob))), "signed");
}

#[test]
fn no_part_of_a_question_makes_room_for_a_second_answer() {
    let (_folder, daemon) = open();
    let first = answer(7, Answer::Bool(true));
    assert_eq!(
        refused(daemon.handle(&SignRequest::Answer(first.clone()))),
        "signed"
    );
    let changed = |change: &dyn Fn(&mut AnswerToSign)| {
        let mut other = first.clone();
        change(&mut other);
        refused(daemon.handle(&SignRequest::Answer(other)))
    };
    let conflict = "conflicting_commitment";
    assert_eq!(
        changed(&|one| one.answer = Answer::Choice(1)),
        "conflicting_answer"
    );
    assert_eq!(changed(&|one| one.evidence = [9; 32]), conflict);
    assert_eq!(changed(&|one| one.salt = [9; 32]), conflict);
    assert_eq!(changed(&|one| one.confidence = Some(71)), conflict);
    assert_eq!(changed(&|one| one.confidence = None), conflict);
    assert_eq!(changed(&|one| one.context.model = 1), "other_model");
    assert_eq!(changed(&|one| one.context.terms_digest = [9; 32]), conflict);
    assert_eq!(changed(&|one| one.context.round = 1), "other_phase");
    assert_eq!(changed(&|one| one.context.phase = 1), "other_phase");
    assert_eq!(changed(&|one| one.context.domain = [9; 32]), "other_domain");
    assert_eq!(
        changed(&|one| one.context.contract = [9; 32].into()),
        "other_contract"
    );
    assert_eq!(
        changed(&|one| one.context.operator = [9; 32].into()),
        "unknown_account"
    );
    assert_eq!(changed(&|_| {}), "signed");
}

#[test]
fn the_database_itself_refuses_to_forget_or_to_change() {
    let (folder, daemon) = open();
    let first = answer(7, Answer::Bool(true));
    assert_eq!(
        refused(daemon.handle(&SignRequest::Answer(first))),
        "signed"
    );
    drop(daemon);
    let database = rusqlite::Connection::open(folder.path().join("store/signed.sqlite")).unwrap();
    for sql in [
        "DELETE FROM signed",
        "UPDATE signed SET commitment = zeroblob(32)",
        "UPDATE signed SET evidence = zeroblob(32)",
        "UPDATE signed SET answer = zeroblob(32)",
        "UPDATE signed SET answer = NULL",
        "UPDATE signed SET request_id = 8",
    ] {
        assert!(database.execute(sql, []).is_err(), "{sql}");
    }
}

#[test]
fn one_signer_for_one_record() {
    let (folder, _guard) = open();
    let second = SigningDaemon::open(&config(folder.path())).err().unwrap();
    assert!(
        matches!(second, SigningDaemonError::Locked { .. }),
        "{second}"
    );
    let store = folder.path().join("store");
    let mode = std::fs::metadata(store).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
}

#[test]
fn a_peer_message_is_signed_by_its_sender_and_a_receipt_by_its_receiver_for_this_oracle_alone() {
    let (_folder, daemon) = open();
    let SignResponse::Signed(signature) =
        daemon.handle(&SignRequest::PeerMessage(peer_message(None)))
    else {
        panic!("a peer message of one of its accounts");
    };
    let alice = key("//Alice").account();
    assert!(verifies(&signature, &peer_message(None).message(), &alice));
    let with = |taken, change: &dyn Fn(&mut PeerMessageToSign)| {
        let mut message = peer_message(taken);
        change(&mut message);
        refused(daemon.handle(&SignRequest::PeerMessage(message)))
    };
    assert_eq!(with(Some([1; 32]), &|_| {}), "unknown_account");
    let bob = key("//Bob").public_key().0;
    assert_eq!(
        with(Some([1; 32]), &|one| one.header.receiver = bob),
        "signed"
    );
    assert_eq!(
        with(None, &|one| one.header.sender = [9; 32]),
        "unknown_account"
    );
    assert_eq!(
        with(None, &|one| one.deployment.domain = [9; 32]),
        "other_domain"
    );
    assert_eq!(
        with(None, &|one| one.deployment.contract = [9; 32]),
        "other_contract"
    );
}

#[test]
fn a_call_is_signed_only_when_it_is_a_relayers() {
    let (_folder, daemon) = open();
    let advance = messages::advance(7).input().to_vec();
    let with = |change: &dyn Fn(&mut Parts)| {
        let mut parts = Parts::new(&advance);
        change(&mut parts);
        refused(daemon.handle(&parts.request()))
    };
    assert_eq!(with(&|_| {}), "signed");
    assert_eq!(with(&|parts| parts.indices = [4, 0]), "not_a_call");
    assert_eq!(with(&|parts| parts.indices = [7, 7]), "not_a_call");
    assert_eq!(with(&|parts| parts.dest = vec![0; 33]), "other_contract");
    assert_eq!(
        with(&|parts| parts.dest = [&[1][..], &CONTRACT].concat()),
        "not_a_call"
    );
    assert_eq!(with(&|parts| parts.value = 1), "value");
    assert_eq!(with(&|parts| parts.deposit = Some(5)), "signed");
    assert_eq!(with(&|parts| parts.deposit = Some(6)), "deposit");
    assert_eq!(with(&|parts| parts.deposit = None), "deposit");
    assert_eq!(with(&|parts| parts.era = vec![0]), "immortal");
    assert_eq!(with(&|parts| parts.tip = 3), "signed");
    assert_eq!(with(&|parts| parts.tip = 4), "tip");
    assert_eq!(with(&|parts| parts.implicit = 71), "not_a_call");
    assert_eq!(with(&|parts| parts.input.clear()), "not_a_call");
    assert_eq!(with(&|parts| parts.input = b"nope".to_vec()), "message");
    let unbond = messages::unbond(1, 5).input().to_vec();
    assert_eq!(with(&|parts| parts.input = unbond.clone()), "message");
    let junk = [&selector("commit_batch")[..], &[9]].concat();
    assert_eq!(with(&|parts| parts.input = junk.clone()), "not_a_call");
}

#[test]
fn a_payload_cut_off_anywhere_is_refused_and_so_is_its_digest() {
    let (_folder, daemon) = open();
    let whole = Parts::new(&commit(7, [1; 32])).payload();
    let ask = |payload: &[u8]| {
        refused(daemon.handle(&SignRequest::Call {
            account: key("//Alice").account(),
            payload: payload.to_vec(),
        }))
    };
    for length in 0..whole.len() {
        assert_ne!(ask(&whole[..length]), "signed", "{length}");
    }
    assert_eq!(
        ask(&llm_oracle_primitives::digest::blake2(&whole)),
        "not_a_call"
    );
    assert_eq!(ask(&whole), "signed");
}

#[test]
fn a_commit_inside_a_call_counts_like_one_of_its_own() {
    let (_folder, daemon) = open();
    let call = |request, commitment| {
        refused(daemon.handle(&Parts::new(&commit(request, commitment)).request()))
    };
    let yes = answer(7, Answer::Bool(true));
    assert_eq!(call(7, yes.commitment()), "signed");
    assert_eq!(call(7, [9; 32]), "conflicting_commitment");
    assert_eq!(
        refused(daemon.handle(&SignRequest::Answer(answer(7, Answer::Bool(false))))),
        "conflicting_commitment"
    );
    assert_eq!(refused(daemon.handle(&SignRequest::Answer(yes))), "signed");
    // In a batch, one that conflicts takes all others with it, and none of them is kept.
    let entry = |request_id, commitment| CommitEntry {
        request_id,
        slot: 1,
        commitment,
        evidence: [5; 32],
        signature: None,
    };
    let batch = messages::commit_batch(&[entry(8, [1; 32]), entry(7, [9; 32])]);
    let response = daemon.handle(&Parts::new(batch.input()).request());
    assert_eq!(refused(response), "conflicting_commitment");
    assert_eq!(call(8, [2; 32]), "signed");
}

#[test]
fn a_call_is_signed_before_and_after_an_announced_upgrade_that_moves_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signer.toml");
    let file = |indices: &str| {
        format!(
            "socket = 'a/s'\nstore = 'b'\ncontract = '{}'\ndomain = '{}'\ncontracts_call = {indices}\nmax_deposit = 5\noperators = [{{ suri = '//Alice' }}]\n",
            hex0x(&CONTRACT),
            hex0x(&DOMAIN),
        )
    };
    let load = |indices: &str| {
        std::fs::write(&path, file(indices)).unwrap();
        SigningDaemonConfig::load(&path)
    };
    let daemon = SigningDaemon::open(&load("[[7, 6], [9, 6]]").unwrap()).unwrap();
    let advance = messages::advance(7).input().to_vec();
    let with = |indices| {
        let mut parts = Parts::new(&advance);
        parts.indices = indices;
        refused(daemon.handle(&parts.request()))
    };
    assert_eq!(with([7, 6]), "signed");
    assert_eq!(with([9, 6]), "signed");
    assert_eq!(with([8, 6]), "not_a_call");
    for wrong in ["[]", "[[7, 6], [8, 6], [9, 6]]", "[7]", "[7, 6, 5]", "7"] {
        let error = load(wrong).unwrap_err().to_string();
        assert!(error.contains("line 5"), "{wrong}: {error}");
    }
}

#[test]
fn its_settings_are_refused_without_quoting_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signer.toml");
    let good = "socket = 'a/s'\nstore = 'b'\ncontract = '0x'\ndomain = '0x'\ncontracts_call = [7, 6]\n[[operators]]\nsuri_file = 'k'\n";
    std::fs::write(&path, good).unwrap();
    let config = SigningDaemonConfig::load(&path).unwrap();
    assert_eq!(config.socket, folder.path().join("a/s"));
    assert_eq!(config.operators[0].suri_file, Some(folder.path().join("k")));
    for (text, part) in [
        (format!("colour = 1\n{good}"), "colour"),
        (format!("{good}suri_env = \"s3cret"), "line 8"),
        (good.replace("[7, 6]", "'s3cret'"), "line 5"),
    ] {
        std::fs::write(&path, text).unwrap();
        let why = SigningDaemonConfig::load(&path).unwrap_err().to_string();
        assert!(why.contains(part) && !why.contains("s3cret"), "{why}");
    }
}
