//! An account that keeps relayers from their work as cheaply as it can.

use llm_oracle_chain::{messages, Chain, ChainApi as _, OracleClient, Weight};
use llm_oracle_primitives::{
    AccountId, Answer, AnswerKind, Assignment, Balance, CommitEntry, RequestId, RevealEntry, Terms,
};
use llm_oracle_tests::{eventually, questions::question, Key, World, UNIT};

/// Seats of the requests that relayers must refuse.
const SEATS: u8 = 3;

/// An account that does at each block what costs it little and others much.
pub struct Stranger {
    world: StrangersView,
    key: Key,
    nonce: u64,
}

/// Its key.
pub fn stranger(world: &World) -> Key {
    Key::new(format!("{}//stranger", world.requester.suri))
}

/// What a stranger needs to know.
struct StrangersView {
    chain: Chain,
    oracle: OracleClient,
    accounts: Vec<AccountId>,
    least_reward: Balance,
    least_window: u32,
}

impl Stranger {
    /// A funded, registered account.
    pub async fn new(world: &World) -> Self {
        let key = stranger(world);
        world.give(std::slice::from_ref(&key), 5_000 * UNIT).await;
        // An operator too, so that it can name itself and nobody else.
        world.register(&key).await;
        let chain = Chain::connect(&world.url).await.unwrap();
        let oracle = OracleClient::new(chain.clone(), world.oracle.address);
        let nonce = chain.next_nonce(&key.account).await.unwrap();
        let view = StrangersView {
            chain,
            oracle,
            accounts: world.accounts(),
            least_reward: world.config.params.min_reward,
            least_window: world.config.params.min_window,
        };
        Self {
            world: view,
            key,
            nonce,
        }
    }

    /// Until it is stopped.
    pub async fn spam(mut self) {
        for turn in 0_u32.. {
            let at = self.world.chain.best().await.unwrap().number;
            if turn % 4 == 0 {
                self.send(
                    0,
                    messages::reveal_batch(&junk(12_000)).input(),
                    Weight {
                        ref_time: 1_000_000,
                        proof_size: 10_000,
                    },
                )
                .await;
            }
            let open = self
                .world
                .oracle
                .next_id(None)
                .await
                .unwrap()
                .saturating_sub(64);
            let gas = Weight {
                ref_time: 100_000_000_000,
                proof_size: 500_000,
            };
            self.send(
                0,
                messages::reveal_batch(&forged_reveals(open)).input(),
                gas,
            )
            .await;
            self.send(
                0,
                messages::commit_batch(&forged_commits(open)).input(),
                gas,
            )
            .await;
            let nobody = Assignment::Named {
                operators: vec![self.key.account],
            };
            self.ask(nobody, 1, 100).await;
            let all = Assignment::Named {
                operators: self.world.accounts.clone(),
            };
            self.ask(all, SEATS, self.world.least_window).await;
            let chain = &self.world.chain;
            eventually("next block", || async {
                (chain.best().await.unwrap().number > at).then_some(())
            })
            .await;
        }
    }

    async fn ask(&mut self, assignment: Assignment, seats: u8, window: u32) {
        let terms = Terms {
            assignment,
            commit_blocks: window,
            reveal_blocks: window,
            ..question("Can you hear me?", AnswerKind::Bool, seats)
        };
        let reward = self.world.least_reward;
        let quote = self.world.oracle.quote(&terms, reward, None).await.unwrap();
        let call = messages::ask(&terms, reward, false);
        let gas = Weight {
            ref_time: 20_000_000_000,
            proof_size: 500_000,
        };
        self.send(quote.total, call.input(), gas).await;
    }

    /// Signs and sends without a dry run: most of it fails in its block.
    async fn send(&mut self, value: Balance, input: &[u8], gas: Weight) {
        let to = self.world.oracle.address;
        let chain = &self.world.chain;
        let signed = chain.sign_call(&self.key.pair, self.nonce, &to, value, input, gas, None);
        // What the pool has no room for is not sent, and the next takes its nonce.
        if chain.submit(&signed.await.unwrap().bytes).await.is_ok() {
            self.nonce += 1;
        }
    }
}

fn junk(entries: u32) -> Vec<RevealEntry> {
    (0..entries)
        .map(|number| forged_reveal(RequestId::from(number)))
        .collect()
}

fn forged_reveals(first: RequestId) -> Vec<RevealEntry> {
    (first..first + 16).map(forged_reveal).collect()
}

fn forged_reveal(request_id: RequestId) -> RevealEntry {
    RevealEntry {
        request_id,
        slot: 0,
        answer: Answer::Bool(false),
        confidence: 50,
        salt: [7; 32],
        signature: [9; 64],
    }
}

fn forged_commits(first: RequestId) -> Vec<CommitEntry> {
    let forged = |request_id| CommitEntry {
        request_id,
        slot: 0,
        commitment: [1; 32],
        evidence: [2; 32],
        signature: Some((u32::MAX, [3; 64])),
    };
    (first..first + 16).map(forged).collect()
}
