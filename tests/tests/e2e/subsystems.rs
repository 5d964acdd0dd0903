//! Parts that fail, and the others that go on.

use llm_oracle_chain::ChainApi as _;
use llm_oracle_primitives::AnswerKind;
use llm_oracle_tests::{
    eventually,
    model_server::{self, ModelServer, Says},
    process::{Model, Setup},
    questions::{question, yes_or_no},
    report, History, Proxy, Wire, World,
};
use std::{
    io::Write,
    net::{TcpListener, TcpStream},
};

const NAME: &str = "one_subsystem_error_stops_no_other";
/// What is left to an operator, less the fee for giving the rest away, planck: above the existential
/// deposit, and too little for a call.
const POCKET: u128 = 2_000_000_000;

async fn settle(world: &World, ids: &mut Vec<u64>, times: usize) {
    let first = ids.len();
    for _ in 0..times {
        ids.push(world.ask(&yes_or_no(3)).await);
    }
    for id in &ids[first..] {
        world.ended_for_good(*id).await;
    }
}

/// The port of `[ops]` is another's, the log can't be written, and one operator can't pay.
async fn port_log_and_purse(world: &World, setup: &Setup, port: TcpListener, ids: &mut Vec<u64>) {
    let poor = &world.operators[0];
    let balance = world.chain().free_balance(&poor.account).await.unwrap();
    let (owner, most) = (&world.owner.account, balance - POCKET);
    let sent = world.chain().transfer(&poor.pair, owner, most).await;
    sent.unwrap();
    let mut relayer = setup.run_by(r#"exec "$@" >/dev/full 2>&1"#);
    // Each of the three is the first carrier of one of them.
    settle(world, ids, 3).await;
    assert!(setup.listens_at().is_none(), "the port is not its own");
    drop(port);
    let address = eventually("port of its own", || async { setup.listens_at() }).await;
    // More idle and mad connections than it takes.
    let connect = |n| {
        let mut stream = TcpStream::connect(&address).unwrap();
        if n % 2 == 0 {
            // It may have been closed already.
            let _ = stream.write_all(&[0xff; 9_000]);
        }
        stream
    };
    let flood: Vec<_> = (0..200).map(connect).collect();
    settle(world, ids, 1).await;
    drop(flood);
    assert!(relayer.runs(), "the relayer ended");
    relayer.terminate();
    assert_eq!(relayer.end().await.code(), Some(0));
}

/// The model's server dies between commit and reveal.
async fn provider(world: &World, ids: &mut Vec<u64>) -> usize {
    let server = ModelServer::start(|_, _| Says::Text("yes")).await;
    let line = Proxy::to(&server.address()).await;
    let model = Model::Toml(model_server::settings(&line.address(), 1_000));
    let setup = Setup::new(world, "with-server", &world.keys(), &model);
    let mut relayer = setup.run();
    // The fourth seat stays empty, so the commits wait for their deadline.
    let mut terms = question("before", AnswerKind::Bool, 4);
    terms.commit_blocks = 40;
    let committed = world.ask(&terms).await;
    world.committed(committed, 3).await;
    line.set(Wire::Cut);
    let waiting = world.ask(&question("after", AnswerKind::Bool, 3)).await;
    let before = line.cuts();
    eventually("question in vain", || async {
        (line.cuts() > before).then_some(())
    })
    .await;
    let deadline = world.view(committed).await.summary.commit_deadline;
    world.mine_past(deadline).await;
    world.ended(committed).await;
    assert_eq!(world.view(waiting).await.summary.committed, 0);
    line.set(Wire::Open);
    world.ended(waiting).await;
    assert!(relayer.runs(), "the relayer ended");
    ids.extend([committed, waiting]);
    server.requests()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_subsystem_error_stops_no_other() {
    let world = World::alone(3).await;
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let listen = format!("listen = '{}'", port.local_addr().unwrap());
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"))
        .rewritten("listen = '127.0.0.1:0'", &listen);
    let mut ids = Vec::new();
    port_log_and_purse(&world, &setup, port, &mut ids).await;
    let requests = provider(&world, &mut ids).await;
    let counts = History::once_each_in_all(&world, &ids, NAME).await;
    report(
        NAME,
        &format!("a taken port, 200 mad connections, a full log, an empty purse, a dead provider ({requests} requests to it); {counts}"),
    );
}
