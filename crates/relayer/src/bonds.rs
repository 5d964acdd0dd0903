//! The bonds of our operators: what is free, and what requests hold of it. The model is asked only for
//! seats that can be taken.

use crate::{
    error::RelayerError, model::ModelRequest, node_session::ChainView, operators::Operators,
    plan::PolicyConfig,
};
use llm_oracle_primitives::{
    AccountId, Balance, Hash, OperatorView, Params, RequestId, RequestView, SeatState,
};
use llm_oracle_store::SeatId;
use std::collections::{BTreeMap, HashMap};

/// Blocks after which the contract's parameters are read again.
const PARAMS_BLOCKS: u32 = 600;

/// A seat that holds bond until its request ends, or is about to.
#[derive(Debug, Clone, Copy)]
struct Held {
    requester: AccountId,
    seat_bond: Balance,
}

/// What is known of the bonds of our operators.
#[derive(Default)]
pub(crate) struct Bonds {
    /// Seats that a finalized block shows, by request and operator.
    held: BTreeMap<(RequestId, [u8; 32]), Held>,
    /// Seats for which the model has been asked.
    asked: BTreeMap<(RequestId, [u8; 32]), Held>,
    /// Operators at the last finalized block in which it was needed.
    operators: Option<(Hash, HashMap<[u8; 32], OperatorView>)>,
    /// Something may be asked, so that they are read again.
    needed: bool,
    /// The contract's parameters, and the block at which they were read.
    params: Option<(u32, Params)>,
}

impl Bonds {
    /// Reads the contract's parameters, now and then, and our operators when it is time. At the end of an
    /// iteration: a plan must not become old by it.
    ///
    /// # Errors
    /// Errors of the chain.
    pub(crate) async fn refresh(
        &mut self,
        chain: &ChainView,
        operators: &Operators,
    ) -> Result<(), RelayerError> {
        let at = chain.finalized;
        let fresh = |block: u32| at.number.saturating_sub(block) < PARAMS_BLOCKS;
        if !self.params.is_some_and(|(block, _)| fresh(block)) {
            let params = chain.oracle.config(Some(chain.best.hash)).await?.params;
            self.params = Some((at.number, params));
        }
        let known = self.operators.as_ref().map(|(known, _)| *known);
        if known.is_some() && (known == Some(at.hash) || !self.needed) {
            return Ok(());
        }
        let mut views = HashMap::new();
        for operator in operators.iter() {
            // At the best block: a deployment may not be final yet.
            let best = Some(chain.best.hash);
            let view = chain.oracle.operator(&operator.account, best).await?;
            views.extend(view.map(|view| (operator.id, view)));
        }
        self.operators = Some((at.hash, views));
        self.needed = false;
        Ok(())
    }

    /// Notes what an open request holds of our bonds.
    pub(crate) fn note(&mut self, view: &RequestView, operators: &Operators) {
        for operator in operators.iter() {
            let mut seats = view.seats.iter();
            let seat = seats.find(|seat| seat.operator == operator.account);
            let open = [SeatState::Committed, SeatState::Revealed];
            if seat.is_some_and(|seat| open.contains(&seat.state)) {
                let held = Held {
                    requester: view.requester,
                    seat_bond: view.seat_bond,
                };
                let key = (view.summary.request_id, operator.id);
                self.held.insert(key, held);
            }
        }
    }

    /// A request holds nothing any more.
    pub(crate) fn forget(&mut self, id: RequestId, operators: &Operators) {
        for operator in operators.iter() {
            self.held.remove(&(id, operator.id));
        }
    }

    /// Of what may be asked the part whose seats can be taken, those that are due first before others.
    /// `asked` are the seats for which the model has been asked and that are not taken yet. What is left
    /// out comes back with a later plan, until its deadline.
    pub(crate) fn affordable(
        &mut self,
        policy: &PolicyConfig,
        asked: &[SeatId],
        mut wanted: Vec<ModelRequest>,
    ) -> Vec<ModelRequest> {
        if wanted.is_empty() {
            return wanted;
        }
        self.needed = true;
        wanted.sort_by_key(|request| request.deadline);
        self.keep_asked(asked);
        let mut capacities = self.capacities();
        wanted.retain(|request| {
            let entry = request.stake.entry;
            if let Err(why) = capacities.take(policy, request) {
                tracing::debug!(request = entry.request_id, why, "not asked");
                return false;
            }
            let held = Held {
                requester: request.stake.requester,
                seat_bond: request.seat_bond,
            };
            self.asked.insert((entry.request_id, entry.operator), held);
            true
        });
        wanted
    }

    /// Forgets what came to nothing; of what an earlier process asked for nobody knows the requester.
    fn keep_asked(&mut self, asked: &[SeatId]) {
        let seat_bond = self.params.map_or(0, |(_, params)| params.seat_bond);
        let mut before = std::mem::take(&mut self.asked);
        for entry in asked {
            let key = (entry.request_id, entry.operator);
            let held = before.remove(&key).unwrap_or(Held {
                requester: AccountId::from([0; 32]),
                seat_bond,
            });
            if !self.held.contains_key(&key) {
                self.asked.insert(key, held);
            }
        }
    }

    fn capacities(&self) -> Capacities {
        let mut capacities = Capacities::default();
        let min_bond = self.params.map_or(0, |(_, params)| params.min_bond);
        let views = self.operators.iter().flat_map(|(_, views)| views);
        for (id, view) in views {
            let bond = view.bond.saturating_sub(view.unbonding);
            let free = match bond < min_bond || view.barred {
                true => 0,
                false => bond.saturating_sub(view.locked),
            };
            let capacity = capacities.0.entry(*id).or_default();
            (capacity.bond, capacity.free) = (bond, free);
        }
        for ((_, operator), held) in &self.held {
            capacities.hold(operator, held);
        }
        // Seats that were taken since the operators were read.
        for capacity in capacities.0.values_mut() {
            let held = capacity.by_requester.values().copied();
            let held = held.fold(0, Balance::saturating_add);
            capacity.free = capacity.free.min(capacity.bond.saturating_sub(held));
        }
        for ((_, operator), held) in &self.asked {
            capacities.hold(operator, held);
            let capacity = capacities.0.entry(*operator).or_default();
            capacity.free = capacity.free.saturating_sub(held.seat_bond);
        }
        capacities
    }
}

/// What one operator can still take.
#[derive(Debug, Default)]
struct Capacity {
    bond: Balance,
    free: Balance,
    /// Seats that are taken or about to be.
    open: u32,
    by_requester: HashMap<AccountId, Balance>,
}

#[derive(Debug, Default)]
struct Capacities(HashMap<[u8; 32], Capacity>);

impl Capacities {
    fn hold(&mut self, operator: &[u8; 32], held: &Held) {
        let capacity = self.0.entry(*operator).or_default();
        capacity.open = capacity.open.saturating_add(1);
        let of = capacity.by_requester.entry(held.requester).or_default();
        *of = of.saturating_add(held.seat_bond);
    }

    /// Takes what a seat needs, or says why it does not fit.
    fn take(&mut self, policy: &PolicyConfig, request: &ModelRequest) -> Result<(), String> {
        let (stake, needed) = (&request.stake, request.seat_bond);
        let capacity = self.0.entry(stake.entry.operator).or_default();
        if capacity.free < needed {
            return Err(format!(
                "its seat locks {needed} planck, and {} of the bond are free",
                capacity.free
            ));
        }
        let most = policy.max_open_seats;
        if most > 0 && capacity.open >= most {
            return Err(format!(
                "{} seats are open, and policy.max_open_seats is {most}",
                capacity.open
            ));
        }
        let of = capacity.by_requester.get(&stake.requester).copied();
        let of = of.unwrap_or_default().saturating_add(needed);
        let percent = policy.max_bond_percent_per_requester;
        if percent > 0 && of > (capacity.bond / 100).saturating_mul(percent.into()) {
            return Err(format!(
                "its requester would hold {of} planck of the bond, and policy.max_bond_percent_per_requester is {percent}"
            ));
        }
        capacity.free = capacity.free.saturating_sub(needed);
        capacity.open = capacity.open.saturating_add(1);
        capacity.by_requester.insert(stake.requester, of);
        Ok(())
    }
}

#[cfg(test)]
#[path = "bonds_tests.rs"]
mod tests;
