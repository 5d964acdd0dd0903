//! Keys in a process of their own.

use crate::ops::get;
use llm_oracle_primitives::{
    digest::{self, Context},
    Answer, Terms,
};
use llm_oracle_signing::{
    signed_part, AnswerToSign, CallToSign, SeatToSign, Signer as _, SignerError,
};
use llm_oracle_support::address::ss58;
use llm_oracle_tests::{
    eventually,
    process::{Model, Setup},
    questions::yes_or_no,
    Key, Signer, World,
};

/// What a relayer that lies would like to have signed for a request.
fn lie(world: &World, key: &Key, id: u64, terms: &Terms, answer: Answer) -> AnswerToSign {
    AnswerToSign {
        context: Context {
            domain: world.config.domain,
            contract: world.oracle.address,
            request_id: id,
            terms_digest: digest::terms_digest(
                &world.requester.account,
                world.config.params.min_reward,
                terms,
            ),
            round: 0,
            phase: 0,
            operator: key.account,
            model: 0,
        },
        answer,
        confidence: Some(60),
        evidence: [1; 32],
        salt: [2; 32],
    }
}

fn name<T: std::fmt::Debug>(signed: Result<T, SignerError>) -> String {
    match signed {
        Err(SignerError::Refused { name, .. }) => name,
        other => format!("{other:?}"),
    }
}

/// The signer answers what it is asked, and is not to be talked into a second answer.
fn assert_it_refuses(world: &World, signer: &Signer, answered: u64, terms: &Terms) {
    let key = &world.operators[0];
    let remote = signer.remote(key.account);
    let second = lie(world, key, answered, terms, Answer::Bool(false));
    assert_eq!(name(remote.sign_answer(&second)), "conflicting_answer");
    let seat = SeatToSign {
        context: second.context,
        commitment: second.commitment(),
        evidence: second.evidence,
        valid_until: u32::MAX,
    };
    assert_eq!(name(remote.sign_seat(&seat)), "conflicting_commitment");
    // Of a request that nobody has answered yet, one answer and no second.
    let first = lie(world, key, 1_000_000, terms, Answer::Bool(true));
    assert!(remote.sign_answer(&first).is_ok());
    let second = lie(world, key, 1_000_000, terms, Answer::Bool(false));
    assert_eq!(name(remote.sign_answer(&second)), "conflicting_answer");
    // Anything but a call of the contract, a transfer for one.
    let transfer = [&[4, 3, 0][..], &[9; 32], &[4; 80]].concat();
    let signed = signed_part(&transfer);
    let call = CallToSign {
        signed: &signed,
        payload: Some(&transfer),
    };
    assert_eq!(name(remote.sign_call(&call)), "not_a_call");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signer_signs_through_restarts_and_refuses_a_relayer_that_lies() {
    let world = World::new(2).await;
    let keys = world.keys();
    let signer = Signer::new(&world, "signer", &keys).await;
    let mut held = signer.run(keys[0].account).await;
    let model = Model::Says("yes");
    let setup = Setup::new(&world, "relayer", &keys, &model).held_by(&signer, &keys);
    let relayer = setup.run();
    let terms = yes_or_no(2);
    let first = world.ask(&terms).await;
    world.ended(first).await;
    let history = world.history(first).await;
    history.assert_once_each(&world.accounts(), "with a signer");

    // Away: nothing is signed, nothing is lost, and the relayer says what it waits for.
    held.kill();
    let second = world.ask(&terms).await;
    let address = eventually("listening relayer", || async { setup.listens_at() }).await;
    eventually("report of the missing signer", || async {
        let status = get(&address, "/status").1;
        status.contains("does not answer").then_some(())
    })
    .await;
    assert_eq!(world.view(second).await.summary.committed, 0);
    let mut held = signer.run(keys[0].account).await;
    world.ended(second).await;
    let history = world.history(second).await;
    history.assert_once_each(&world.accounts(), "after the signer came back");

    assert_it_refuses(&world, &signer, second, &terms);
    held.kill();
    let _held = signer.run(keys[0].account).await;
    assert_it_refuses(&world, &signer, first, &terms);
    drop(relayer);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_whose_key_is_with_a_signer_is_registered_by_another_account() {
    let world = World::new(0).await;
    let newcomer = Key::new(format!("{}//newcomer", world.requester.suri));
    let signer = Signer::new(&world, "signer", &[&newcomer]).await;
    let _held = signer.run(newcomer.account).await;
    let (socket, operator) = (signer.socket(), ss58(&newcomer.account));
    let arguments = [
        "operator",
        "register",
        "--json",
        "-y",
        "--signer",
        socket.to_str().unwrap(),
        "--operator",
        &operator,
        "--suri",
        &world.requester.suri,
    ];
    let told = world.cli(&arguments).await.json(0);
    assert_eq!(told["operator"], operator, "{told}");
    let view = world
        .oracle
        .operator(&newcomer.account, None)
        .await
        .unwrap();
    assert!(view.is_some(), "it is registered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_costs_more_than_the_limit_is_not_sent() {
    let world = World::new(1).await;
    let setup = Setup::new(&world, "relayer", &world.keys(), &Model::Says("yes"));
    let setup = setup.with_limit("max_fee = 1\nmax_attempts = 1");
    let mut relayer = setup.run();
    let id = world.ask(&yes_or_no(1)).await;
    let address = eventually("listening relayer", || async { setup.listens_at() }).await;
    eventually("job that was given up", || async {
        let status = get(&address, "/status").1;
        status.contains("`max_fee` in [limits] is 1").then_some(())
    })
    .await;
    relayer.terminate();
    relayer.end().await;
    assert_eq!(world.view(id).await.summary.committed, 0);
    assert!(setup.store().live_attempts().unwrap().is_empty());
}
