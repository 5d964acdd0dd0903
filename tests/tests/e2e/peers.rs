//! Relayers of one operator each that carry for each other.

use crate::ops::get;
use llm_oracle_chain::{messages, ChainApi as _, TxOptions, Weight};
use llm_oracle_peers::{
    client, serve, submit_to_peer, EntryKind, OperatorId, Payload, PeerConfig, PeerCounters,
    PeerDirectory, PeerEndpoint, PeerMessage, PeersConfig, SignedEntry, SubmitError,
};
use llm_oracle_primitives::{
    digest, AccountId, Answer, CommitEntry, DeploymentId, Phase, RequestId, RequestView,
    RevealEntry, Terms,
};
use llm_oracle_signing as signer;
use llm_oracle_support::{address::ss58, selector};
use llm_oracle_tests::{
    eventually,
    process::{Model, Setup},
    questions::yes_or_no,
    setting::free_addresses,
    Key, Signer, World,
};
use std::{net::SocketAddr, sync::Arc};

/// The operators, ordered by account: the first of them is the carrier of request 0.
fn in_order(world: &World) -> Vec<&Key> {
    let mut keys = world.keys();
    keys.sort_by_key(|key| key.account);
    keys
}

/// A relayer for one key that listens somewhere and knows the others at their addresses.
fn member(
    world: &World,
    key: &Key,
    listens: SocketAddr,
    others: &[(&Key, SocketAddr)],
    settings: &str,
) -> Setup {
    let name = format!("relayer-{}", listens.port());
    Setup::new(world, &name, &[key], &Model::Says("yes")).with_peers(
        listens,
        &format!("{settings}, "),
        others,
    )
}

/// Transactions that took seats, and those that opened them, since the ask.
async fn transactions(world: &World, id: RequestId) -> (usize, usize) {
    let chain = world.chain();
    let (mut commits, mut reveals) = (0, 0);
    for number in world.view(id).await.asked_at..=chain.best().await.unwrap().number {
        let block = chain.hash_at(number).await.unwrap().unwrap();
        let inputs = chain.contract_inputs(&world.oracle.address, block).await;
        for input in inputs.unwrap() {
            let is = |names: [&str; 2]| names.iter().any(|name| input.starts_with(&selector(name)));
            commits += usize::from(is(["commit", "commit_batch"]));
            reveals += usize::from(is(["reveal", "reveal_batch"]));
        }
    }
    (commits, reveals)
}

/// Waits until a relayer's metrics have a line.
async fn counted(setup: &Setup, line: &str) {
    eventually(line, || async {
        let (_, text) = get(&setup.listens_at()?, "/metrics");
        text.lines().any(|found| found == line).then_some(())
    })
    .await;
}

/// Ends with the request's seats taken, and makes blocks until then: a carrier has so many and no more.
async fn mined_until_committed(world: &World, id: RequestId, seats: u8) {
    eventually("commits", || async {
        if world.view(id).await.summary.committed >= seats {
            return Some(());
        }
        world.chain().create_block(false).await.unwrap();
        None
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_committee_of_three_relayers_costs_two_transactions() {
    let world = World::new(3).await;
    let (keys, listens) = (in_order(&world), free_addresses(3));
    let club: Vec<_> = keys.iter().copied().zip(listens).collect();
    let setups: Vec<Setup> = (0..3)
        .map(|index| {
            let mut others = club.clone();
            let (key, listens) = others.remove(index);
            // Nobody gives up waiting in this test.
            let patient = "transmitter_timeout_blocks = 1000, batching_window_ms = 60000";
            member(&world, key, listens, &others, patient)
        })
        .collect();
    // One of them has its key in a process of its own, which signs its letters and receipts too.
    let held = [keys[1]];
    let signer = Signer::new(&world, "signer", &held).await;
    let _signer = signer.run(held[0].account).await;
    let mut setups = setups;
    let setup = setups.remove(1).held_by(&signer, &held);
    setups.insert(1, setup);
    let _relayers: Vec<_> = setups.iter().map(Setup::run).collect();
    for _ in 0..3 {
        let id = world.ask(&yes_or_no(3)).await;
        world.ended(id).await;
        let (commits, reveals) = transactions(&world, id).await;
        println!("request {id}: 3 seats, {commits} transaction of commits, {reveals} of reveals");
        assert_eq!((commits, reveals), (1, 1), "request {id}");
        let history = world.history(id).await;
        history.assert_once_each(&world.accounts(), "one carrier");
    }
    // Each was the carrier once, for the two others.
    for setup in &setups {
        for purpose in ["commit", "reveal"] {
            let labels = format!("{{purpose=\"{purpose}\"}}");
            counted(
                setup,
                &format!("llm_oracle_peer_entries_transmitted_total{labels} 2"),
            )
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_carrier_costs_one_delay() {
    let world = World::alone(3).await;
    let (keys, listens) = (in_order(&world), free_addresses(4));
    let settings = "transmitter_timeout_blocks = 20, batching_window_ms = 6000";
    let [dead, left, right] = [0, 1, 2].map(|index| (keys[index], listens[index]));
    // The first one listens where nobody looks for it.
    let elsewhere = listens[3];
    let setups = [
        member(&world, dead.0, elsewhere, &[left, right], settings),
        member(&world, left.0, left.1, &[dead, right], settings),
        member(&world, right.0, right.1, &[dead, left], settings),
    ];
    let _relayers: Vec<_> = setups.iter().map(Setup::run).collect();
    let id = world.ask(&yes_or_no(3)).await;
    assert_eq!(id, 0, "the first one's turn");
    // It carries its own; the two others wait for it.
    world.committed(id, 1).await;
    mined_until_committed(&world, id, 3).await;
    world.ended(id).await;
    world
        .history(id)
        .await
        .assert_once_each(&world.accounts(), "a dead carrier");
    // For the reveals it is passed over: those who know that it is dead share a transaction.
    assert_eq!(transactions(&world, id).await, (3, 2));
    for setup in &setups[1..] {
        counted(
            setup,
            "llm_oracle_peer_entries_fallback_total{purpose=\"commit\"} 1",
        )
        .await;
    }
}

/// A peer that is played by the test.
struct Actor<'a> {
    world: &'a World,
    key: &'a Key,
    place: DeploymentId,
    endpoint: Arc<PeerEndpoint>,
    context: digest::Context,
    slot: u32,
}

const SALT: [u8; 32] = [7; 32];
const EVIDENCE: [u8; 32] = [8; 32];
const ANSWER: Answer = Answer::Bool(true);

fn id_of(account: &AccountId) -> OperatorId {
    *account.as_ref()
}

fn directory(own: &Key, others: &[(&Key, SocketAddr)]) -> PeerDirectory {
    let config = PeersConfig {
        listen: "127.0.0.1:9700".to_owned(),
        relayers: others
            .iter()
            .map(|(key, address)| PeerConfig {
                url: format!("http://{address}"),
                operators: vec![ss58(&key.account)],
            })
            .collect(),
        ..PeersConfig::default()
    };
    config.check(&[id_of(&own.account)]).unwrap()
}

impl<'a> Actor<'a> {
    async fn new(world: &'a World, key: &'a Key, others: &[(&Key, SocketAddr)]) -> Self {
        let contract = id_of(&world.oracle.address);
        let place = DeploymentId {
            domain: world.config.domain,
            contract,
        };
        let signer: Arc<dyn signer::Signer> = Arc::new(key.pair.clone());
        let endpoint = PeerEndpoint::new(
            place,
            Arc::new(directory(key, others)),
            vec![(id_of(&key.account), signer)],
            PeerCounters::default(),
        );
        let view = world.oracle.operator(&key.account, None).await.unwrap();
        Self {
            world,
            key,
            place,
            endpoint: Arc::new(endpoint),
            context: digest::Context {
                domain: place.domain,
                contract: world.oracle.address,
                request_id: 0,
                terms_digest: [0; 32],
                round: 0,
                phase: 0,
                operator: key.account,
                model: 0,
            },
            slot: view.unwrap().slot,
        }
    }

    /// Takes letters at an address, and does nothing with them.
    async fn listen(&self, address: SocketAddr) {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        tokio::spawn(serve(listener, self.endpoint.clone(), Default::default()));
    }

    /// Waits until something is handed over.
    async fn handed(&self, what: &str) -> Vec<SignedEntry> {
        let more = eventually(&format!("handed over {what}"), || async {
            self.finalized().await;
            let more = self.endpoint.collect();
            (!more.is_empty()).then_some(more)
        })
        .await;
        more.into_iter().map(|(_, handed)| handed).collect()
    }

    fn works_on(&mut self, id: RequestId, terms: &Terms) {
        let requester = &self.world.requester.account;
        let reward = self.world.config.params.min_reward;
        self.context.request_id = id;
        self.context.terms_digest = digest::terms_digest(requester, reward, terms);
    }

    async fn finalized(&self) -> u32 {
        let number = self.world.chain().finalized().await.unwrap().number;
        self.endpoint.set_finalized(number);
        number
    }

    fn commit(&self, commitment: [u8; 32]) -> CommitEntry {
        let until = 5_000;
        let good = digest::commitment(&self.context, &ANSWER, Some(60), &EVIDENCE, &SALT);
        let message = digest::seat_message(&self.context, &good, &EVIDENCE, until);
        CommitEntry {
            request_id: self.context.request_id,
            slot: self.slot,
            commitment,
            evidence: EVIDENCE,
            signature: Some((until, self.key.pair.sign(&message).0)),
        }
    }

    fn good_commit(&self) -> Payload {
        let good = digest::commitment(&self.context, &ANSWER, Some(60), &EVIDENCE, &SALT);
        Payload::Commit(self.commit(good))
    }

    fn reveal(&self) -> Payload {
        let message = digest::answer_message(&self.context, &ANSWER, Some(60), &EVIDENCE);
        Payload::Reveal(RevealEntry {
            request_id: self.context.request_id,
            slot: self.slot,
            answer: ANSWER,
            confidence: 60,
            salt: SALT,
            signature: self.key.pair.sign(&message).0,
        })
    }

    fn own(&self, payload: Payload) -> SignedEntry {
        let operator = id_of(&self.key.account);
        SignedEntry { operator, payload }
    }

    async fn letter(&self, to: &Key, entries: &[SignedEntry]) -> PeerMessage {
        let sides = (id_of(&self.key.account), id_of(&to.account));
        let block = self.finalized().await;
        let signed = PeerMessage::sign(&self.place, sides, block, entries, &self.key.pair);
        signed.unwrap()
    }

    async fn send(&self, to: SocketAddr, letter: &PeerMessage) -> Result<Vec<bool>, SubmitError> {
        let url = format!("http://{to}/entries").parse().unwrap();
        submit_to_peer(&client().unwrap(), &self.place, url, letter).await
    }

    async fn hand(
        &self,
        (to, at): (&Key, SocketAddr),
        handed: SignedEntry,
    ) -> Result<Vec<bool>, SubmitError> {
        let letter = self.letter(to, &[handed]).await;
        self.send(at, &letter).await
    }
}

/// Commits of the others that an actor was given and keeps to itself.
async fn kept_back(actor: &Actor<'_>, setups: &[Setup]) -> Vec<SignedEntry> {
    let mut taken = Vec::new();
    while taken.len() < setups.len() {
        taken.extend(actor.handed("commits").await);
    }
    let line = "llm_oracle_peer_entries_handed_off_total{purpose=\"commit\"} 1";
    for setup in setups {
        counted(setup, line).await;
    }
    taken
}

fn commits_of(handed: &[SignedEntry]) -> Vec<CommitEntry> {
    let commit = |handed: &SignedEntry| match &handed.payload {
        Payload::Commit(entry) => Some(entry.clone()),
        Payload::Reveal(_) => None,
    };
    handed.iter().filter_map(commit).collect()
}

/// Gas for every entry of a batch: a dry run, which has all there is, does not show what each needs left.
fn plenty() -> TxOptions {
    let gas_limit = Some(Weight {
        ref_time: 100_000_000_000,
        proof_size: 2_000_000,
    });
    TxOptions {
        gas_limit,
        ..TxOptions::default()
    }
}

/// The request, once all three seats are taken at a finalized block.
async fn reveals_open(world: &World, id: RequestId) -> RequestView {
    eventually("final reveal phase", || async {
        let at = world.chain().finalized().await.unwrap().hash;
        let view = world.oracle.request(id, Some(at)).await.unwrap()?;
        (view.summary.committed == 3).then_some(view)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_carrier_is_waited_for_as_long_as_it_has() {
    let world = World::alone(3).await;
    let (keys, listens) = (in_order(&world), free_addresses(3));
    let settings = "transmitter_timeout_blocks = 1000, batching_window_ms = 60000";
    let [slow, left, right] = [0, 1, 2].map(|index| (keys[index], listens[index]));
    let mut actor = Actor::new(&world, slow.0, &[left, right]).await;
    actor.finalized().await;
    actor.listen(slow.1).await;
    let setups = [
        member(&world, left.0, left.1, &[slow, right], settings),
        member(&world, right.0, right.1, &[slow, left], settings),
    ];
    let _relayers: Vec<_> = setups.iter().map(Setup::run).collect();
    let terms = yes_or_no(3);
    let id = world.ask(&terms).await;
    assert_eq!(id, 0, "the slow one's turn");
    actor.works_on(id, &terms);
    let taken = kept_back(&actor, &setups).await;
    // It takes its time: the others look at many blocks meanwhile.
    let chain = world.chain();
    for _ in 0..20 {
        chain.create_block(false).await.unwrap();
    }
    let best = chain.best().await.unwrap().number;
    for setup in &setups {
        let seen = || async {
            let (_, status) = get(&setup.listens_at()?, "/status");
            let status: serde_json::Value = serde_json::from_str(&status).ok()?;
            (status["best_block"].as_u64()? >= u64::from(best)).then_some(())
        };
        eventually("a look at the newest block", seen).await;
    }
    assert_eq!(world.view(id).await.summary.committed, 0);
    // With its own seat the first one, so that the reveals are its turn too.
    let Payload::Commit(own) = actor.good_commit() else {
        panic!("a commit");
    };
    let entries = [vec![own], commits_of(&taken)].concat();
    let (oracle, pair) = (&world.oracle.address, &slow.0.pair);
    let call = messages::commit_batch(&entries);
    let sent = chain.call(pair, oracle, 0, &call, plenty());
    assert!(sent.await.is_ok());
    let mut entries = Vec::new();
    while entries.len() < 2 {
        for handed in actor.handed("reveals").await {
            // Whoever hands one over has seen this, and finality does not go back.
            let at = chain.finalized().await.unwrap().hash;
            let view = world.oracle.request(id, Some(at)).await.unwrap().unwrap();
            assert_eq!(view.summary.phase, Phase::Revealing, "handed over early");
            let Payload::Reveal(entry) = handed.payload else {
                panic!("a commit for a taken seat");
            };
            entries.push(entry);
        }
    }
    let Payload::Reveal(own) = actor.reveal() else {
        panic!("a reveal");
    };
    entries.push(own);
    let call = messages::reveal_batch(&entries);
    let sent = chain.call(pair, oracle, 0, &call, plenty());
    assert!(sent.await.is_ok());
    world.ended(id).await;
    let (commits, reveals) = transactions(&world, id).await;
    println!("a slow transmitter: {commits} transaction of commits, {reveals} of reveals");
    assert_eq!((commits, reveals), (1, 1));
    let history = world.history(id).await;
    history.assert_once_each(&world.accounts(), "a slow carrier");
    for setup in &setups {
        let (_, text) = get(&setup.listens_at().unwrap(), "/metrics");
        assert!(
            !text.contains("llm_oracle_peer_entries_fallback_total{"),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_that_lies_replays_or_comes_too_late_changes_nothing() {
    let world = World::alone(3).await;
    let (keys, listens) = (in_order(&world), free_addresses(3));
    let settings = "transmitter_timeout_blocks = 20, batching_window_ms = 1000";
    let [liar, left, right] = [0, 1, 2].map(|index| (keys[index], listens[index]));
    let mut actor = Actor::new(&world, liar.0, &[left, right]).await;
    actor.finalized().await;
    actor.listen(liar.1).await;
    let setups = [
        member(&world, left.0, left.1, &[liar, right], settings),
        member(&world, right.0, right.1, &[liar, left], settings),
    ];
    let _relayers: Vec<_> = setups.iter().map(Setup::run).collect();
    let terms = yes_or_no(3);
    let id = world.ask(&terms).await;
    assert_eq!(id, 0, "the liar's turn");
    actor.works_on(id, &terms);

    // It takes both commits with good receipts, and sends neither.
    let taken = kept_back(&actor, &setups).await;
    assert_eq!(world.view(id).await.summary.committed, 0);

    // What it invents waits, and is in nobody's way.
    let mut invented = actor.good_commit();
    if let Payload::Commit(entry) = &mut invented {
        entry.request_id = 9_999;
    }
    let handed = actor.hand(left, actor.own(invented)).await;
    assert_eq!(handed, Ok(vec![true]));
    // What it alters or takes from others is not carried; what is its own is.
    let altered = actor.own(Payload::Commit(actor.commit([9; 32])));
    assert_eq!(actor.hand(left, altered).await, Ok(vec![true]));
    counted(
        &setups[0],
        "llm_oracle_peer_rejected_total{reason=\"signature\"} 1",
    )
    .await;
    for stolen in &taken {
        let refused = actor.hand(left, stolen.clone()).await;
        assert_eq!(refused, Err(SubmitError::Rejected(403)));
    }
    let letter = actor
        .letter(left.0, &[actor.own(actor.good_commit())])
        .await;
    assert_eq!(actor.send(left.1, &letter).await, Ok(vec![true]));
    assert_eq!(
        actor.send(left.1, &letter).await,
        Err(SubmitError::Rejected(409))
    );
    world.committed(id, 1).await;
    counted(
        &setups[0],
        "llm_oracle_peer_entries_transmitted_total{purpose=\"commit\"} 1",
    )
    .await;

    // After its time each sends its own.
    mined_until_committed(&world, id, 3).await;
    for setup in &setups {
        counted(
            setup,
            "llm_oracle_peer_entries_fallback_total{purpose=\"commit\"} 1",
        )
        .await;
    }
    // Now the liar sends what it was given, and it is too late.
    let late = commits_of(&taken);
    assert!(taken
        .iter()
        .all(|handed| handed.key().kind == EntryKind::Commit));
    let call = messages::commit_batch(&late);
    let (oracle, options) = (&world.oracle.address, TxOptions::default());
    let chain = world.chain();
    // Both entries are refused; the transaction as a whole is none the worse for it.
    let _ = chain.call(&liar.0.pair, oracle, 0, &call, options).await;
    // An old commit in a new letter has no effect either.
    let again = actor.hand(right, actor.own(actor.good_commit())).await;
    assert_eq!(again, Ok(vec![true]));
    let open = reveals_open(&world, id).await;
    assert_eq!(open.seats[0].operator, liar.0.account);
    let reveal = actor.own(actor.reveal());
    assert_eq!(actor.hand(right, reveal).await, Ok(vec![true]));
    world.ended(id).await;
    let history = world.history(id).await;
    history.assert_once_each(&world.accounts(), "a liar among them");
}
