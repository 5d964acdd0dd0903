//! What happened to a request, from the chain's events alone.

use crate::world::World;
use llm_oracle_chain::{ChainApi as _, Event};
use llm_oracle_primitives::{event, AccountId, Hash, RequestId};
use std::collections::BTreeMap;

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
        let all = Self::of_all(world, &[id]).await;
        all.into_values().next().unwrap_or_default()
    }

    /// The same of several requests, each block read once.
    ///
    /// # Panics
    /// When the chain cannot be read.
    pub async fn of_all(world: &World, ids: &[RequestId]) -> BTreeMap<RequestId, Self> {
        let chain = &world.oracle.chain;
        let mut from = u32::MAX;
        for id in ids {
            from = from.min(world.view(*id).await.asked_at);
        }
        let mut histories: BTreeMap<RequestId, Self> =
            ids.iter().map(|id| (*id, Self::default())).collect();
        for number in from..=chain.best().await.unwrap().number {
            let block = chain
                .hash_at(number)
                .await
                .unwrap()
                .expect("a block of the best chain");
            let events = chain.oracle_events(&world.oracle.address, block).await;
            for located in events.unwrap() {
                add(&mut histories, located.event);
            }
        }
        histories
    }

    /// Asserts of each of these requests what [`Self::assert_once_each`] does, and counts.
    ///
    /// # Panics
    /// When it is not so.
    pub async fn once_each_in_all(world: &World, ids: &[RequestId], what: &str) -> String {
        let operators = world.accounts();
        let mut counts = vec![[0_usize; 2]; operators.len()];
        for (id, history) in Self::of_all(world, ids).await {
            history.assert_once_each(&operators, &format!("{what}: request {id}"));
            for (operator, [commits, reveals]) in operators.iter().zip(&mut counts) {
                *commits += history
                    .committed
                    .iter()
                    .filter(|it| it.0 == *operator)
                    .count();
                *reveals += history.revealed.iter().filter(|it| *it == operator).count();
            }
        }
        format!(
            "{} requests settled; commits and reveals of each operator on chain: {counts:?}",
            ids.len()
        )
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

fn add(histories: &mut BTreeMap<RequestId, History>, event: Event) {
    match event {
        Event::Committed(it) => {
            if let Some(history) = histories.get_mut(&it.request_id) {
                let seats = it.seats.into_iter();
                let seats = seats.map(|seat| (seat.operator, seat.commitment));
                history.committed.extend(seats);
            }
        }
        Event::Revealed(it) => {
            if let Some(history) = histories.get_mut(&it.request_id) {
                let seats = it.seats.into_iter().map(|seat| seat.operator);
                history.revealed.extend(seats);
            }
        }
        Event::Ended(it) => {
            if let Some(history) = histories.get_mut(&it.request_id) {
                history.ended.push(it);
            }
        }
        Event::Delivered(it) => {
            if let Some(history) = histories.get_mut(&it.request_id) {
                history.delivered += 1;
            }
        }
        _ => {}
    }
}
