#![allow(clippy::unwrap_used)]

use super::*;
use llm_oracle_chain::messages;
use llm_oracle_primitives::{Answer, CommitEntry, DeploymentId};
use llm_oracle_signing::{verifies, wire, Head, KeySource, PeerToSign, Remote, SignerError};
use llm_oracle_support::{address::hex0x, selector};
use scale::{Compact, Encode};
use std::{
    collections::BTreeSet,
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::Path,
    sync::Arc,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const CONTRACT: [u8; 32] = [2; 32];
const DOMAIN: Hash = [3; 32];
const CONTRACTS_CALL: [u8; 2] = [7, 6];

fn config(folder: &Path) -> GuardConfig {
    let key = |suri: &str| KeySource {
        suri: Some(suri.to_owned()),
        ..KeySource::default()
    };
    GuardConfig {
        socket: folder.join("run/signer.sock"),
        store: folder.join("store"),
        contract: hex0x(&CONTRACT),
        domain: hex0x(&DOMAIN),
        contracts_call: CONTRACTS_CALL,
        max_deposit: 5,
        operators: vec![key("//Alice"), key("//Bob")],
    }
}

fn open() -> (TempDir, Guard) {
    let folder = tempfile::tempdir().unwrap();
    let guard = Guard::open(&config(folder.path())).unwrap();
    (folder, guard)
}

fn key(suri: &str) -> Keypair {
    llm_oracle_signing::load_key(&KeySource {
        suri: Some(suri.to_owned()),
        ..KeySource::default()
    })
    .unwrap()
}

fn context(request_id: u64) -> Context {
    Context {
        domain: DOMAIN,
        contract: CONTRACT.into(),
        request_id,
        terms_digest: [4; 32],
        round: 0,
        phase: 0,
        operator: key("//Alice").account(),
        model: 0,
    }
}

fn answer(request_id: u64, answer: Answer) -> AnswerToSign {
    AnswerToSign {
        context: context(request_id),
        answer,
        evidence: [5; 32],
        salt: [6; 32],
    }
}

fn seat_of(answer: &AnswerToSign) -> SeatToSign {
    SeatToSign {
        context: answer.context,
        commitment: answer.commitment(),
        evidence: answer.evidence,
        valid_until: 9,
    }
}

fn refused(told: Told) -> String {
    match told {
        Told::Refused { name, .. } => name,
        Told::Signed(_) => "signed".to_owned(),
        Told::Accounts(_) => "accounts".to_owned(),
    }
}

/// The payload of a call with these inner parts, encoded by hand.
struct Parts {
    indices: [u8; 2],
    dest: Vec<u8>,
    value: u128,
    deposit: Option<u128>,
    input: Vec<u8>,
    era: Vec<u8>,
    tip: u128,
    implicit: usize,
}

impl Parts {
    fn new(input: &[u8]) -> Self {
        Self {
            indices: CONTRACTS_CALL,
            dest: [&[0][..], &CONTRACT].concat(),
            value: 0,
            deposit: Some(0),
            input: input.to_vec(),
            era: vec![0xfb, 0x01],
            tip: 0,
            implicit: 72,
        }
    }

    fn payload(&self) -> Vec<u8> {
        [
            self.indices.to_vec(),
            self.dest.clone(),
            Compact(self.value).encode(),
            (Compact(1_000_000_u64), Compact(2_000_u64)).encode(),
            self.deposit.map(Compact).encode(),
            self.input.encode(),
            self.era.clone(),
            Compact(42_u64).encode(),
            Compact(self.tip).encode(),
            vec![8; self.implicit],
        ]
        .concat()
    }

    fn ask(&self) -> Ask {
        Ask::Call {
            account: key("//Alice").account(),
            payload: self.payload(),
        }
    }
}

fn commit(request_id: u64, commitment: Hash) -> Vec<u8> {
    let entry = CommitEntry {
        request_id,
        slot: 1,
        model: 0,
        commitment,
        evidence: [5; 32],
        signature: None,
    };
    messages::commit_batch(&[entry]).input().to_vec()
}

#[test]
fn what_was_signed_is_signed_again_and_nothing_else_is() {
    let (folder, mut guard) = open();
    let (yes, no) = (
        answer(7, Answer::Bool(true)),
        answer(7, Answer::Bool(false)),
    );
    for restarted in [false, true] {
        if restarted {
            drop(guard);
            guard = Guard::open(&config(folder.path())).unwrap();
        }
        let Told::Signed(seat) = guard.answer(&Ask::Seat(seat_of(&yes))) else {
            panic!("the first commitment is signed, and again");
        };
        assert!(verifies(
            &seat,
            &seat_of(&yes).message(),
            &yes.context.operator
        ));
        assert_eq!(
            refused(guard.answer(&Ask::Seat(seat_of(&no)))),
            "conflicting_commitment"
        );
        // Another answer opens another commitment, and is named as an answer once there was one.
        let conflict = ["conflicting_commitment", "conflicting_answer"][usize::from(restarted)];
        assert_eq!(refused(guard.answer(&Ask::Answer(no.clone()))), conflict);
        let Told::Signed(signed) = guard.answer(&Ask::Answer(yes.clone())) else {
            panic!("the answer that was committed to is signed");
        };
        assert!(verifies(&signed, &yes.message(), &yes.context.operator));
    }
    // Each other request and each other operator has an answer of its own.
    let other = answer(8, Answer::Bool(false));
    assert_eq!(refused(guard.answer(&Ask::Answer(other))), "signed");
    let mut bob = answer(7, Answer::Bool(false));
    bob.context.operator = key("//Bob").account();
    assert_eq!(refused(guard.answer(&Ask::Answer(bob))), "signed");
}

#[test]
fn no_part_of_a_question_makes_room_for_a_second_answer() {
    let (_folder, guard) = open();
    let first = answer(7, Answer::Bool(true));
    assert_eq!(refused(guard.answer(&Ask::Answer(first.clone()))), "signed");
    let changed = |change: &dyn Fn(&mut AnswerToSign)| {
        let mut other = first.clone();
        change(&mut other);
        refused(guard.answer(&Ask::Answer(other)))
    };
    let conflict = "conflicting_commitment";
    assert_eq!(
        changed(&|one| one.answer = Answer::Choice(1)),
        "conflicting_answer"
    );
    assert_eq!(changed(&|one| one.evidence = [9; 32]), conflict);
    assert_eq!(changed(&|one| one.salt = [9; 32]), conflict);
    assert_eq!(changed(&|one| one.context.model = 1), conflict);
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
    let (folder, guard) = open();
    let first = answer(7, Answer::Bool(true));
    assert_eq!(refused(guard.answer(&Ask::Answer(first))), "signed");
    drop(guard);
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
    let second = Guard::open(&config(folder.path())).err().unwrap();
    assert!(matches!(second, GuardError::Locked { .. }), "{second}");
    let store = folder.path().join("store");
    let mode = std::fs::metadata(store).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
}

fn letter(taken: Option<Hash>) -> PeerToSign {
    let id = |suri: &str| key(suri).public_key().0;
    PeerToSign {
        deployment: DeploymentId {
            domain: DOMAIN,
            contract: CONTRACT,
        },
        head: Head {
            sender: id("//Alice"),
            receiver: id("//Charlie"),
            nonce: [7; 16],
            block: 9,
        },
        entries: [8; 32],
        taken,
    }
}

#[test]
fn a_letter_is_signed_by_its_sender_and_a_receipt_by_its_receiver_for_this_oracle_alone() {
    let (_folder, guard) = open();
    let Told::Signed(signature) = guard.answer(&Ask::Peer(letter(None))) else {
        panic!("a letter of one of its accounts");
    };
    let alice = key("//Alice").account();
    assert!(verifies(&signature, &letter(None).message(), &alice));
    let with = |taken, change: &dyn Fn(&mut PeerToSign)| {
        let mut message = letter(taken);
        change(&mut message);
        refused(guard.answer(&Ask::Peer(message)))
    };
    assert_eq!(with(Some([1; 32]), &|_| {}), "unknown_account");
    let bob = key("//Bob").public_key().0;
    assert_eq!(
        with(Some([1; 32]), &|one| one.head.receiver = bob),
        "signed"
    );
    assert_eq!(
        with(None, &|one| one.head.sender = [9; 32]),
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
    let (_folder, guard) = open();
    let advance = messages::advance(7).input().to_vec();
    let with = |change: &dyn Fn(&mut Parts)| {
        let mut parts = Parts::new(&advance);
        change(&mut parts);
        refused(guard.answer(&parts.ask()))
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
    assert_eq!(with(&|parts| parts.tip = 1), "tip");
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
    let (_folder, guard) = open();
    let whole = Parts::new(&commit(7, [1; 32])).payload();
    let ask = |payload: &[u8]| {
        refused(guard.answer(&Ask::Call {
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
    let (_folder, guard) = open();
    let call = |request, commitment| {
        refused(guard.answer(&Parts::new(&commit(request, commitment)).ask()))
    };
    let yes = answer(7, Answer::Bool(true));
    assert_eq!(call(7, yes.commitment()), "signed");
    assert_eq!(call(7, [9; 32]), "conflicting_commitment");
    assert_eq!(
        refused(guard.answer(&Ask::Answer(answer(7, Answer::Bool(false))))),
        "conflicting_commitment"
    );
    assert_eq!(refused(guard.answer(&Ask::Answer(yes))), "signed");
    // In a batch, one that conflicts takes all others with it, and none of them is kept.
    let entry = |request_id, commitment| CommitEntry {
        request_id,
        slot: 1,
        model: 0,
        commitment,
        evidence: [5; 32],
        signature: None,
    };
    let batch = messages::commit_batch(&[entry(8, [1; 32]), entry(7, [9; 32])]);
    let told = guard.answer(&Parts::new(batch.input()).ask());
    assert_eq!(refused(told), "conflicting_commitment");
    assert_eq!(call(8, [2; 32]), "signed");
}

#[test]
fn its_settings_are_refused_without_quoting_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signer.toml");
    let good = "socket = 'a/s'\nstore = 'b'\ncontract = '0x'\ndomain = '0x'\ncontracts_call = [7, 6]\n[[operators]]\nsuri_file = 'k'\n";
    std::fs::write(&path, good).unwrap();
    let config = GuardConfig::load(&path).unwrap();
    assert_eq!(config.socket, folder.path().join("a/s"));
    assert_eq!(config.operators[0].suri_file, Some(folder.path().join("k")));
    for (text, part) in [
        (format!("colour = 1\n{good}"), "colour"),
        (format!("{good}suri_env = \"s3cret"), "line 8"),
        (good.replace("[7, 6]", "'s3cret'"), "line 5"),
    ] {
        std::fs::write(&path, text).unwrap();
        let why = GuardConfig::load(&path).unwrap_err().to_string();
        assert!(why.contains(part) && !why.contains("s3cret"), "{why}");
    }
}

/// A signer that serves in this process.
struct Served {
    config: GuardConfig,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
    folder: TempDir,
}

fn served() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let guard = Arc::new(Guard::open(&config).unwrap());
    let listener = bind(&config.socket).unwrap();
    let stop = CancellationToken::new();
    let task = tokio::spawn(serve(guard, listener, stop.clone()));
    Served {
        config,
        stop,
        task,
        folder,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_the_socket_it_is_a_signer_like_any_other() {
    let served = served();
    let account = key("//Alice").account();
    let remote = Remote::new(served.config.socket.clone(), account);
    remote.check().unwrap();
    let (yes, no) = (
        answer(7, Answer::Bool(true)),
        answer(7, Answer::Bool(false)),
    );
    remote.sign_seat(&seat_of(&yes)).unwrap();
    remote.sign_answer(&yes).unwrap();
    remote.sign_registration(&DOMAIN, &CONTRACT.into()).unwrap();
    remote.sign_peer(&letter(None)).unwrap();
    let refused = remote.sign_answer(&no).unwrap_err();
    assert!(
        matches!(&refused, SignerError::Refused { name, .. } if name == "conflicting_answer"),
        "{refused}"
    );
    // A long payload: its digest is what is signed.
    let long = Parts::new(&[&commit(7, yes.commitment())[..], &[]].concat()).payload();
    let sign = |whole: Option<&[u8]>| {
        let signed = signed_part(&long);
        remote.sign_call(&llm_oracle_signing::CallToSign {
            signed: &signed,
            whole,
        })
    };
    sign(Some(&long)).unwrap();
    assert!(sign(None).is_err());
    let stranger = Remote::new(served.config.socket.clone(), [9; 32].into());
    assert!(matches!(stranger.check(), Err(SignerError::Wrong { .. })));
    served.stop.cancel();
    served.task.await.unwrap();
    assert!(matches!(
        remote.check(),
        Err(SignerError::Unreachable { .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_answers_that_come_at_once_is_signed() {
    let served = served();
    let account = key("//Alice").account();
    let socket = &served.config.socket;
    let mut signed = BTreeSet::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread: i128| {
                let remote = Remote::new(socket.clone(), account);
                scope.spawn(move || -> Vec<(u64, i128)> {
                    let ask = |request: u64| {
                        let number = thread.saturating_mul(100).saturating_add(request.into());
                        let told = remote.sign_answer(&answer(request, Answer::Number(number)));
                        match told {
                            Ok(_) => Some((request, number)),
                            Err(SignerError::Refused { .. }) => None,
                            Err(other) => panic!("{other}"),
                        }
                    };
                    (0..20).filter_map(ask).collect()
                })
            })
            .collect();
        for thread in threads {
            signed.extend(thread.join().unwrap());
        }
    });
    let requests: BTreeSet<u64> = signed.iter().map(|(request, _)| *request).collect();
    assert_eq!((signed.len(), requests.len()), (20, 20), "one answer each");
    served.stop.cancel();
    served.task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn junk_on_the_socket_is_named_and_harms_nobody() {
    let served = served();
    let talk = |bytes: &[u8]| {
        let mut stream = UnixStream::connect(&served.config.socket).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        wire::unpack::<Told>(&answer[4..]).unwrap()
    };
    let told = tokio::task::block_in_place(|| {
        [
            talk(&[0, 0, 0, 0]),
            talk(&[0xff, 0xff, 0xff, 0xff]),
            talk(&[2, 0, 0, 0, 9, 0]),
            talk(&[2, 0, 0, 0, wire::VERSION, 77]),
        ]
    });
    for told in told {
        assert_eq!(refused(told), "malformed");
    }
    let remote = Remote::new(served.config.socket.clone(), key("//Bob").account());
    remote.check().unwrap();
    served.stop.cancel();
    served.task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_is_private_and_has_one_owner() {
    let served = served();
    let socket = &served.config.socket;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(socket), 0o600);
    assert_eq!(mode(socket.parent().unwrap()), 0o700);
    let taken = tokio::task::block_in_place(|| bind(socket)).err().unwrap();
    assert!(matches!(taken, GuardError::SocketInUse { .. }), "{taken}");
    served.stop.cancel();
    served.task.await.unwrap();
    // Left behind by one that was killed: taken over.
    assert!(socket.exists());
    drop(bind(socket).unwrap());
    // Something else is not.
    std::fs::remove_file(socket).unwrap();
    std::fs::write(socket, "").unwrap();
    assert!(matches!(bind(socket), Err(GuardError::Io { .. })));
    let open = served.folder.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(
        bind(&open.join("s")),
        Err(GuardError::OpenFolder { .. })
    ));
}
