//! Money rules, over random lives of requests.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]

mod common;

use common::{account, terms, Operator, World, ASKER, TRANSMITTER};
use llm_oracle_primitives::{
    limits::share, Answer, AnswerKind, CallbackLimits, Error, Params, Reason,
};
use proptest::prelude::*;

const OPERATORS: u8 = 4;

/// One call of a random sequence; whether it succeeds does not matter, only what it leaves behind.
#[derive(Clone, Debug)]
enum Call {
    Ask {
        seats: u8,
        number: bool,
        callback: bool,
        refund_to: bool,
        extra: u128,
    },
    Commit {
        id: u64,
        operator: usize,
        answer: u8,
    },
    Reveal {
        id: u64,
        operator: usize,
    },
    Advance {
        id: u64,
    },
    Deliver {
        id: u64,
        succeeds: bool,
    },
    Prune {
        id: u64,
        by: u8,
    },
    Unbond {
        operator: usize,
        amount: u128,
    },
    Release {
        operator: usize,
    },
    Bond {
        operator: usize,
        amount: u128,
    },
    Withdraw {
        who: u8,
    },
    Wait {
        blocks: u32,
    },
}

fn call() -> impl Strategy<Value = Call> {
    let (id, operator) = (0u64..4, 0..usize::from(OPERATORS));
    prop_oneof![
        3 => (1u8..4, any::<bool>(), any::<bool>(), any::<bool>(), 0u128..3).prop_map(
            |(seats, number, callback, refund_to, extra)| Call::Ask { seats, number, callback, refund_to, extra }
        ),
        8 => (id.clone(), operator.clone(), 0u8..4).prop_map(|(id, operator, answer)| Call::Commit { id, operator, answer }),
        8 => (id.clone(), operator.clone()).prop_map(|(id, operator)| Call::Reveal { id, operator }),
        2 => id.clone().prop_map(|id| Call::Advance { id }),
        2 => (id.clone(), any::<bool>()).prop_map(|(id, succeeds)| Call::Deliver { id, succeeds }),
        2 => (id, 0u8..3).prop_map(|(id, by)| Call::Prune { id, by }),
        1 => (operator.clone(), 0u128..120).prop_map(|(operator, amount)| Call::Unbond { operator, amount }),
        1 => operator.clone().prop_map(|operator| Call::Release { operator }),
        1 => (operator, 0u128..50).prop_map(|(operator, amount)| Call::Bond { operator, amount }),
        2 => (0u8..8).prop_map(|who| Call::Withdraw { who }),
        3 => prop_oneof![0u32..4, 0u32..30, 0u32..200].prop_map(|blocks| Call::Wait { blocks }),
    ]
}

/// Small odd amounts, so that rounding shows, and short times.
fn params() -> Params {
    Params {
        min_bond: 103,
        seat_bond: 31,
        min_reward: 7,
        commit_fee: 3,
        delivery_reward: 5,
        fee_ppm: 70_001,
        open_delay: 1,
        min_window: 2,
        max_window: 20,
        delivery_blocks: 20,
        retention_blocks: 60,
        unbonding_blocks: 50,
        lock_fee: 2,
        upgrade_delay_blocks: 100,
        ..common::dev()
    }
}

fn answer_of(index: usize, answer: u8, number: bool) -> Answer {
    match (answer, number) {
        (0, _) => Answer::Abstain(Reason::Unclear),
        (answer, true) => Answer::Number(i128::from(answer) * 5 + index as i128),
        (answer, false) => Answer::Bool(answer > 1),
    }
}

struct Run {
    world: World,
    committed: std::collections::BTreeMap<(u64, usize), Answer>,
}

impl Run {
    fn carry_out(&mut self, call: &Call) {
        let known = |world: &World, id: u64| world.chain.stored(id).is_some();
        // Errors are part of the game: the books must balance either way.
        let _: Result<(), Error> = match *call {
            Call::Ask {
                seats,
                number,
                callback,
                refund_to,
                extra,
            } => {
                let kind = if number {
                    AnswerKind::Number {
                        scale: 0,
                        tolerance: 3,
                    }
                } else {
                    AnswerKind::Bool
                };
                let mut terms = terms(kind, seats, seats / 2 + 1);
                if callback {
                    terms.callback = Some(CallbackLimits {
                        ref_time: 11,
                        proof_size: 1,
                        storage_deposit: 13,
                    });
                }
                terms.refund_to = refund_to.then_some(account(2));
                let quote = self
                    .world
                    .chain
                    .view(|oracle| oracle.quote(&terms, 17))
                    .unwrap();
                self.world
                    .chain
                    .call(ASKER, quote.total + extra, |oracle| {
                        oracle.ask(terms, 17, false)
                    })
                    .map(drop)
            }
            Call::Commit {
                id,
                operator,
                answer,
            } if known(&self.world, id) => {
                let number = matches!(
                    self.world.chain.stored(id).unwrap().form,
                    llm_oracle_rules::Form::Number { .. }
                );
                let answer = answer_of(operator, answer, number);
                let result = self.world.commit(id, operator, &answer);
                if result.is_ok() {
                    self.committed.insert((id, operator), answer);
                }
                result
            }
            Call::Reveal { id, operator } if known(&self.world, id) => {
                match self.committed.get(&(id, operator)).cloned() {
                    Some(answer) => self.world.reveal(id, operator, &answer),
                    None => Ok(()),
                }
            }
            Call::Advance { id } => self
                .world
                .chain
                .call(TRANSMITTER, 0, |oracle| oracle.advance(id))
                .map(drop),
            Call::Deliver { id, succeeds } => {
                self.world.chain.callbacks_succeed = succeeds;
                self.world
                    .chain
                    .call(TRANSMITTER, 0, |oracle| oracle.deliver(id))
                    .map(drop)
            }
            Call::Prune { id, by } => {
                let who = [ASKER, account(2), TRANSMITTER][usize::from(by)];
                self.world.chain.call(who, 0, |oracle| oracle.prune(id))
            }
            Call::Unbond { operator, amount } => {
                let Operator { id, slot, .. } = self.world.operators[operator];
                self.world
                    .chain
                    .call(id, 0, |oracle| oracle.unbond(slot, amount))
            }
            Call::Release { operator } => {
                let slot = self.world.operators[operator].slot;
                self.world
                    .chain
                    .call(TRANSMITTER, 0, |oracle| oracle.release(slot))
                    .map(drop)
            }
            Call::Bond { operator, amount } => {
                let slot = self.world.operators[operator].slot;
                self.world
                    .chain
                    .call(TRANSMITTER, amount, |oracle| oracle.bond(slot))
            }
            Call::Withdraw { who } => {
                let who = match who {
                    0 => ASKER,
                    1 => account(2),
                    2 => account(0xee),
                    3 => TRANSMITTER,
                    other => self.world.operators[usize::from(other % OPERATORS)].id,
                };
                self.world
                    .chain
                    .call(TRANSMITTER, 0, |oracle| oracle.withdraw(&who))
                    .map(drop)
            }
            Call::Wait { blocks } => {
                self.world.chain.block += blocks;
                Ok(())
            }
            _ => Ok(()),
        };
    }

    /// From any state, strangers alone: end every request, prune it, release and pay out everything
    /// but bonds.
    fn strangers_free_everything(&mut self) {
        self.world.chain.block += 500;
        let next = self.world.chain.view(|oracle| oracle.config()).next_id;
        for id in 0..next {
            let _ = self
                .world
                .chain
                .call(TRANSMITTER, 0, |oracle| oracle.prune(id));
            assert!(
                self.world.chain.stored(id).is_none(),
                "request {id} cannot be pruned"
            );
        }
        let mut payees = vec![ASKER, account(2), TRANSMITTER, account(0xee), account(0xdd)];
        payees.extend(self.world.operators.iter().map(|operator| operator.id));
        for payee in payees {
            let _ = self
                .world
                .chain
                .call(TRANSMITTER, 0, |oracle| oracle.withdraw(&payee));
        }
        self.world.check_books();
        let operators = self.world.chain.view(|oracle| oracle.operators_view(0, 50));
        assert!(
            operators.iter().all(|operator| operator.locked == 0),
            "no bond stays locked"
        );
        let bonds: u128 = operators.iter().map(|operator| operator.bond).sum();
        assert_eq!(self.world.chain.balance, bonds, "only bonds are left");
    }
}

/// A requester that dissents with a seat of its own, to see all answers and pay none, pays for the work
/// of every seat, and the fees of all.
#[test]
fn a_requester_with_a_seat_of_its_own_reads_no_answers_for_nothing() {
    let params = common::dev();
    let mut world = World::new(3, params);
    // Every seat must agree, so one that does not is enough.
    let id = world.ask(terms(AnswerKind::Bool, 3, 3)).unwrap();
    let answers = [true, true, false].map(Answer::Bool);
    for (index, answer) in answers.iter().enumerate() {
        world.commit(id, index, answer).unwrap();
    }
    for (index, answer) in answers.iter().enumerate() {
        world.reveal(id, index, answer).unwrap();
    }
    let view = world.chain.view(|oracle| oracle.request_view(id)).unwrap();
    let effort = share(common::REWARD, params.effort_ppm);
    let paid = effort - share(effort, params.fee_ppm);
    assert!(paid > 0);
    for seat in &view.seats {
        assert_eq!((seat.paid, seat.forfeited), (paid, 0));
    }
    assert_eq!(view.refund, 3 * common::REWARD - 3 * effort);
    let own = paid + common::seat_fee();
    let asked = 3 * (common::REWARD + common::seat_fee());
    let cost = asked - view.refund - own;
    assert_eq!(cost, 2 * (paid + common::seat_fee()) + 3 * (effort - paid));
    world.check_books();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn solvency_over_random_sequences(calls in prop::collection::vec(call(), 1..120)) {
        let mut run = Run { world: World::new(OPERATORS, params()), committed: Default::default() };
        for call in &calls {
            run.carry_out(call);
            run.world.check_books();
        }
        run.strangers_free_everything();
    }

    #[test]
    fn a_share_never_overflows_and_never_exceeds(amount: u128, ppm in 0u32..=1_000_000) {
        let part = share(amount, ppm);
        prop_assert!(part <= amount);
        if let Some(product) = amount.checked_mul(u128::from(ppm)) {
            prop_assert_eq!(part, product / 1_000_000);
        }
    }
}
