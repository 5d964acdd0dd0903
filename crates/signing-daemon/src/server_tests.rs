#![allow(clippy::unwrap_used)]

use crate::{bind, sample::*, serve, SigningDaemon, SigningDaemonConfig, SigningDaemonError};
use llm_oracle_primitives::Answer;
use llm_oracle_signing::{
    signed_part, wire, wire::SignResponse, RemoteSigner, Signer as _, SignerError,
};
use std::{
    collections::BTreeSet,
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::Path,
    sync::Arc,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A signer that serves in this process.
struct Served {
    config: SigningDaemonConfig,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
    folder: TempDir,
}

fn served() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let daemon = Arc::new(SigningDaemon::open(&config).unwrap());
    let listener = bind(&config.socket).unwrap();
    let stop = CancellationToken::new();
    let task = tokio::spawn(serve(daemon, listener, stop.clone().cancelled_owned()));
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
    let remote = RemoteSigner::new(served.config.socket.clone(), account);
    remote.check().unwrap();
    let (yes, no) = (
        answer(7, Answer::Bool(true)),
        answer(7, Answer::Bool(false)),
    );
    remote.sign_seat(&seat_of(&yes)).unwrap();
    remote.sign_answer(&yes).unwrap();
    remote.sign_registration(&registration()).unwrap();
    remote.sign_peer_message(&peer_message(None)).unwrap();
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
            payload: whole,
        })
    };
    sign(Some(&long)).unwrap();
    assert!(sign(None).is_err());
    let stranger = RemoteSigner::new(served.config.socket.clone(), [9; 32].into());
    assert!(matches!(
        stranger.check(),
        Err(SignerError::WrongKey { .. })
    ));
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
                let remote = RemoteSigner::new(socket.clone(), account);
                scope.spawn(move || -> Vec<(u64, i128)> {
                    let ask = |request: u64| {
                        let number = thread.saturating_mul(100).saturating_add(request.into());
                        let response = remote.sign_answer(&answer(request, Answer::Number(number)));
                        match response {
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
        wire::unpack::<SignResponse>(&answer[4..]).unwrap()
    };
    let response = tokio::task::block_in_place(|| {
        [
            talk(&[0, 0, 0, 0]),
            talk(&[0xff, 0xff, 0xff, 0xff]),
            talk(&[2, 0, 0, 0, 9, 0]),
            talk(&[2, 0, 0, 0, wire::VERSION, 77]),
        ]
    });
    for response in response {
        assert_eq!(refused(response), "malformed");
    }
    let remote = RemoteSigner::new(served.config.socket.clone(), key("//Bob").account());
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
    assert!(
        matches!(taken, SigningDaemonError::SocketInUse { .. }),
        "{taken}"
    );
    served.stop.cancel();
    served.task.await.unwrap();
    // Left behind by one that was killed: taken over.
    assert!(socket.exists());
    drop(bind(socket).unwrap());
    // Something else is not.
    std::fs::remove_file(socket).unwrap();
    std::fs::write(socket, "").unwrap();
    assert!(matches!(bind(socket), Err(SigningDaemonError::Io { .. })));
    let open = served.folder.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(
        bind(&open.join("s")),
        Err(SigningDaemonError::OpenFolder { .. })
    ));
}
