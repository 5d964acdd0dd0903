//! Random moves of actors over every message, that a world on the chain and a world of plain rules
//! can both make.

use llm_oracle_primitives::{
    AccountId, Answer, AnswerKind, Assignment, Balance, BlockNumber, CallbackLimits, Error, Hash,
    LeastRecord, Params, RequestId, Slot, Terms,
};
use rand::{Rng, SeedableRng, rngs::SmallRng, seq::SliceRandom};

use crate::{
    keys::Operator,
    messages::Reply,
    plans::Plans,
    world::{ASKER, CANNOT_TELL, CARRIER, DEPLOYER, REWARD, STRANGER, UNIT, params, terms},
};

/// Operators that may register and take seats.
pub const OPERATORS: u8 = 5;

/// Everybody that can be owed money, but the house.
pub fn actors() -> Vec<AccountId> {
    let operators = (1..=OPERATORS).map(|seed| Operator::new(seed).id);
    [ASKER, CARRIER, STRANGER]
        .into_iter()
        .chain(operators)
        .collect()
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Flaw {
    None,
    Signature,
    Context,
    Answer,
    Salt,
    Unsigned,
    Expired,
}

/// One seat's part of a move.
#[derive(Clone, Debug)]
pub struct Part {
    pub id: RequestId,
    pub operator: usize,
    pub answer: Answer,
    pub flaw: Flaw,
}

/// One message.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // One lives at a time.
pub enum Move {
    Register(usize, Balance),
    Bond(Slot, Balance),
    Unbond(usize, Balance),
    Release(Slot),
    Ask(Terms, Balance, Balance, bool),
    Declare(usize, Vec<u8>),
    Own(usize, AccountId),
    Publish(Vec<AccountId>),
    Fund(RequestId, Balance),
    Commit(Vec<Part>),
    Reveal(Vec<Part>),
    Answer(Vec<Part>),
    Advance(RequestId),
    Deliver(RequestId),
    Prune(RequestId),
    Withdraw(AccountId),
    Pause(bool),
    Offer(AccountId),
    Take,
    AnnounceParams(Params),
    AnnounceCode(Hash),
    Upgrade,
    Report(Part, Answer),
    Pass(BlockNumber),
}

impl Move {
    fn is_the_owners(&self) -> bool {
        matches!(
            self,
            Self::Pause(_)
                | Self::Offer(_)
                | Self::AnnounceParams(_)
                | Self::AnnounceCode(_)
                | Self::Upgrade
        )
    }
}

/// Chooses moves. Knows what was asked, for digests, and the operators' keys and slots.
pub struct Player {
    random: SmallRng,
    pub operators: Vec<Operator>,
    pub asked: Vec<(AccountId, Terms, Balance)>,
    owner: AccountId,
    offered_to: AccountId,
    /// Hash of code that is on the chain.
    code: Hash,
    /// Operators that register before anything else happens.
    unregistered: Vec<usize>,
    plans: Plans,
}

impl Player {
    pub fn new(seed: u64, code: Hash) -> Self {
        let operators = (1..=OPERATORS).map(Operator::new).collect();
        let mut random = SmallRng::seed_from_u64(seed);
        let unregistered = (0..usize::from(OPERATORS)).filter(|_| random.gen_bool(0.9));
        Self {
            unregistered: unregistered.collect(),
            plans: Plans::default(),
            random,
            operators,
            asked: Vec::new(),
            owner: DEPLOYER,
            offered_to: DEPLOYER,
            code,
        }
    }

    /// The next move and who makes it.
    pub fn next(&mut self) -> (AccountId, Move) {
        let caller = *actors().choose(&mut self.random).unwrap();
        if let Some(operator) = self.unregistered.pop() {
            return (caller, Move::Register(operator, 101 * UNIT));
        }
        if self.random.gen_bool(0.5)
            && let Some(step) = self.plans.next(&mut self.random)
        {
            return (caller, step);
        }
        let operator = self.operator();
        let slot = self.random.gen_range(0..Slot::from(OPERATORS) + 1);
        let id = self.request();
        let step = match self.random.gen_range(0..100) {
            0..=5 => Move::Register(operator, UNIT * self.random.gen_range(99..=101)),
            6..=8 => Move::Bond(slot, self.random.gen_range(0..2 * UNIT)),
            9..=10 => Move::Unbond(operator, UNIT * self.random.gen_range(0..=101)),
            11..=13 => Move::Release(slot),
            14..=24 => self.ask(),
            25..=46 => Move::Commit(self.parts()),
            47..=68 => Move::Reveal(self.parts()),
            69..=73 => Move::Answer(self.parts()),
            74..=79 => Move::Advance(id),
            80..=82 => Move::Deliver(id),
            83 => self.of_version_3(id, operator),
            84..=88 => Move::Prune(id),
            89..=91 => Move::Withdraw(*actors().choose(&mut self.random).unwrap()),
            92..=93 => self.of_the_owner(),
            94 if self.random.gen_bool(0.2) => Move::Report(self.parts().remove(0), CANNOT_TELL),
            _ => Move::Pass(
                *[1, 1, 1, 2, 2, 2, 5, 5, 12, 12, 40, 600, 1_100]
                    .choose(&mut self.random)
                    .unwrap(),
            ),
        };
        let own = self.random.gen_bool(0.8);
        let caller = match step {
            Move::Unbond(..) | Move::Declare(..) | Move::Own(..) if own => {
                self.operators[operator].id
            }
            // Operators deliver too: theirs are the attempts that are paid.
            Move::Deliver(_) if self.random.gen_bool(0.5) => self.operators[operator].id,
            Move::Take if own => self.offered_to,
            _ if step.is_the_owners() && own => self.owner,
            _ => caller,
        };
        (caller, step)
    }

    fn of_version_3(&mut self, id: RequestId, operator: usize) -> Move {
        match self.random.gen_range(0..6) {
            0..=1 => {
                let family = vec![b'f'; self.random.gen_range(0..40)];
                Move::Declare(operator, family)
            }
            2 => Move::Own(operator, *actors().choose(&mut self.random).unwrap()),
            3..=4 => {
                let most = self.random.gen_range(0..=self.operators.len());
                let operators = self.operators.choose_multiple(&mut self.random, most);
                Move::Publish(operators.map(|operator| operator.id).collect())
            }
            _ => Move::Fund(id, self.random.gen_range(0..2_000_000_000)),
        }
    }

    fn of_the_owner(&mut self) -> Move {
        match self.random.gen_range(0..10) {
            0 => Move::Pause(true),
            1..=3 => Move::Pause(false),
            4 => Move::Offer(*actors().choose(&mut self.random).unwrap()),
            5 => Move::Take,
            6 => {
                let mut next = params();
                next.fee_ppm = self.random.gen_range(0..300_000);
                next.commit_fee = self.random.gen_range(0..UNIT / 100);
                next.lock_fee = self.random.gen_range(0..UNIT / 10_000);
                next.seat_bond = self.random.gen_range(1..3 * UNIT);
                Move::AnnounceParams(next)
            }
            7 => Move::AnnounceCode(*[[0; 32], self.code].choose(&mut self.random).unwrap()),
            _ => Move::Upgrade,
        }
    }

    fn operator(&mut self) -> usize {
        self.random.gen_range(0..usize::from(OPERATORS))
    }

    /// Mostly a recent request, at times one that was pruned or never asked.
    fn request(&mut self) -> RequestId {
        let next = self.asked.len() as RequestId;
        let back = if self.random.gen_bool(0.8) { 4 } else { 12 };
        self.random.gen_range(next.saturating_sub(back)..=next)
    }

    fn ask(&mut self) -> Move {
        let (seats, threshold) = *[
            (1, 1),
            (2, 2),
            (3, 2),
            (3, 3),
            (4, 3),
            (5, 3),
            (3, 1),
            (0, 0),
        ]
        .choose(&mut self.random)
        .unwrap();
        let kind = match self.random.gen_range(0..5) {
            0 => AnswerKind::Bool,
            1 => AnswerKind::Choice {
                options: vec![b"a".to_vec(), b"b".to_vec()],
            },
            2 => AnswerKind::Text {
                max_bytes: self.random.gen_range(0..5),
            },
            3 => AnswerKind::Json {
                schema: b"{}".to_vec(),
            },
            _ => AnswerKind::Number {
                scale: 2,
                tolerance: self.random.gen_range(0..3),
            },
        };
        let mut asked = terms(kind, seats, threshold);
        asked.one_step = seats == 1 && self.random.gen_bool(0.5);
        asked.commit_blocks = self.random.gen_range(3..12);
        asked.reveal_blocks = self.random.gen_range(4..12);
        if self.random.gen_bool(0.3) {
            let limits = CallbackLimits {
                ref_time: 1_000_000_000,
                proof_size: 65_536,
                storage_deposit: 7,
            };
            asked.callback = Some(limits);
        }
        asked.refund_to = self.random.gen_bool(0.2).then_some(STRANGER);
        if self.random.gen_bool(0.2) {
            let most = self.random.gen_range(1..=self.operators.len());
            let operators = self.operators.choose_multiple(&mut self.random, most);
            asked.assignment = Assignment::Named {
                operators: operators.map(|operator| operator.id).collect(),
            };
        } else if self.random.gen_bool(0.2) {
            asked.assignment = Assignment::Set(self.random.gen_range(0..3));
        } else if self.random.gen_bool(0.15) {
            let least = LeastRecord {
                agreement_ppm: self.random.gen_range(0..1_100_000),
                answers: self.random.gen_range(0..2),
            };
            asked.assignment = Assignment::Open { least };
        }
        asked.max_seats_per_family = self.random.gen_range(0..12u8).saturating_sub(9);
        asked.min_confidence = *[0, 0, 0, 50, 95, 101].choose(&mut self.random).unwrap();
        asked.not_before = *[0, 0, 0, 0, 20, 200_000].choose(&mut self.random).unwrap();
        let value = *[0, UNIT / 10, UNIT, UNIT].choose(&mut self.random).unwrap();
        let reward = *[REWARD, REWARD, REWARD / 3]
            .choose(&mut self.random)
            .unwrap();
        Move::Ask(asked, reward, value, self.random.gen_bool(0.3))
    }

    /// Entries for one request, or now and then for anything.
    fn parts(&mut self) -> Vec<Part> {
        let id = self.request();
        let count = *[1, 1, 1, 2, 3, 5].choose(&mut self.random).unwrap();
        (0..count)
            .map(|index| {
                let mixed = self.random.gen_bool(0.1);
                let id = if mixed { self.request() } else { id };
                let operator = if self.random.gen_bool(0.9) {
                    (index + id as usize) % 5
                } else {
                    self.operator()
                };
                let answer = self.answer(id, operator);
                let flaws = [
                    Flaw::Signature,
                    Flaw::Context,
                    Flaw::Answer,
                    Flaw::Salt,
                    Flaw::Unsigned,
                    Flaw::Expired,
                ];
                let flawed = self.random.gen_bool(0.12);
                let flaw = if flawed {
                    *flaws.choose(&mut self.random).unwrap()
                } else {
                    Flaw::None
                };
                Part {
                    id,
                    operator,
                    answer,
                    flaw,
                }
            })
            .collect()
    }

    /// The answer that an operator commits to is the one it reveals, but for a few that change their
    /// mind.
    fn answer(&mut self, id: RequestId, operator: usize) -> Answer {
        let number = self.random.gen_range(0..11);
        let changed = self.random.gen_bool(0.05);
        match self.asked.get(id as usize) {
            Some((_, terms, _)) if changed => answer(terms, id, number),
            Some((_, terms, _)) => usual_answer(terms, id, operator),
            None => Answer::Bool(changed),
        }
    }

    /// Remembers what was asked.
    pub fn note(&mut self, caller: AccountId, step: &Move, reply: &Result<Reply, Error>) {
        match (step, reply) {
            (Move::Ask(terms, reward, ..), Ok(Reply::Id(id))) => {
                self.asked.push((caller, terms.clone(), *reward));
                if self.random.gen_bool(0.8) {
                    self.plans.add(*id, terms, &mut self.random);
                }
            }
            (Move::Register(operator, _), Ok(Reply::Slot(slot))) => {
                self.operators[*operator].slot = *slot;
            }
            (Move::Offer(to), Ok(_)) => self.offered_to = *to,
            (Move::Take, Ok(_)) => self.owner = caller,
            _ => {}
        }
    }
}

/// As [`seed_and_steps`], with the size that `scripts/test.sh --long NAME` asks for.
pub fn seed_and_long_steps(test: &str, small: u32, long: u32) -> (u64, u32) {
    let named = std::env::var("LLM_ORACLE_LONG").unwrap_or_default();
    let is_long = named.split(',').any(|name| name == test);
    // The same tests run on other runtimes: `node/strict`, `node/original`.
    let is_second = env!("CARGO_PKG_NAME") != "llm-oracle-sandbox";
    let small = if is_second { small / 10 } else { small };
    seed_and_steps(test, if is_long { long } else { small })
}

/// What an operator answers to a request. Most agree, some abstain or dissent.
pub fn usual_answer(terms: &Terms, id: RequestId, operator: usize) -> Answer {
    answer(terms, id, (id.wrapping_mul(5) + 3 * operator as u64) % 11)
}

fn answer(terms: &Terms, id: RequestId, number: u64) -> Answer {
    if number == 0 || id % 7 == 5 {
        return CANNOT_TELL;
    }
    let value = if number < 3 { 2 } else { (id % 2) as u8 };
    match terms.answer {
        // At times an option that does not exist.
        AnswerKind::Choice { .. } if number == 2 => Answer::Choice(value),
        AnswerKind::Choice { .. } => Answer::Choice(value.min(1)),
        AnswerKind::Number { .. } => Answer::Number(4 * i128::from(value)),
        // At times too long: requests take up to four bytes.
        AnswerKind::Text { .. } => Answer::Text(vec![b'a'; usize::from(value) + 2]),
        AnswerKind::Json { .. } => Answer::Json(vec![b'0' + value]),
        AnswerKind::Bool => Answer::Bool(value > 1),
    }
}

/// Seed and number of steps of a random test; prints them.
pub fn seed_and_steps(test: &str, steps: u32) -> (u64, u32) {
    let set = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|value| value.parse::<u64>().ok())
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed =
        set("LLM_ORACLE_SEED").unwrap_or_else(|| now.map_or(1, |now| now.as_micros() as u64));
    let steps = set("LLM_ORACLE_STEPS").map_or(steps, |steps| steps as u32);
    println!("{test}: LLM_ORACLE_SEED={seed} LLM_ORACLE_STEPS={steps}");
    (seed, steps)
}
