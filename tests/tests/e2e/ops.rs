//! A relayer as its operator sees it: status, health, metrics, signals, systemd.

use llm_oracle_store::JobState;
use llm_oracle_tests::{
    eventually,
    process::{Model, Setup},
    questions::yes_or_no,
    Cli, World,
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixDatagram,
    time::Duration,
};

/// Body of a GET, with its status line.
pub(crate) fn get(address: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

async fn status(world: &World, setup: &Setup) -> Cli {
    let config = setup.config();
    let arguments = ["relayer", "status", "--json", "--config"];
    let arguments = [&arguments[..], &[config.to_str().unwrap()]].concat();
    Cli::run(world.folder.path(), &arguments).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_relayer_tells_how_it_is() {
    let world = World::new(1).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    status(&world, &setup).await.refused(13, &["no relayer at"]);
    let mut relayer = setup.run();
    let address = eventually("listening relayer", || async { setup.listens_at() }).await;
    let id = world.ask(&yes_or_no(1)).await;
    world.ended(id).await;
    let told = eventually("settled answer in the status", || async {
        let told = status(&world, &setup).await;
        let ended = told.stdout.contains("\"state\":\"ended\"");
        ended.then_some(told)
    })
    .await
    .json(0);
    assert_eq!(told["ready"]["ok"], true, "{told}");
    assert_eq!(told["operators"][0]["eligible"], true, "{told}");
    assert_eq!(told["store"]["jobs"]["ended"], 1, "{told}");
    for path in ["/livez", "/readyz"] {
        assert_eq!(get(&address, path).0, "HTTP/1.1 200 OK", "{path}");
    }
    let (_, metrics) = get(&address, "/metrics");
    for line in [
        "llm_oracle_answers_total{kind=\"answer\"} 1",
        "llm_oracle_jobs{state=\"ended\"} 1",
        "llm_oracle_connected 1",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line}: {metrics}"
        );
    }
    relayer.terminate();
    assert_eq!(relayer.end().await.code(), Some(0));
    assert_eq!(setup.listens_at(), None, "its address is taken back");
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_is_public_under_its_digest_on_chain() {
    let world = World::new(1).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("no"));
    let _relayer = setup.run();
    let id = world.ask(&yes_or_no(1)).await;
    let seat = world.ended(id).await.seats.remove(0);
    let address = eventually("listening relayer", || async { setup.listens_at() }).await;
    let path = format!(
        "/evidence/{}",
        llm_oracle_support::address::hex0x(&seat.evidence)
    );
    let document = eventually("published evidence", || async {
        let (head, body) = get(&address, &path);
        (head == "HTTP/1.1 200 OK").then_some(body)
    })
    .await;
    let salt = seat.salt.expect("it is revealed");
    let digest = llm_oracle_primitives::digest::evidence(&salt, document.as_bytes());
    assert_eq!(digest, seat.evidence);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_relayer_keeps_the_answer_that_is_on_its_way() {
    let world = World::new(1).await;
    let model = Model::Toml("provider = 'scripted'\nanswer = 'yes'\ndelay_ms = 2000\n".to_owned());
    let setup = Setup::new(&world, "relayer", &world.keys(), &model);
    let mut relayer = setup.run();
    let id = world.ask(&yes_or_no(1)).await;
    let address = eventually("listening relayer", || async { setup.listens_at() }).await;
    eventually("question under way", || async {
        get(&address, "/status")
            .1
            .contains("\"pending_model_requests\":1")
            .then_some(())
    })
    .await;
    relayer.terminate();
    assert_eq!(relayer.end().await.code(), Some(0));
    let operator: &[u8; 32] = world.operators[0].account.as_ref();
    let job = setup
        .store()
        .job(id, operator)
        .unwrap()
        .expect("the answer is kept");
    assert_eq!(job.state, JobState::Answered);
    assert_eq!(
        world.view(id).await.summary.committed,
        0,
        "nothing new was sent"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_relayer_takes_no_seat_reveals_what_it_has_and_ends() {
    let world = World::new(3).await;
    let setup = Setup::new(&world, "relayer", &world.keys()[..2], &Model::Says("yes"));
    let mut relayer = setup.run();
    // The third seat stays free, so the reveals wait for the commit deadline.
    let id = world.ask(&yes_or_no(3)).await;
    eventually("seats", || async {
        (world.view(id).await.summary.committed == 2).then_some(())
    })
    .await;
    let config = setup.config();
    let drain = ["relayer", "drain", "--json", "--config"];
    let drain = [&drain[..], &[config.to_str().unwrap()]].concat();
    let told = Cli::run(world.folder.path(), &drain).await.json(0);
    assert_eq!(told["draining"], true, "{told}");
    eventually("drain in its status", || async {
        let told = status(&world, &setup).await;
        told.stdout.contains("\"draining\":true").then_some(())
    })
    .await;
    let later = world.ask(&yes_or_no(1)).await;
    world
        .mine_past(world.view(id).await.summary.commit_deadline)
        .await;
    assert_eq!(relayer.end().await.code(), Some(0));
    let view = world.ended(id).await;
    assert_eq!(view.summary.revealed, 2, "{view:?}");
    assert_eq!(world.view(later).await.summary.committed, 0);
    // The order outlives a restart, and is taken back.
    let mut again = setup.run();
    assert_eq!(again.end().await.code(), Some(0));
    let undo = [&drain[..], &["--undo"]].concat();
    Cli::run(world.folder.path(), &undo).await.json(0);
    let mut back = setup.run();
    let taken = world.ask(&yes_or_no(1)).await;
    world.ended(taken).await;
    assert!(back.runs());
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_hears_ready_watchdog_and_stopping() {
    let world = World::new(1).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let path = world.folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let variables = [
        ("NOTIFY_SOCKET", path.to_str().unwrap()),
        ("WATCHDOG_USEC", "200000"),
    ];
    let mut relayer = setup.run_with(&variables, &[]);
    let wait_for = |wanted: &str| {
        let mut buffer = [0; 4096];
        loop {
            let length = socket.recv(&mut buffer).expect("a message");
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.lines().any(|line| line == wanted) {
                return;
            }
        }
    };
    for wanted in ["READY=1", "WATCHDOG=1", "WATCHDOG=1"] {
        wait_for(wanted);
    }
    relayer.terminate();
    wait_for("STOPPING=1");
    assert_eq!(relayer.end().await.code(), Some(0));
}

/// Runs `verify` without a store, so that evidence comes from where the arguments say.
async fn verify(world: &World, id: u64, arguments: &[&str]) -> Cli {
    let id = id.to_string();
    world
        .cli(&[&["verify", &id, "--json"], arguments].concat())
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_holds_on_chain_and_evidence_alone_and_finds_an_altered_byte() {
    let world = World::new(2).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let mut relayer = setup.run();
    let id = world.ask(&yes_or_no(2)).await;
    world.ended(id).await;
    let address = eventually("listening relayer", || async { setup.listens_at() }).await;
    let from = format!("http://{address}");
    let held = eventually("served evidence of a final end", || async {
        let told = verify(&world, id, &["--from", &from]).await;
        let whole = told.stdout.contains("consistent") && !told.stdout.contains("not ended");
        (told.code == 0 && whole).then_some(told)
    })
    .await
    .json(0);
    assert_eq!(held["valid"], true, "{held}");
    assert_eq!(held["seats"][1]["verdict"], "consistent", "{held}");
    let bare = verify(&world, id, &[]).await.json(16);
    assert_eq!(bare["seats"][0]["verdict"], "not_checked", "{bare}");
    assert_eq!(
        bare["valid"], true,
        "what the chain has is in order: {bare}"
    );
    let nowhere = verify(&world, id, &["--evidence", "nowhere"]).await;
    nowhere.refused(2, &["nowhere"]);
    relayer.terminate();
    relayer.end().await;
    let folder = world.folder.path().join("evidence");
    let (config, out) = (setup.config(), folder.to_str().unwrap());
    let export = [
        "evidence",
        "export",
        "--json",
        "--out",
        out,
        "--config",
        config.to_str().unwrap(),
    ];
    let exported = Cli::run(world.folder.path(), &export).await.json(0);
    assert_eq!(
        exported["exported"].as_array().unwrap().len(),
        2,
        "{exported}"
    );
    verify(&world, id, &["--evidence", out]).await.json(0);
    let file = exported["exported"][0]["file"].as_str().unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, text.replace("\"scripted\"", "\"scribbled\"")).unwrap();
    let found = verify(&world, id, &["--evidence", out]).await.json(14);
    assert_eq!(found["valid"], false, "{found}");
    assert_eq!(
        found["errors"],
        serde_json::json!([]),
        "tally and payments stand: {found}"
    );
    let verdicts: Vec<_> = [0, 1]
        .map(|seat| found["seats"][seat]["verdict"].clone())
        .into();
    assert!(verdicts.contains(&"invalid".into()) && verdicts.contains(&"consistent".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_answer_is_reproduced() {
    let world = World::new(1).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Local);
    let mut relayer = setup.run();
    let id = world.ask(&yes_or_no(1)).await;
    world.ended(id).await;
    let operator: &[u8; 32] = world.operators[0].account.as_ref();
    eventually("finalized end", || async {
        let address = setup.listens_at()?;
        get(&address, "/status")
            .1
            .contains("\"state\":\"ended\"")
            .then_some(())
    })
    .await;
    relayer.terminate();
    relayer.end().await;
    let config = setup.config();
    let id = id.to_string();
    let arguments = [
        "verify",
        &id,
        "--json",
        "--config",
        config.to_str().unwrap(),
    ];
    let told = Cli::run(world.folder.path(), &arguments).await.json(0);
    assert_eq!(told["seats"][0]["verdict"], "reproduced", "{told}");
    assert_eq!(
        setup.store().jobs(1).unwrap()[0].answered.operator,
        *operator
    );
}
