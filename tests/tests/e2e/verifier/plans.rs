//! What is going to happen in the lives that are made by hand.

use llm_oracle_primitives::{
    Answer, AnswerKind, Assignment, CallbackLimits, Reason, Source, Terms,
};
use llm_oracle_tests::{
    questions::{choice, question, yes_or_no},
    World, UNIT,
};

/// Operators that act by hand; the last one signs two answers.
pub const HANDS: usize = 4;
pub const CHEAT: usize = 3;
/// Blocks of the windows that are waited for.
const SHORT: u32 = 150;
/// Modes of the contract `zoo`: takes the outcome, traps.
const FINE: u8 = 0;
const TRAP: u8 = 1;

/// What one operator does.
pub struct Play {
    pub operator: usize,
    pub answer: Answer,
    pub confidence: u8,
    pub reveals: bool,
}

/// A request that is going to be made.
pub struct Plan {
    pub name: &'static str,
    pub terms: Terms,
    pub plays: Vec<Play>,
    pub ends: &'static str,
    /// Asked by a contract that behaves so when it is called back.
    pub zoo: Option<u8>,
    /// Whether the document of the last seat is kept back.
    pub hides: bool,
}

impl Plan {
    fn new(name: &'static str, ends: &'static str, terms: Terms, answers: &[(Answer, u8)]) -> Self {
        let plays = answers.iter().enumerate();
        let plays = plays.map(|(operator, (answer, confidence))| Play {
            operator,
            answer: answer.clone(),
            confidence: *confidence,
            reveals: true,
        });
        Self {
            name,
            terms,
            plays: plays.collect(),
            ends,
            zoo: None,
            hides: false,
        }
    }

    /// The same, of which these operators reveal nothing.
    fn silent(mut self, operators: &[usize]) -> Self {
        self.terms.reveal_blocks = SHORT;
        for play in &mut self.plays {
            play.reveals = !operators.contains(&play.operator);
        }
        self
    }

    /// The same with another operator in its last seat.
    fn with_last(mut self, operator: usize) -> Self {
        let last = self.plays.last_mut().unwrap();
        last.operator = operator;
        self
    }

    /// The same for a contract.
    fn called_back(mut self, mode: u8) -> Self {
        self.zoo = Some(mode);
        self.terms.callback = Some(CallbackLimits {
            ref_time: 10_000_000_000,
            proof_size: 262_144,
            storage_deposit: UNIT / 100,
        });
        self
    }
}

fn text(answer: &str) -> Answer {
    Answer::Text(answer.as_bytes().to_vec())
}

fn document(answer: &str) -> Answer {
    Answer::Json(answer.as_bytes().to_vec())
}

/// What is asked of everybody, and how it ends.
pub fn plans(world: &World, set: u32) -> Vec<Plan> {
    let (yes, no) = (Answer::Bool(true), Answer::Bool(false));
    let bool3 = || yes_or_no(3);
    let colours = || choice("Which?", &["red", "green", "blue"], 3);
    let number = |tolerance| {
        let kind = AnswerKind::Number {
            scale: 1,
            tolerance,
        };
        question("How warm?", kind, 3)
    };
    let animal = || question("Which animal?", AnswerKind::Text { max_bytes: 40 }, 3);
    let schema = br#"{"type": "object"}"#.to_vec();
    let json3 = question("Which document?", AnswerKind::Json { schema }, 3);
    let abstain = Answer::Abstain;
    let mut of_set = colours();
    of_set.assignment = Assignment::Set(set);
    of_set.max_seats_per_family = 1;
    of_set.system = Some(b"Be brief.".to_vec());
    of_set.sources = vec![
        Source::Attachment {
            digest: [5; 32],
            bytes: 3,
            media: b"text/plain".to_vec(),
            uri: Vec::new(),
        },
        Source::Page {
            url: b"https://example.org/".to_vec(),
            must: false,
        },
    ];
    let mut refunded = number(30);
    refunded.refund_to = Some(world.owner.account);
    let mut one_step = yes_or_no(1);
    one_step.one_step = true;
    let mut unsure = bool3();
    unsure.min_confidence = 61;
    let mut short = bool3();
    short.commit_blocks = SHORT;
    let agreed = [(yes.clone(), 90), (yes.clone(), 10), (no.clone(), 100)];
    let one = &agreed[..1];
    let mut plans = vec![
        Plan::new("dissent", "answered", bool3(), &agreed),
        Plan::new(
            "abstention",
            "answered",
            of_set,
            &[
                (Answer::Choice(1), 70),
                (Answer::Choice(1), 80),
                (abstain(Reason::TooSoon), 0),
            ],
        ),
        // There is no option 9: the document says that it was meant and refused.
        Plan::new(
            "refused",
            "answered",
            colours(),
            &[
                (Answer::Choice(0), 1),
                (Answer::Choice(0), 2),
                (Answer::Choice(9), 3),
            ],
        ),
        Plan::new(
            "number",
            "answered",
            refunded,
            &[
                (Answer::Number(-10), 5),
                (Answer::Number(12), 6),
                (Answer::Number(100), 7),
            ],
        ),
        Plan::new(
            "text",
            "answered",
            animal(),
            &[
                (text("blue whale"), 40),
                (text("blue whale"), 50),
                (text("elephant"), 60),
            ],
        ),
        Plan::new(
            "json",
            "answered",
            json3,
            &[
                (document(r#"{"a":1.5}"#), 40),
                (document(r#"{"a":2}"#), 50),
                (document(r#"{"a":1.5}"#), 60),
            ],
        ),
        Plan::new("one step", "answered", one_step, one),
        Plan::new("one is silent", "answered", bool3(), &agreed).silent(&[2]),
        Plan::new("equivocation", "answered", bool3(), &agreed).with_last(CHEAT),
        Plan::new("callback", "answered", bool3(), &agreed).called_back(FINE),
        Plan::new("callback fails", "answered", bool3(), &agreed).called_back(TRAP),
        Plan::new(
            "abstentions",
            "undetermined",
            bool3(),
            &[
                (abstain(Reason::Unclear), 3),
                (abstain(Reason::SourcesDisagree), 0),
                (yes.clone(), 100),
            ],
        ),
        Plan::new(
            "low confidence",
            "undetermined",
            unsure,
            &[(yes.clone(), 95), (yes.clone(), 40), (yes, 60)],
        ),
        Plan::new(
            "three answers",
            "no_consensus",
            colours(),
            &[
                (Answer::Choice(2), 9),
                (Answer::Choice(0), 8),
                (Answer::Choice(1), 7),
            ],
        ),
        Plan::new(
            "three numbers",
            "no_consensus",
            number(0),
            &[
                (Answer::Number(3), 9),
                (Answer::Number(2), 8),
                (Answer::Number(1), 7),
            ],
        ),
        Plan::new("two are silent", "no_consensus", bool3(), &agreed).silent(&[0, 2]),
        Plan::new("all are silent", "no_consensus", bool3(), &agreed).silent(&[0, 1, 2]),
        Plan::new("too few", "expired", short.clone(), one),
        Plan::new("too few, equivocation", "expired", short, one).with_last(CHEAT),
        Plan::new(
            "no document",
            "no_consensus",
            animal(),
            &[(text("a"), 1), (text("b"), 2), (text("c"), 3)],
        ),
        Plan::new("open", "open", bool3(), &agreed[..2]),
    ];
    for plan in &mut plans {
        plan.hides = plan.name == "no document";
        if let Assignment::Open { .. } = plan.terms.assignment {
            // Or relayers would take the seats.
            let operators = world.accounts()[..HANDS].to_vec();
            plan.terms.assignment = Assignment::Named { operators };
        }
    }
    plans
}
