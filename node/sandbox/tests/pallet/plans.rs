//! Courses of moves that carry a request through its life, with gaps: random moves alone seldom get a
//! committee to its end.

use std::collections::VecDeque;

use llm_oracle_primitives::{RequestId, Terms};
use rand::{Rng, rngs::SmallRng, seq::SliceRandom};

use crate::moves::{Flaw, Move, OPERATORS, Part, usual_answer};

/// Requests that are carried at once; a new one takes the place of the oldest.
const MOST: usize = 4;

/// What is still to be done for some requests, each in its order.
#[derive(Default)]
pub struct Plans(VecDeque<VecDeque<Move>>);

impl Plans {
    /// The next move of one of them.
    pub fn next(&mut self, random: &mut SmallRng) -> Option<Move> {
        if self.0.is_empty() {
            return None;
        }
        let index = random.gen_range(0..self.0.len());
        let step = self.0[index].pop_front();
        self.0.retain(|plan| !plan.is_empty());
        step
    }

    /// Plans the life of a request that was just asked.
    pub fn add(&mut self, id: RequestId, terms: &Terms, random: &mut SmallRng) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(life(id, terms, random));
    }
}

fn life(id: RequestId, terms: &Terms, random: &mut SmallRng) -> VecDeque<Move> {
    let mut moves = VecDeque::new();
    if terms.not_before > 0 {
        moves.push_back(Move::Pass(20));
    }
    let part = |operator| Part {
        id,
        operator,
        answer: usual_answer(terms, id, operator),
        flaw: Flaw::None,
    };
    let mut operators: Vec<_> = (0..usize::from(OPERATORS)).collect();
    operators.shuffle(random);
    let parts = |operators: &[usize]| operators.iter().copied().map(part).collect::<Vec<_>>();
    if terms.one_step {
        moves.push_back(Move::Answer(parts(&operators[..1])));
    } else {
        carried(&mut moves, &parts(&operators), Move::Commit, random);
        moves.push_back(Move::Pass(1));
        // Not everybody speaks; the seats of those who have none refuse them.
        let speak: Vec<_> = operators
            .into_iter()
            .filter(|_| random.gen_bool(0.85))
            .collect();
        if !speak.is_empty() {
            carried(&mut moves, &parts(&speak), Move::Reveal, random);
        }
    }
    if random.gen_bool(0.6) {
        moves.push_back(Move::Pass(random.gen_range(1..25)));
        moves.push_back(Move::Advance(id));
    }
    if terms.callback.is_some() {
        moves.push_back(Move::Deliver(id));
    }
    if random.gen_bool(0.4) {
        moves.push_back(Move::Pass(25));
        moves.push_back(Move::Prune(id));
    }
    moves
}

/// All parts in one batch, or each on its own.
fn carried(
    moves: &mut VecDeque<Move>,
    parts: &[Part],
    step: impl Fn(Vec<Part>) -> Move,
    random: &mut SmallRng,
) {
    if random.gen_bool(0.7) {
        moves.push_back(step(parts.to_vec()));
    } else {
        moves.extend(parts.iter().map(|part| step(vec![part.clone()])));
    }
}
