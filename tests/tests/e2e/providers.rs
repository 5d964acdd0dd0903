//! A model's server that is down, slow, broken, over its limits, or says what it should not.

use llm_oracle_primitives::{Answer, AnswerKind, Reason, SeatAnswer, SeatState};
use llm_oracle_tests::{
    eventually,
    model_server::{self, ModelServer, Says},
    process::{Model, Setup},
    questions::question,
    report, History, Proxy, Wire, World,
};

const NAME: &str = "provider_down_loses_nothing";
const YES: Answer = Answer::Bool(true);
/// A server that never gets well again: its question is asked with a short window.
const GONE: &str = "gone";

/// Each prompt, what the server says first, what it says from then on, and the answer that stands.
#[rustfmt::skip]
static PROMPTS: [(&str, &[Says], Says, Answer); 9] = [
    ("rate limited", &[Says::Status(429, Some(1)), Says::Status(429, Some(1))], Says::Text("yes"), YES),
    ("failing", &[Says::Status(500, None), Says::Status(503, None)], Says::Text("yes"), YES),
    ("breaking off", &[Says::Broken], Says::Text("yes"), YES),
    ("talking junk", &[Says::Junk(b"<html>"), Says::Junk(b"\xff\xfe")], Says::Text("yes"), YES),
    ("silent", &[Says::Nothing], Says::Text("yes"), YES),
    ("chatty once", &[Says::Text("I think yes.")], Says::Text("Yes."), YES),
    ("chatty", &[], Says::Text("I think yes."), Answer::Abstain(Reason::Unclear)),
    ("refusing", &[], Says::Refusal, Answer::Abstain(Reason::Refused)),
    ("sorry", &[], Says::Text("I'm sorry, I can't help."), Answer::Abstain(Reason::Refused)),
];

fn script(prompt: &str, before: usize) -> Says {
    let known = PROMPTS.iter().find(|(known, ..)| *known == prompt);
    match known {
        Some((_, first, then, _)) => first.get(before).copied().unwrap_or(*then),
        None => Says::Status(503, None),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn provider_down_loses_nothing() {
    let world = World::alone(1).await;
    let server = ModelServer::start(script).await;
    let line = Proxy::to(&server.address()).await;
    line.set(Wire::Cut);
    let model = Model::Toml(model_server::settings(&line.address(), 700));
    let setup = Setup::new(&world, "relayer", &world.keys(), &model)
        .with_limit("max_concurrent_model_requests = 10");
    let mut relayer = setup.run();
    let mut ids = Vec::new();
    for (prompt, ..) in &PROMPTS {
        ids.push(world.ask(&question(prompt, AnswerKind::Bool, 1)).await);
    }
    let mut terms = question(GONE, AnswerKind::Bool, 1);
    terms.commit_blocks = 80;
    let gone = world.ask(&terms).await;
    // Down at first: nothing listens for what the relayer can tell.
    eventually("vain connection", || async {
        (line.cuts() >= 3).then_some(())
    })
    .await;
    line.set(Wire::Open);
    for (id, (prompt, _, _, answer)) in ids.iter().zip(&PROMPTS) {
        let view = world.ended(*id).await;
        let stands = SeatAnswer::Whole(answer.clone());
        assert_eq!(view.seats[0].answer, Some(stands), "{prompt}");
    }
    world.expire(gone).await;
    let view = world.ended(gone).await;
    // When a later request has ended, the relayer has seen the end of this one.
    let later = world
        .ask(&question(PROMPTS[0].0, AnswerKind::Bool, 1))
        .await;
    world.ended(later).await;
    let taken = view
        .seats
        .iter()
        .filter(|seat| seat.state != SeatState::Vacant);
    assert_eq!(taken.count(), 0, "nothing is made up");
    let counts = History::once_each_in_all(&world, &ids, NAME).await;
    assert!(relayer.runs(), "the relayer ended");
    let said = server.said();
    for (prompt, first, ..) in &PROMPTS {
        assert!(said[*prompt].len() > first.len(), "{prompt}: {said:?}");
    }
    let operator: &[u8; 32] = world.operators[0].account.as_ref();
    relayer.terminate();
    relayer.end().await;
    let reason = setup.store().skipped(gone, operator).unwrap();
    let reason = reason.expect("a reason on record");
    assert!(reason.contains("503"), "{reason}");
    let (cut, requests) = (line.cuts(), server.requests());
    report(
        NAME,
        &format!(
            "{cut} connections in vain, {requests} requests, 1 left out with its reason; {counts}"
        ),
    );
}
