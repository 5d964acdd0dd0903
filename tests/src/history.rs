//! What happened to a request, from the chain's events alone.

use crate::world::World;
use llm_oracle_primitives::{event, AccountId, Hash, RequestId};
use llm_oracle_relayer::chain::Event;

/// Everything that the contract said about one request.
#[derive(Debug, Default)]
pub struct History {
    /// Operators and commitments, in order.
    pub committed: Vec<(AccountId, Hash)>,
    /// Operators that revealed, in order.
    pub revealed: Vec<AccountId>,
    /// Ends.
    pub ended: Vec<event::Ended>,
    /// Successful deliveries.
    pub delivered: usize,
}

impl History {
    /// Reads the blocks from the ask to the best one.
    ///
    /// # Panics
    /// When the chain cannot be read.
    pub async fn of(world: &World, id: RequestId) -> Self {
        let chain = &world.oracle.chain;
        let from = world.view(id).await.asked_at;
        let mut history = Self::default();
        for number in from..=chain.best().await.unwrap().number {
            let block = chain
                .hash_at(number)
                .await
                .unwrap()
                .expect("a block of the best chain");
            for located in chain
                .oracle_events(&world.oracle.address, block)
                .await
                .unwrap()
            {
                history.add(id, located.event);
            }
        }
        history
    }

    fn add(&mut self, id: RequestId, event: Event) {
        match event {
            Event::Committed(it) if it.request_id == id => self.committed.extend(
                it.seats
                    .into_iter()
                    .map(|seat| (seat.operator, seat.commitment)),
            ),
            Event::Revealed(it) if it.request_id == id => {
                self.revealed
                    .extend(it.seats.into_iter().map(|seat| seat.operator));
            }
            Event::Ended(it) if it.request_id == id => self.ended.push(it),
            Event::Delivered(it) if it.request_id == id => self.delivered += 1,
            _ => {}
        }
    }

    /// Asserts that each of these operators committed once and revealed once, nobody else did
    /// anything, and the request ended once.
    ///
    /// # Panics
    /// When it is not so.
    pub fn assert_once_each(&self, operators: &[AccountId], what: &str) {
        let mut committed: Vec<_> = self
            .committed
            .iter()
            .map(|(operator, _)| *operator)
            .collect();
        let (mut revealed, mut wanted) = (self.revealed.clone(), operators.to_vec());
        for list in [&mut committed, &mut revealed, &mut wanted] {
            list.sort();
        }
        assert_eq!(committed, wanted, "{what}: commits");
        assert_eq!(revealed, wanted, "{what}: reveals");
        assert_eq!(self.ended.len(), 1, "{what}: ends");
    }
}
