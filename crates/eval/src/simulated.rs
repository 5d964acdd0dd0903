//! Seats of stated error and correlation, to hold the report against theory.

use crate::{
    matrix::{AnswerMatrix, GivenAnswer, ModelColumn},
    stats::{rng::SeededRng, theory::SeatTheory},
    LabelledQuestion,
};
use llm_oracle_primitives::{Answer, AnswerKind};

/// So many seats on so many yes-or-no questions. A right answer's confidence is drawn as a calibrated
/// model's would be: an answer that is `c` % sure is right in `c` % of cases.
pub fn simulate(seats: usize, questions: usize, theory: SeatTheory, seed: u64) -> AnswerMatrix {
    let mut rng = SeededRng::new(seed);
    let mut given: Vec<Vec<Option<GivenAnswer>>> = vec![Vec::new(); seats];
    let mut asked = Vec::new();
    for at in 0..questions {
        let truth = rng.unit() < 0.5;
        asked.push(LabelledQuestion {
            id: at.to_string(),
            set: "simulated".to_owned(),
            kind: AnswerKind::Bool,
            prompt: at.to_string(),
            truth: Answer::Bool(truth),
        });
        let together = rng.unit() < theory.correlation;
        let common = rng.unit() < theory.error;
        for seat in &mut given {
            let alone = rng.unit() < theory.error;
            let wrong = if together { common } else { alone };
            let confidence = confidence(&mut rng, theory.error, wrong);
            seat.push(Some(GivenAnswer {
                answer: Answer::Bool(truth != wrong),
                confidence,
                milliseconds: 1,
                tokens: 1,
                planck: 1,
            }));
        }
    }
    let columns = given
        .into_iter()
        .enumerate()
        .map(|(at, given)| ModelColumn {
            model: format!("seat-{at}"),
            reversed: vec![None; given.len()],
            given,
        });
    AnswerMatrix {
        columns: columns.collect(),
        questions: asked,
    }
}

/// Two levels of confidence, `error` being the mean of their risks: half of all answers are 10 points surer
/// than the mean, half less sure. By Bayes, which half an answer is of depends on whether it is wrong.
fn confidence(rng: &mut SeededRng, error: f64, wrong: bool) -> u8 {
    let of = |risk: f64| if wrong { risk } else { 1.0 - risk };
    let (sure, unsure) = (of(error - 0.1), of(error + 0.1));
    let is_sure = rng.unit() < sure / (sure + unsure);
    let risk = if is_sure { error - 0.1 } else { error + 0.1 };
    ((1.0 - risk) * 100.0).round() as u8
}
