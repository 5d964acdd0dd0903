//! Addresses in everything that strangers and servers say, and a record of whom the relayer speaks to.

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
/// Ways to write an address that nobody outside may make a relayer speak to.
#[rustfmt::skip]
const HOSTS: [&str; 66] = [
    // This machine, plain and in every way that some parser reads as it.
    "127.0.0.1", "127.0.0.2", "127.255.255.254", "127.1", "127.0.1", "2130706433", "0x7f000001",
    "0x7f.0.0.1", "0x7f.1", "017700000001", "0177.0.0.1", "0177.1", "127.0.0.01", "00127.0.0.1",
    "4294967297", "0", "0.0.0.0", "0x0", "localhost", "LOCALHOST", "localhost.", "a.localhost",
    "127.0.0.1.", "１２７.０.０.１", "①②⑦.⓪.⓪.①", "127。0。0。1", "%31%32%37.0.0.1", "127.0.0.1%00.example.com",
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::127.0.0.1]", "[::ffff:0:127.0.0.1]",
    // 6to4, NAT64 (both prefixes), Teredo, ISATAP.
    "[2002:7f00:1::]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2001:0:7f00:1::80ff:fffe]",
    "[fe80::5efe:127.0.0.1]", "[2001:db8::5efe:127.0.0.1]",
    // Clouds' metadata.
    "169.254.169.254", "2852039166", "0xa9fea9fe", "[::ffff:169.254.169.254]", "[fd00:ec2::254]",
    "metadata.google.internal", "100.100.100.200",
    // Private, shared, benchmark, reserved, many receivers, documentation.
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "198.18.0.1",
    "192.0.0.8", "192.0.2.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "[fe80::1%25lo]", "[fc00::1]",
    "[ff02::1]", "[fec0::1]", "[2001:db8::1]",
    // A name that may mean one thing now and another one in a moment, or many at once.
    "rebind.example.com",
];

/// How a host stands in an address.
const SHAPES: [&str; 5] = [
    "http://{host}:{port}/",
    "https://{host}:{port}/v1/chat/completions?x=http://{host}:{port}/",
    "http://public.example.com@{host}:{port}/",
    "//{host}:{port}\\@public.example.com/",
    "ws://{host}:{port}/#@public.example.com",
];
/// Addresses of other kinds.
const OTHERS: [&str; 10] = [
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "gopher://127.0.0.1:{port}/_GET%20/",
    "dict://127.0.0.1:{port}/",
    "ftp://127.0.0.1:{port}/a",
    "ldap://127.0.0.1:{port}/a",
    "tftp://127.0.0.1:{port}/a",
    "jar:http://127.0.0.1:{port}/!/",
    "data:text/plain,yes",
    "unix:///var/run/docker.sock",
];
const REDIRECTS: [u16; 6] = [301, 302, 303, 307, 308, 300];
/// A question whose answer is an address.
const SAY: &str = "Say an address.";

fn corpus(port: u16) -> Vec<&'static str> {
    let port = port.to_string();
    let with_hosts = HOSTS.iter().flat_map(|host| {
        let fill = |shape: &&str| shape.replace("{host}", host);
        SHAPES.iter().map(fill).collect::<Vec<_>>()
    });
    let others = OTHERS.iter().map(|other| (*other).to_owned());
    let all = with_hosts.chain(others);
    // As long as the test: a server's script has no shorter life.
    all.map(|text| &*text.replace("{port}", &port).leak())
        .collect()
}

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
