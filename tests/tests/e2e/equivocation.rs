//! Operators that sign two answers to one question.

use llm_oracle_chain::{messages, ChainApi as _, TxOptions, Weight};
use llm_oracle_primitives::{
    digest, limits::share, Answer, Assignment, CommitEntry, Hash, RevealEntry, SignedAnswer, Terms,
};
use llm_oracle_support::address::{hex0x, ss58};
use llm_oracle_tests::{
    eventually,
    process::{Model, Setup},
    questions::yes_or_no,
    Cli, Key, World,
};

const EVIDENCE: Hash = [9; 32];
const SALT: Hash = [7; 32];
const CONFIDENCE: Option<u8> = Some(60);

/// What an operator's signatures for the first request are bound to.
fn context(world: &World, key: &Key, terms: &Terms) -> digest::Context {
    digest::Context {
        domain: world.config.domain,
        contract: world.oracle.address,
        request_id: 0,
        terms_digest: digest::terms_digest(
            &world.requester.account,
            world.config.params.min_reward,
            terms,
        ),
        round: 0,
        phase: 0,
        operator: key.account,
        model: 0,
    }
}

fn signed(world: &World, key: &Key, answer: Hash) -> SignedAnswer {
    let context = context(world, key, &yes_or_no(1));
    let message = digest::answer_message_of(&context, &answer, CONFIDENCE, &EVIDENCE);
    SignedAnswer {
        answer,
        confidence: CONFIDENCE,
        evidence: EVIDENCE,
        signature: key.pair.sign(&message).0,
    }
}

fn part(signed: &SignedAnswer) -> String {
    let (answer, evidence) = (hex0x(&signed.answer), hex0x(&signed.evidence));
    format!("{answer}:{evidence}:{}:60", hex0x(&signed.signature))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reported_operator_takes_no_seat_any_more() {
    let world = World::new(1).await;
    let operator = &world.operators[0];
    world.ask(&yes_or_no(1)).await;
    let [first, second] = [[1; 32], [2; 32]].map(|answer| part(&signed(&world, operator, answer)));
    let report = |first: &str, second: &str| {
        let line = [
            "operator",
            "report-equivocation",
            "--request",
            "0",
            "--slot",
            "0",
            "--first",
            first,
            "--second",
            second,
            "--suri",
            &world.requester.suri,
            "-y",
            "--json",
        ];
        let line: Vec<String> = line.iter().map(|part| (*part).to_owned()).collect();
        let world = &world;
        async move {
            let line: Vec<&str> = line.iter().map(String::as_str).collect();
            world.cli(&line).await
        }
    };
    report(&first, &first).await.refused(5, &["are the same"]);
    let reported = report(&first, &second).await.json(0);
    let params = &world.config.params;
    let reward = share(params.min_bond, params.report_ppm);
    assert_eq!(reported["reward"], reward.to_string(), "{reported}");
    report(&first, &second)
        .await
        .refused(5, &["takes no seat any more"]);

    let account = ss58(&operator.account);
    let shown = world.cli(&["operator", "show", &account, "--json"]).await;
    let shown = shown.json(0);
    assert_eq!(shown["slashed"], true, "{shown}");
    assert_eq!(shown["forfeited"], params.min_bond.to_string());

    // Its relayer has nothing to do any more, and says why.
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let config = setup.config();
    let arguments = ["relayer", "run", "--config", config.to_str().unwrap()];
    let ended = Cli::run(world.folder.path(), &arguments).await;
    assert_eq!(ended.code, 5, "{ended:?}");
    for part in [&*account, "takes no seat any more"] {
        assert!(ended.stderr.contains(part), "{ended:?}");
    }
}

/// Sends a call although its dry run says that it fails.
async fn send_in_vain(world: &World, key: &Key, input: &[u8]) {
    let chain = world.chain();
    let nonce = chain.next_nonce(&key.account).await.unwrap();
    let gas = Weight {
        ref_time: 20_000_000_000,
        proof_size: 500_000,
    };
    let to = &world.oracle.address;
    let tx = chain.sign_call(&key.pair, nonce, to, 0, input, gas, None);
    chain.submit(&tx.await.unwrap().bytes).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relayer_reports_a_second_answer_that_it_sees_on_the_chain() {
    let world = World::new(2).await;
    let [cheat, honest] = [&world.operators[0], &world.operators[1]];
    let terms = Terms {
        assignment: Assignment::Named {
            operators: vec![cheat.account],
        },
        ..yes_or_no(1)
    };
    let setup = Setup::new(&world, "relayer", &[honest], &Model::Says("yes"));
    let _relayer = setup.run();
    // A request that it answers itself, so that it surely watches from here on.
    let own = Terms {
        assignment: Assignment::Named {
            operators: vec![honest.account],
        },
        ..terms.clone()
    };
    let id = world.ask(&terms).await;
    assert_eq!(id, 0);
    world.ended(world.ask(&own).await).await;

    let known = world.oracle.operator(&cheat.account, None).await;
    let slot = known.unwrap().unwrap().slot;
    let context = context(&world, cheat, &terms);
    let yes = Answer::Bool(true);
    let entry = CommitEntry {
        request_id: id,
        slot,
        commitment: digest::commitment(&context, &yes, CONFIDENCE, &EVIDENCE, &SALT),
        evidence: EVIDENCE,
        signature: None,
    };
    let reveal = |answer: Answer| {
        let message = digest::answer_message(&context, &answer, CONFIDENCE, &EVIDENCE);
        messages::reveal(&RevealEntry {
            request_id: id,
            slot,
            answer,
            confidence: 60,
            salt: SALT,
            signature: cheat.pair.sign(&message).0,
        })
    };
    let (chain, to, options) = (world.chain(), &world.oracle.address, TxOptions::default());
    let commit = messages::commit(&entry);
    chain
        .call(&cheat.pair, to, 0, &commit, options)
        .await
        .unwrap();
    // The contract refuses the other answer, and everybody can read it in the block.
    send_in_vain(&world, cheat, reveal(Answer::Bool(false)).input()).await;
    eventually("refused reveal", || async {
        let nonce = chain.nonce_at(&cheat.account, chain.best().await.unwrap().hash);
        let pool = chain.next_nonce(&cheat.account).await.unwrap();
        (nonce.await.unwrap() == pool).then_some(())
    })
    .await;
    chain
        .call(&cheat.pair, to, 0, &reveal(yes), options)
        .await
        .unwrap();
    let view = eventually("report", || async {
        let view = world.oracle.operator(&cheat.account, None).await;
        view.unwrap().filter(|view| view.barred)
    })
    .await;
    assert_eq!(view.forfeited, world.config.params.min_bond);
    // The part of the reporter is its credit.
    let params = &world.config.params;
    let reward = share(params.min_bond, params.report_ppm);
    let credit = world.oracle.credit_of(&honest.account, None).await.unwrap();
    assert!(credit >= reward, "{credit} {reward}");
}
