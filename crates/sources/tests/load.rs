//! Whole questions: what the model is shown, what the evidence says, and when nobody is asked.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

mod common;

use common::{Names, Says, Server};
use llm_oracle_primitives::{digest::blake2, Reason, Source};
use llm_oracle_sources::{
    attachments::HeldAttachments, fetch::Fetcher, passages::RULE, reader::DocumentReader,
    FailureKind, LoadedSources, SourceLoader, SourceQuestion, SourceRecord, SourcesConfig,
};
use std::collections::BTreeSet;

const LOGIN: &str = "<html><form>Please log in <input name=p type=\"password\"></form></html>";

struct Setting {
    server: Server,
    held: HeldAttachments,
    loader: SourceLoader,
    _folder: tempfile::TempDir,
}

impl Setting {
    async fn new() -> Self {
        let server = Server::https(|path| match path {
            "/hall" => Says::page(
                "text/html; charset=utf-8",
                b"<h1>Hall</h1><p>It is blue.</p>",
            ),
            "/moved" => Says::redirect("/hall"),
            "/login" => Says::page("text/html", LOGIN.as_bytes()),
            "/long" => {
                let mut text = "Nothing of note was said that day.\n\n".repeat(20_000);
                text.push_str("The turbine went to Norway in 1987.");
                Says::page("text/plain", text.as_bytes())
            }
            "/image" => Says::page("image/png", b"\x89PNG"),
            "/empty" => Says::page("text/plain", b""),
            "/busy" => Says::status(503, "", b""),
            _ => Says::status(404, "", b""),
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let held = HeldAttachments::new(folder.path());
        let config = SourcesConfig {
            folder: Some(folder.path().to_owned()),
            opened_networks: vec![format!("{}/32", common::PUBLIC)],
            ..SourcesConfig::default()
        };
        let fetcher = Fetcher::with_client(&config, server.client(Names::default())).unwrap();
        let reader = DocumentReader::new(env!("CARGO_BIN_EXE_llm-oracle-reader"), &[]);
        let loader = SourceLoader::with_fetcher(&config, fetcher, reader);
        Self {
            server,
            held,
            loader,
            _folder: folder,
        }
    }

    fn page(&self, path: &str, must: bool) -> Source {
        let url = self.server.url(path).into_bytes();
        Source::Page { url, must }
    }

    fn attachment(&self, bytes: &[u8], media: &str) -> Source {
        Source::Attachment {
            digest: self.held.hold(bytes).unwrap(),
            bytes: u32::try_from(bytes.len()).unwrap(),
            media: media.into(),
            uri: Vec::new(),
        }
    }

    async fn load(&self, sources: &[Source]) -> LoadedSources {
        let question = SourceQuestion {
            prompt: "Where did the turbine go?",
            sources,
            seen_ms: 0,
        };
        self.loader.load(&question).await.unwrap()
    }
}

#[tokio::test]
async fn a_question_gets_its_sources_and_the_evidence_what_was_done() {
    let setting = Setting::new().await;
    let csv = b"machine,place\nturbine,Norway\n";
    let sources = [
        setting.attachment(csv, "text/csv"),
        setting.page("/moved", true),
        setting.page("/long", true),
        setting.page("/gone", false),
    ];
    let loaded = setting.load(&sources).await;
    assert_eq!((loaded.abstention, loaded.is_transient), (None, false));
    for shown in [
        "The question was first seen on Thu, 01 Jan 1970.",
        "turbine\tNorway",
        "It is blue.",
        "The turbine went to Norway in 1987.",
        "bytes left out",
        "it is missing: nobody has it",
    ] {
        assert!(loaded.prompt.contains(shown), "{shown}");
    }
    assert!(loaded.prompt.ends_with("\nWhere did the turbine go?"));
    assert!(loaded.prompt.len() < 20 * 1024, "{}", loaded.prompt.len());

    let [attachment, moved, long, gone] = loaded.records.as_slice() else {
        unreachable!("four sources");
    };
    let document = attachment.document.clone().unwrap();
    assert_eq!(document.digest, attachment.named);
    assert_eq!((document.url, document.bytes), (None, csv.len()));
    let document = moved.document.clone().unwrap();
    assert!(
        document.url.unwrap().ends_with("/hall"),
        "after the redirect"
    );
    assert!(moved.named.ends_with("/moved"));
    assert!(moved.fetched_at_ms > 1_700_000_000_000);
    let text = long.text.clone().unwrap();
    assert_eq!(
        (text.extractor.as_str(), text.rule.as_str()),
        ("text/1", RULE)
    );
    // A quote is looked up by its place in the text.
    let whole = "Nothing of note was said that day.\n\n".repeat(20_000)
        + "The turbine went to Norway in 1987.";
    assert_eq!(
        text.digest,
        format!("0x{}", hex::encode(blake2(whole.as_bytes())))
    );
    let last = text.passages.last().unwrap().of(&whole).unwrap();
    assert!(last.ends_with("Norway in 1987."), "{last}");
    let failure = gone.failure.clone().unwrap();
    assert_eq!((failure.kind, gone.must), (FailureKind::NotFound, false));

    let json = serde_json::to_string(&loaded.records).unwrap();
    let again: Vec<SourceRecord> = serde_json::from_str(&json).unwrap();
    assert_eq!(again, loaded.records);
    assert_eq!(setting.load(&sources).await.prompt, loaded.prompt);
}

#[tokio::test]
async fn each_kind_of_bad_input_is_a_reason_and_loses_nothing() {
    let setting = Setting::new().await;
    let (bad, missing) = (Some(Reason::BadInput), Some(Reason::SourceMissing));
    let page = |path: &str| setting.page(path, true);
    let inside = Source::Page {
        url: b"https://169.254.169.254/latest/meta-data/".to_vec(),
        must: true,
    };
    let nobody = Source::Attachment {
        digest: [9; 32],
        bytes: 3,
        media: b"text/plain".to_vec(),
        uri: Vec::new(),
    };
    let mut reasons = BTreeSet::new();
    for (source, abstention, is_transient, word) in [
        (page("/gone"), missing, false, "404"),
        (page("/login"), missing, false, "login"),
        (page("/image"), missing, false, "'image/png'"),
        (page("/empty"), missing, false, "0 bytes"),
        (page("/busy"), missing, true, "503"),
        (setting.page("/busy", false), None, false, "503"),
        (inside, bad, false, "not public"),
        (nobody, missing, false, "sources.gateways"),
        (
            setting.attachment(b"%PDF-1.4 broken", "application/pdf"),
            bad,
            false,
            "broken",
        ),
        (
            setting.attachment(b"PK", "application/zip"),
            bad,
            false,
            "'application/zip'",
        ),
        (
            setting.attachment(b"\n", "text/plain"),
            bad,
            false,
            "no text",
        ),
        (
            setting.attachment(b"{", "application/json"),
            bad,
            false,
            "no JSON",
        ),
    ] {
        let loaded = setting.load(&[setting.page("/hall", true), source]).await;
        let failure = loaded.records[1].failure.clone().unwrap();
        assert_eq!(loaded.abstention, abstention, "{failure}");
        assert_eq!(loaded.is_transient, is_transient, "{failure}");
        assert!(failure.reason.contains(word), "{failure}");
        // The other source is there, and the question.
        assert!(loaded.prompt.contains("It is blue."));
        assert!(loaded.records[0].failure.is_none());
        reasons.insert(failure.reason);
    }
    assert_eq!(reasons.len(), 11, "each says something of its own");
    // What is broken for everybody comes first, so that relayers agree.
    let broken = setting.attachment(b"{", "application/json");
    let loaded = setting.load(&[page("/busy"), broken]).await;
    assert_eq!((loaded.abstention, loaded.is_transient), (bad, false));
}
