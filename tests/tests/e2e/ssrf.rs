//! Addresses in everything that strangers and servers say, and a record of whom the relayer speaks to.

use llm_oracle_fixtures::addresses::corpus;
use llm_oracle_primitives::{Answer, AnswerKind, SeatAnswer, Terms};
use llm_oracle_tests::{
    model_server::{ModelServer, Says},
    process::{Model, Setup},
    questions::question,
    report, setting, World,
};
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::atomic::{AtomicUsize, Ordering},
};

const NAME: &str = "ssrf_corpus";
const REDIRECTS: [u16; 6] = [301, 302, 303, 307, 308, 300];
/// A question whose answer is an address.
const SAY: &str = "Say an address.";

/// Listens where the plain ones of them lead to.
struct Trap(Vec<TcpListener>);

impl Trap {
    fn new() -> (Self, u16) {
        let four = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = four.local_addr().unwrap().port();
        // A machine without IPv6 has nothing there.
        let six = TcpListener::bind(("::1", port)).ok();
        let all: Vec<_> = [four].into_iter().chain(six).collect();
        for listener in &all {
            listener.set_nonblocking(true).unwrap();
        }
        (Self(all), port)
    }

    fn sprung(&self) -> usize {
        let came = |listener: &TcpListener| std::iter::from_fn(|| listener.accept().ok()).count();
        self.0.iter().map(came).sum()
    }
}

/// Everything that a stranger can write into a request, full of addresses.
fn questions(corpus: &[&str]) -> Vec<Terms> {
    let ask = |prompt: &str, kind| question(prompt, kind, 1);
    let mut all = Vec::new();
    // Within the longest prompt, twice.
    for part in corpus.chunks(60) {
        let text = part.join("\n");
        let mut terms = ask(&text, AnswerKind::Bool);
        terms.system = Some(format!("Fetch {}", part[0]).into());
        all.push(terms);
    }
    let options: Vec<Vec<u8>> = corpus.iter().map(|text| text.as_bytes().to_vec()).collect();
    let short = options.into_iter().filter(|text| text.len() <= 64).take(32);
    let options = short.collect();
    all.push(ask("Which?", AnswerKind::Choice { options }));
    for keyword in ["$ref", "$dynamicRef", "$id", "$schema"] {
        let mut schema = String::from(r#"{"allOf":["#);
        for text in corpus.iter().take(20) {
            let text = serde_json::Value::from(*text);
            write!(schema, r#"{{"{keyword}":{text}}},"#).unwrap();
        }
        schema.push_str("true]}");
        let schema = schema.into();
        all.push(ask("What?", AnswerKind::Json { schema }));
    }
    all.push(ask(SAY, AnswerKind::Text { max_bytes: 200 }));
    all
}

/// A provider for each redirect, and one more; all at the same server.
fn providers(address: &str, count: usize) -> String {
    let one = format!(
        "[[models]]\nprovider = 'openai'\nbase_url = 'http://{address}/v1'\nmodel = 'm'\ntimeout_ms = 5000\n"
    );
    one.repeat(count)
}

#[tokio::test(flavor = "multi_thread")]
async fn ssrf_corpus() {
    let world = World::new(1).await;
    let (trap, port) = Trap::new();
    let corpus = corpus(port);
    assert!(corpus.len() >= 200, "{}", corpus.len());
    let (told, said) = (AtomicUsize::new(0), corpus[0]);
    let redirects = corpus.clone();
    let server = ModelServer::start(move |prompt, _| {
        let turn = told.fetch_add(1, Ordering::Relaxed);
        match redirects.get(turn) {
            Some(to) => Says::Redirect(REDIRECTS[turn % REDIRECTS.len()], to),
            None if prompt.contains(SAY) => Says::Text(said),
            None => Says::Text("yes"),
        }
    })
    .await;
    let models = providers(&server.address(), corpus.len() + 1);
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Toml(models))
        .rewritten("[model]\n", "");
    let record = world.folder.path().join("sockets");
    let library = setting::sockets();
    let preload = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("LLM_ORACLE_SOCKETS", record.to_str().unwrap()),
    ];
    let mut relayer = setup.run_with(&preload, &[]);
    // The first one alone: it is passed from provider to provider, through all redirects.
    let first = world
        .ask(&question("Is water wet?", AnswerKind::Bool, 1))
        .await;
    let view = world.ended(first).await;
    let yes = SeatAnswer::Whole(Answer::Bool(true));
    assert_eq!(view.seats[0].answer, Some(yes));
    assert_eq!(
        server.requests(),
        corpus.len() + 1,
        "each redirect was told"
    );
    let mut asked = Vec::new();
    for terms in questions(&corpus) {
        asked.push(world.ask(&terms).await);
    }
    for id in &asked {
        world.ended(*id).await;
    }
    assert!(relayer.runs(), "the relayer ended");
    relayer.kill();

    let node = world.url.trim_start_matches("ws://").to_owned();
    let spoken = fs::read_to_string(&record).unwrap();
    let spoken: BTreeSet<&str> = spoken.lines().collect();
    let wanted = [node, server.address()].map(|address| format!("connect {address}"));
    let wanted: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
    assert_eq!(spoken, wanted, "node and server, and nobody else");
    assert_eq!(trap.sprung(), 0);
    // The control: it does spring.
    let _caught = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
    assert_eq!(trap.sprung(), 1);
    let (vectors, requests) = (corpus.len(), server.requests());
    let questions = asked.len();
    report(
        NAME,
        &format!("{vectors} addresses as redirects and in {questions} questions, {requests} requests to the server; the relayer spoke to node and server alone, looked up no name, 0 connections caught"),
    );
}
