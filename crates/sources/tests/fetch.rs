//! Fetching from servers that do what servers do, and what attackers do.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

mod common;

use common::{Names, Says, Server, Trap, NAME};
use llm_oracle_fixtures::addresses::corpus;
use llm_oracle_primitives::{digest::blake2, limits, Source};
use llm_oracle_sources::{
    attachments::HeldAttachments,
    fetch::{FetchedDocument, Fetcher},
    FailureKind, SourceFailure, SourcesConfig,
};
use std::{
    fs,
    io::Write as _,
    sync::{Arc, OnceLock},
    time::Instant,
};

const MOST: usize = limits::MAX_SOURCE_BYTES as usize;

fn config() -> SourcesConfig {
    SourcesConfig {
        opened_networks: vec![format!("{}/32", common::PUBLIC)],
        timeout_ms: 20_000,
        ..SourcesConfig::default()
    }
}

fn fetcher(server: &Server, names: Names) -> Fetcher {
    Fetcher::with_client(&config(), server.client(names)).unwrap()
}

fn page(url: &str) -> Source {
    let url = url.as_bytes().to_vec();
    Source::Page { url, must: true }
}

fn attachment(document: &[u8], uri: &str) -> Source {
    Source::Attachment {
        digest: blake2(document),
        bytes: u32::try_from(document.len()).unwrap(),
        media: b"text/plain".to_vec(),
        uri: uri.as_bytes().to_vec(),
    }
}

async fn get(fetcher: &Fetcher, url: &str) -> Result<FetchedDocument, SourceFailure> {
    fetcher.fetch(&page(url)).await
}

fn note(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

#[tokio::test]
async fn no_address_of_the_corpus_leads_inside_neither_at_once_nor_by_a_redirect() {
    let redirects = Arc::new(OnceLock::<Vec<&'static str>>::new());
    let script = redirects.clone();
    let server = Server::https(move |path| {
        let number: usize = path.trim_start_matches('/').parse().unwrap();
        Says::redirect(script.get().unwrap()[number])
    })
    .await;
    let port = server.address.port();
    let trap = Trap::new(port);
    let corpus = corpus(port);
    assert_eq!(corpus.len(), 340);
    redirects.set(corpus.clone()).unwrap();
    let fetcher = fetcher(&server, Names::new(&[&["127.0.0.1"]], port));
    // As an operator runs it, with nothing opened.
    let closed = Fetcher::new(&SourcesConfig::default()).unwrap();
    for address in &corpus {
        let failure = get(&closed, address).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadAddress, "{address}");
    }
    // Here ports are no obstacle. In octal digits that one is 87.0.0.1, which is public and nobody's of ours.
    let inside = |address: &&&str| !address.contains("00127.");
    for address in corpus.iter().filter(inside) {
        let failure = get(&fetcher, address).await.unwrap_err();
        assert!(!failure.is_transient(), "{address}: {failure}");
    }
    let mut redirected = 0;
    for (number, address) in corpus.iter().enumerate() {
        if inside(&address) {
            let failure = get(&fetcher, &server.url(&format!("/{number}"))).await;
            assert!(!failure.unwrap_err().is_transient(), "{address}");
            redirected += 1;
        }
    }
    assert_eq!(trap.sprung(), 0);
    assert_eq!(server.requests(), redirected);
    // The control: it does spring.
    let _caught = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    assert_eq!(trap.sprung(), 1);
    note(&format!(
        "sources: {} addresses as pages and {redirected} as redirects, 0 connections caught",
        corpus.len()
    ));
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_checked_where_it_is_connected_to() {
    let server = Server::https(|path| match path {
        "/" => Says::redirect("/next"),
        _ => Says::page("text/plain", b"here"),
    })
    .await;
    let port = server.address.port();
    let trap = Trap::new(port);
    let url = format!("https://{NAME}/");
    let steady = fetcher(&server, Names::new(&[&["127.9.9.9"]], port));
    let fetched = get(&steady, &url).await.unwrap();
    assert_eq!(fetched.bytes, b"here");
    assert_eq!(fetched.url.unwrap(), format!("https://{NAME}/next"));
    // The second hop is a connection of its own, and its look-up is checked too.
    for second in [&["127.0.0.1"][..], &["127.9.9.9", "127.0.0.1"]] {
        let turning = fetcher(&server, Names::new(&[&["127.9.9.9"], second], port));
        let failure = get(&turning, &url).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Refused, "{failure}");
        assert!(failure.reason.contains("not public"), "{failure}");
    }
    let nobody = fetcher(&server, Names::new(&[], port));
    let failure = get(&nobody, &url).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert_eq!(trap.sprung(), 0);
}

#[tokio::test]
async fn each_answer_of_a_server_is_a_document_or_a_reason() {
    let server = Server::https(|path| {
        let gzip = |text: &[u8]| {
            let deflated = miniz_oxide::deflate::compress_to_vec(text, 6);
            let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
            [&head[..], &deflated, &[0; 8]].concat()
        };
        let coded = |coding: &str, body: &[u8]| {
            Says::status(200, &format!("Content-Encoding: {coding}\r\n"), body)
        };
        match path {
            "/ok" => Says::page("text/plain", b"fine"),
            "/gzip" => coded("gzip", &gzip(b"fine")),
            "/bomb" => coded("gzip", &gzip(&vec![0; 64 * 1024 * 1024])),
            "/br" => coded("br", b"\x0b\x03\x80"),
            "/file" => Says::page("application/gzip", &gzip(b"kept as it is")),
            "/most" => Says::page("text/plain", &vec![b'x'; MOST]),
            "/more" => Says::page("text/plain", &vec![b'x'; MOST + 1]),
            "/endless" => {
                Says::Drip([&b"HTTP/1.1 200 X\r\n\r\n"[..], &vec![b'x'; MOST + 1]].concat())
            }
            "/empty" => Says::page("text/plain", b""),
            "/loop" => Says::redirect("/loop"),
            "/plain" => Says::redirect("http://example.com/"),
            "/nowhere" => Says::status(302, "", b""),
            "/cut" => Says::Raw(b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nx".to_vec()),
            "/garbage" => Says::Raw(b"SSH-2.0-x\r\n".to_vec()),
            "/robot" => Says::status(503, "cf-mitigated: challenge\r\n", b"prove it"),
            other => Says::status(other.trim_start_matches('/').parse().unwrap(), "", b"?"),
        }
    })
    .await;
    let fetcher = fetcher(&server, Names::default());
    for (path, bytes) in [
        ("/ok", b"fine".to_vec()),
        ("/gzip", b"fine".to_vec()),
        ("/203", b"?".to_vec()),
        ("/most", vec![b'x'; MOST]),
    ] {
        let fetched = get(&fetcher, &server.url(path)).await.unwrap();
        assert_eq!(fetched.bytes, bytes, "{path}");
    }
    let file = get(&fetcher, &server.url("/file")).await.unwrap();
    assert!(
        file.bytes.starts_with(&[0x1f, 0x8b]),
        "a file stays what it is"
    );
    use FailureKind as Kind;
    for (path, kind, word) in [
        ("/bomb", Kind::TooLarge, "2097152"),
        ("/more", Kind::TooLarge, "2097152"),
        ("/endless", Kind::TooLarge, "2097152"),
        ("/br", Kind::Unreadable, "'br'"),
        ("/empty", Kind::Empty, "0 bytes"),
        ("/loop", Kind::NotFound, "5 times"),
        ("/nowhere", Kind::NotFound, "redirects"),
        ("/plain", Kind::Refused, "not https"),
        ("/cut", Kind::Unreachable, "broke off"),
        ("/garbage", Kind::Unreachable, "broke off"),
        ("/robot", Kind::Wall, "person"),
        ("/401", Kind::Wall, "login"),
        ("/403", Kind::Wall, "login"),
        ("/404", Kind::NotFound, "404"),
        ("/206", Kind::NotFound, "206"),
        ("/429", Kind::Unreachable, "429"),
        ("/500", Kind::Unreachable, "500"),
    ] {
        let failure = get(&fetcher, &server.url(path)).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{path}: {failure}");
        assert!(failure.reason.contains(word), "{path}: {failure}");
    }
}

#[tokio::test]
async fn a_slow_drip_ends_with_its_time() {
    let server = Server::https(|path| {
        Says::Drip(match path {
            "/head" => b"HTTP/1.1 200 X\r\nA: ".to_vec(),
            _ => b"HTTP/1.1 200 X\r\nContent-Length: 2000000\r\n\r\n".to_vec(),
        })
    })
    .await;
    let config = SourcesConfig {
        timeout_ms: 300,
        ..config()
    };
    let fetcher = Fetcher::with_client(&config, server.client(Names::default())).unwrap();
    for path in ["/head", "/body"] {
        let began = Instant::now();
        let failure = get(&fetcher, &server.url(path)).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unreachable);
        assert!(failure.reason.contains("300 ms"), "{failure}");
        assert!(
            began.elapsed().as_secs() < 20,
            "the server would go on for ever"
        );
    }
}

#[tokio::test]
async fn an_attachment_is_taken_from_whoever_has_the_right_bytes() {
    let document = b"The hall is blue.";
    let gateway = Server::http(|path| match path {
        path if path.starts_with("/wrong/") => Says::page("text/plain", b"The hall is green"),
        path if path.starts_with("/long/") => Says::page("text/plain", &vec![b'x'; 4096]),
        path if path.ends_with(&hex::encode(blake2(document))) => Says::page("image/png", document),
        _ => Says::status(404, "", b""),
    })
    .await;
    let pages = Server::https(|_| Says::page("text/html", document)).await;
    let with = |paths: &[&str]| {
        let gateways = paths.iter().map(|path| gateway.url(path)).collect();
        let config = SourcesConfig {
            gateways,
            ..config()
        };
        Fetcher::with_client(&config, pages.client(Names::default())).unwrap()
    };
    let uri = pages.url("/hall.txt");
    for (gateways, uri, from) in [
        (&["/a/{digest}"][..], "", "/a/0x"),
        (
            &["/wrong/{digest}", "/long/{digest}", "/a/{digest}"],
            "",
            "/a/0x",
        ),
        (&["/wrong/{digest}"], uri.as_str(), "/hall.txt"),
        (&[], &uri, "/hall.txt"),
    ] {
        let fetched = with(gateways)
            .fetch(&attachment(document, uri))
            .await
            .unwrap();
        assert_eq!(fetched.bytes, document);
        // What the terms say counts, not what a server says.
        assert_eq!(fetched.media, "text/plain");
        assert!(fetched.url.unwrap().contains(from));
    }
    use FailureKind as Kind;
    let other = b"Another document.";
    for (gateways, uri, kind, word) in [
        (&[][..], "", Kind::NotFound, "sources.gateways"),
        (&["/a/{digest}"], "", Kind::NotFound, "404"),
        (
            &["/wrong/{digest}"],
            "",
            Kind::WrongDigest,
            "17 bytes hash to 0x",
        ),
        (&["/long/{digest}"], "", Kind::TooLarge, "more than 17"),
        (&[], uri.as_str(), Kind::WrongDigest, "17 bytes hash to 0x"),
        (&["/a/{digest}"], "ipfs://x", Kind::NotFound, "not https"),
        (
            &["/a/{digest}"],
            "https://10.0.0.1/",
            Kind::NotFound,
            "not public",
        ),
    ] {
        let failure = with(gateways)
            .fetch(&attachment(other, uri))
            .await
            .unwrap_err();
        assert_eq!(failure.kind, kind, "{gateways:?} {uri}: {failure}");
        assert!(failure.reason.contains(word), "{failure}");
    }
    let Source::Attachment {
        digest, media, uri, ..
    } = attachment(document, "")
    else {
        unreachable!("it is one");
    };
    let bytes = 99;
    let longer = Source::Attachment {
        digest,
        bytes,
        media,
        uri,
    };
    let failure = with(&["/a/{digest}"]).fetch(&longer).await.unwrap_err();
    assert_eq!(failure.kind, Kind::WrongLength);
    assert!(
        failure
            .reason
            .contains("17 bytes, and the question says 99"),
        "{failure}"
    );
}

#[tokio::test]
async fn what_is_held_here_is_taken_first_and_only_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let held = HeldAttachments::new(folder.path().join("attachments"));
    let digest = held.hold(b"held").unwrap();
    assert_eq!(held.get(&digest).unwrap().unwrap(), b"held");
    assert_eq!(held.get(&[0; 32]).unwrap(), None);
    let pages = Server::https(|_| Says::page("text/plain", b"held")).await;
    let config = SourcesConfig {
        folder: Some(held.folder().to_owned()),
        ..config()
    };
    let fetcher = Fetcher::with_client(&config, pages.client(Names::default())).unwrap();
    let source = attachment(b"held", &pages.url("/"));
    let fetched = fetcher.fetch(&source).await.unwrap();
    assert_eq!((fetched.url, pages.requests()), (None, 0));
    // A file that somebody has changed is not what the digest names.
    fs::write(held.folder().join(hex::encode(digest)), b"hold").unwrap();
    assert!(held.get(&digest).is_err());
    let fetched = fetcher.fetch(&source).await.unwrap();
    assert_eq!(fetched.bytes, b"held");
    assert_eq!(pages.requests(), 1);
    for length in [0, MOST + 1] {
        let error = held.hold(&vec![0; length]).unwrap_err().to_string();
        assert!(error.contains(&length.to_string()), "{error}");
    }
    assert!(held.hold(&vec![0; MOST]).is_ok());
}
