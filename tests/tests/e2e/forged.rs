//! Entries that no honest relayer sends, by hand.

use llm_oracle_chain::{messages, Call, ChainError, TxOptions};
use llm_oracle_primitives::{
    digest::{self, Context},
    Answer, CommitEntry, Error, RequestId, RevealEntry, Terms,
};
use llm_oracle_tests::{
    questions::{choice, LONG},
    Key, World,
};

const SALT: [u8; 32] = [7; 32];
const CONFIDENCE: Option<u8> = Some(60);
const EVIDENCE: [u8; 32] = [8; 32];

fn context(world: &World, id: RequestId, terms: &Terms, operator: &Key) -> Context {
    Context {
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
        operator: operator.account,
        model: 0,
    }
}

async fn send<T: scale::Decode + std::fmt::Debug>(
    world: &World,
    key: &Key,
    call: Call<T>,
) -> Result<(), Error> {
    let to = &world.oracle.address;
    match world
        .chain()
        .call(&key.pair, to, 0, &call, TxOptions::default())
        .await
    {
        Ok(_) => Ok(()),
        Err(ChainError::Contract(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_commits_and_reveals_change_nothing() {
    let world = World::new(1).await;
    let (operator, stranger) = (&world.operators[0], &world.owner);
    let terms = choice("Which?", &["red", "blue"], 1);
    let id = world.ask(&terms).await;
    let slot = world
        .oracle
        .operator(&operator.account, None)
        .await
        .unwrap()
        .unwrap()
        .slot;
    let context = context(&world, id, &terms, operator);
    let answer = Answer::Choice(2);
    let commitment = digest::commitment(&context, &answer, CONFIDENCE, &EVIDENCE, &SALT);
    let entry = CommitEntry {
        request_id: id,
        slot,
        commitment,
        evidence: EVIDENCE,
        signature: None,
    };
    // A stranger's commit, without and with a signature that is not the operator's.
    let refused = send(&world, stranger, messages::commit(&entry)).await;
    assert_eq!(refused, Err(Error::NotTheOperator { slot }));
    let message = digest::seat_message(&context, &commitment, &EVIDENCE, LONG);
    let forged = CommitEntry {
        signature: Some((LONG, stranger.pair.sign(&message).0)),
        ..entry.clone()
    };
    let refused = send(&world, stranger, messages::commit(&forged)).await;
    assert_eq!(refused, Err(Error::BadSignature { slot }));
    assert_eq!(world.view(id).await.summary.committed, 0);

    send(&world, operator, messages::commit(&entry))
        .await
        .unwrap();
    let reveal = |answer: Answer, salt, signer: &Key| {
        let message = digest::answer_message(&context, &answer, CONFIDENCE, &EVIDENCE);
        let signature = signer.pair.sign(&message).0;
        messages::reveal(&RevealEntry {
            request_id: id,
            slot,
            answer,
            confidence: 60,
            salt,
            signature,
        })
    };
    let option = Error::OptionOutOfRange {
        choice: 2,
        options: 2,
    };
    for (call, error) in [
        (
            reveal(Answer::Choice(1), SALT, operator),
            Error::CommitmentMismatch { slot },
        ),
        (
            reveal(Answer::Choice(1), [9; 32], operator),
            Error::CommitmentMismatch { slot },
        ),
        (
            reveal(Answer::Bool(true), SALT, operator),
            Error::WrongForm { slot },
        ),
        (reveal(answer, SALT, operator), option),
    ] {
        assert_eq!(send(&world, operator, call).await, Err(error));
    }
    assert_eq!(world.view(id).await.summary.revealed, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reveal_with_a_strangers_signature_is_refused() {
    let world = World::new(1).await;
    let (operator, stranger) = (&world.operators[0], &world.owner);
    let terms = choice("Which?", &["red", "blue"], 1);
    let id = world.ask(&terms).await;
    let slot = world
        .oracle
        .operator(&operator.account, None)
        .await
        .unwrap()
        .unwrap()
        .slot;
    let context = context(&world, id, &terms, operator);
    let answer = Answer::Choice(1);
    let commitment = digest::commitment(&context, &answer, CONFIDENCE, &EVIDENCE, &SALT);
    let entry = CommitEntry {
        request_id: id,
        slot,
        commitment,
        evidence: EVIDENCE,
        signature: None,
    };
    send(&world, operator, messages::commit(&entry))
        .await
        .unwrap();
    let message = digest::answer_message(&context, &answer, CONFIDENCE, &EVIDENCE);
    let signed_by = |key: &Key| RevealEntry {
        request_id: id,
        slot,
        answer: answer.clone(),
        confidence: 60,
        salt: SALT,
        signature: key.pair.sign(&message).0,
    };
    let refused = send(&world, operator, messages::reveal(&signed_by(stranger))).await;
    assert_eq!(refused, Err(Error::BadSignature { slot }));
    // Anyone may carry the true one.
    send(&world, stranger, messages::reveal(&signed_by(operator)))
        .await
        .unwrap();
    assert!(world.view(id).await.summary.settled);
}
