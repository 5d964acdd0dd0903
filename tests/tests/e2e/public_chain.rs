//! A chain that is not ours: blocks of two seconds, final eight behind, an RPC endpoint that is slow and
//! refuses, and strangers that do what they can to keep relayers from their work.

use crate::stranger::{stranger, Stranger};
use llm_oracle_chain::{messages, Chain, ChainApi as _, Event, TxOptions};
use llm_oracle_primitives::{Answer, AnswerKind, Assignment, Balance, Outcome, RequestId, Terms};
use llm_oracle_tests::{
    eventually, is_long,
    process::{Model, Setup},
    public_rpc::Terms as Refusing,
    questions::question,
    report, Key, Node, PublicRpc, Relayer, World, UNIT,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const BLOCK_MS: u64 = 2_000;
const FINAL_BEHIND: u64 = 8;
const ENDPOINT: Refusing = Refusing {
    latency: Duration::from_millis(100),
    refused_one_in: 20,
};
const OPERATORS: u8 = 3;
/// Accounts that ask, and how many questions each.
const REQUESTERS: usize = 10;
const EACH: usize = 20;
/// Blocks of either phase, five minutes.
const WINDOW: u32 = 150;
/// Reward of a seat, planck.
const REWARD: Balance = UNIT / 10;
/// Blocks over which an idle relayer's calls are counted.
const IDLE_BLOCKS: u32 = 30;
/// Transactions of a stranger that get into blocks meanwhile, at least.
const STRANGERS_MIN: u64 = 100;
/// Most calls a minute of an idle relayer.
const IDLE_CALLS_MAX: u64 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn public_chain() {
    let started = || Node::public(BLOCK_MS, FINAL_BEHIND);
    let node = Arc::new(tokio::task::spawn_blocking(started).await.unwrap());
    let world = World::on(node.url(), Some(node.clone()), OPERATORS).await;
    world.bond_more(400 * UNIT).await;
    let requesters: Vec<Key> = (0..REQUESTERS)
        .map(|number| Key::new(format!("{}//{number}", world.requester.suri)))
        .collect();
    world.give(&requesters, 1_000 * UNIT).await;
    let before = wealth(&world).await;
    let fleet = Fleet::start(&world).await;
    fleet.idle(&world).await;

    let spam = tokio::spawn(Stranger::new(&world).await.spam());
    let began = tokio::time::Instant::now();
    let asking = requesters.iter().map(|key| ask_all(&world, key));
    let asked = futures::future::join_all(asking).await;
    for (id, price) in asked.iter().flat_map(|asked| &asked.requests) {
        let view = ended(&world, *id).await;
        let answered = matches!(
            &view.outcome,
            Some(Outcome::Answered {
                answer: Answer::Bool(true),
                ..
            })
        );
        assert!(
            answered,
            "request {id}, asked for {price}: {:?}",
            view.outcome
        );
        assert_eq!(view.summary.revealed, OPERATORS, "seats of request {id}");
    }
    let took = began.elapsed();
    spam.abort();
    let strangers = spam.await;
    assert!(
        strangers.is_err_and(|end| end.is_cancelled()),
        "the stranger gave up"
    );

    let stranger = stranger(&world).account;
    let sent = world.chain().next_nonce(&stranger).await.unwrap();
    report(
        "public_chain",
        &format!("{sent} transactions of a stranger"),
    );
    assert!(sent >= STRANGERS_MIN, "{sent} transactions of a stranger");

    for (key, asked) in requesters.iter().zip(&asked) {
        let now = purse(&world, key).await;
        assert!(now >= asked.left, "{} lost {}", key.suri, asked.left - now);
    }
    for (key, (before, now)) in world
        .operators
        .iter()
        .zip(before.iter().zip(wealth(&world).await))
    {
        assert_eq!(now.forfeited, 0, "{} forfeited", key.suri);
        assert!(
            now.total > before.total,
            "{}: {before:?}, {now:?}",
            key.suri
        );
    }
    fleet.report(&format!(
        "{} requests in {} s",
        REQUESTERS * EACH,
        took.as_secs()
    ));
    let gains: Vec<f64> = before
        .iter()
        .zip(wealth(&world).await)
        .map(|(before, now)| (now.total - before.total) as f64 / UNIT as f64)
        .collect();
    report(
        "public_chain",
        &format!("operators gained {gains:.3?} UNIT"),
    );
}

/// Three relayers, each behind an endpoint of its own.
struct Fleet {
    endpoints: Vec<PublicRpc>,
    relayers: Vec<Relayer>,
}

impl Fleet {
    async fn start(world: &World) -> Self {
        let mut fleet = Self {
            endpoints: Vec::new(),
            relayers: Vec::new(),
        };
        for (number, key) in world.operators.iter().enumerate() {
            let endpoint = PublicRpc::before(&world.url, ENDPOINT).await;
            let setup = Setup::new(
                world,
                &format!("relayer{number}"),
                &[key],
                &Model::Says("yes"),
            );
            let setup = setup
                .rewritten(&world.url, &endpoint.url())
                .rewritten("poll_interval_ms = 500\ntakeover_delay_ms = 1000\n", "")
                .with_limit("max_concurrent_model_requests = 16");
            fleet.relayers.push(setup.run());
            fleet.endpoints.push(endpoint);
        }
        fleet
    }

    /// Counts what they ask a node while nothing is asked of them.
    async fn idle(&self, world: &World) {
        for endpoint in &self.endpoints {
            eventually("a relayer that looks at the chain", || async {
                (!endpoint.calls().is_empty()).then_some(())
            })
            .await;
        }
        // They have found the contract, and its past.
        blocks(world, 10).await;
        let before: Vec<_> = self.endpoints.iter().map(PublicRpc::calls).collect();
        let bytes: Vec<_> = self.endpoints.iter().map(PublicRpc::bytes).collect();
        blocks(world, IDLE_BLOCKS).await;
        let minutes = f64::from(IDLE_BLOCKS) * BLOCK_MS as f64 / 60_000.0;
        for ((endpoint, before), bytes) in self.endpoints.iter().zip(&before).zip(bytes) {
            let made = since(before, &endpoint.calls());
            let calls: u64 = made.values().sum();
            let bytes = (endpoint.bytes() - bytes) / u64::from(IDLE_BLOCKS);
            let a_minute = (calls as f64 / minutes) as u64;
            report(
                "public_chain",
                &format!("idle: {a_minute} calls a minute, {bytes} bytes a block: {made:?}"),
            );
            assert!(a_minute > 0, "a relayer has stopped looking");
            assert!(
                a_minute <= IDLE_CALLS_MAX,
                "{a_minute} calls a minute: {made:?}"
            );
        }
    }

    fn report(&self, what: &str) {
        for endpoint in &self.endpoints {
            let calls = endpoint.calls();
            let sum: u64 = calls.values().sum();
            report(
                "public_chain",
                &format!(
                    "{what}: {sum} calls, {} of them refused, {} bytes{}",
                    endpoint.refused(),
                    endpoint.bytes(),
                    if is_long("public_chain") {
                        format!(": {calls:?}")
                    } else {
                        String::new()
                    },
                ),
            );
        }
    }
}

fn since(before: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let made = now.iter().map(|(method, calls)| {
        (
            method.clone(),
            calls - before.get(method).copied().unwrap_or(0),
        )
    });
    made.filter(|(_, calls)| *calls > 0).collect()
}

/// What a requester asked, and what it had left when all was asked.
struct Asked {
    requests: Vec<(RequestId, Balance)>,
    left: Balance,
}

async fn ask_all(world: &World, key: &Key) -> Asked {
    let chain = Chain::connect(&world.url).await.unwrap();
    let mut requests = Vec::new();
    for number in 0..EACH {
        let prompt = format!("Is question {number} of {} the truth?", key.suri);
        let terms = Terms {
            assignment: Assignment::Named {
                operators: world.accounts(),
            },
            commit_blocks: WINDOW,
            reveal_blocks: WINDOW,
            ..question(&prompt, AnswerKind::Bool, OPERATORS)
        };
        let quote = world.oracle.quote(&terms, REWARD, None).await.unwrap();
        let call = messages::ask(&terms, REWARD, false);
        let options = TxOptions::default();
        let receipt = chain
            .call(
                &key.pair,
                &world.oracle.address,
                quote.total,
                &call,
                options,
            )
            .await
            .unwrap();
        let id = receipt.events.iter().find_map(|event| match event {
            Event::Asked(asked) => Some(asked.request_id),
            _ => None,
        });
        requests.push((id.expect("an event says which request it is"), quote.total));
    }
    let left = purse(world, key).await;
    Asked { requests, left }
}

async fn purse(world: &World, key: &Key) -> Balance {
    let credit = world.oracle.credit_of(&key.account, None).await.unwrap();
    world.chain().free_balance(&key.account).await.unwrap() + credit
}

/// What an operator has.
#[derive(Debug)]
struct Wealth {
    /// On its account, in its bond and its credit, planck.
    total: Balance,
    forfeited: Balance,
}

async fn wealth(world: &World) -> Vec<Wealth> {
    let mut all = Vec::new();
    for key in &world.operators {
        let view = world.oracle.operator(&key.account, None).await.unwrap();
        let view = view.expect("it is registered");
        all.push(Wealth {
            total: purse(world, key).await + view.bond,
            forfeited: view.forfeited,
        });
    }
    all
}

/// Waits for the end of a request, as long as its windows last.
async fn ended(world: &World, id: RequestId) -> llm_oracle_primitives::RequestView {
    loop {
        let view = world.view(id).await;
        let last = view.summary.reveal_deadline;
        if view.summary.settled {
            return view;
        }
        let now = world.chain().best().await.unwrap().number;
        assert!(
            now <= last + 30,
            "request {id} has not ended at block {now}: {view:?}"
        );
        blocks(world, 1).await;
    }
}

/// Waits for so many further blocks.
async fn blocks(world: &World, more: u32) {
    let first = world.chain().best().await.unwrap().number;
    for next in first + 1..=first + more {
        eventually("next block", || async {
            (world.chain().best().await.unwrap().number >= next).then_some(())
        })
        .await;
    }
}
