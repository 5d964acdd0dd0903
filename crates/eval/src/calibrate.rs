//! The calibration map: what a model's confidence is worth, for each kind of question.

use crate::{
    matrix::AnswerMatrix,
    measure::forecast,
    stats::{
        calibration::{self, Forecast},
        isotonic,
    },
    LabelledQuestion,
};
use llm_oracle_primitives::digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Name and version of the map's form.
pub const FORMAT: &str = "llm-oracle-calibration/1";
/// Least answers of one kind for a map of it: with fewer the fit is chance.
pub const ANSWERS_MIN: usize = 30;

/// The file that relayers load by its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationFile {
    /// [`FORMAT`].
    pub format: String,
    /// The maps, by model and kind.
    pub maps: Vec<CalibrationMap>,
}

/// The map of one model and kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationMap {
    /// Name of the model, as requests name it.
    pub model: String,
    /// `bool`, `choice`, `number` or `text`.
    pub kind: String,
    /// Answers that it was made from.
    pub answers: usize,
    /// 101 numbers: the calibrated confidence, 0 to 100, of each confidence from 0 to 100. It never falls,
    /// and 0, which says nothing, stays 0.
    pub confidence: Vec<u8>,
}

/// What was made, and how much better it is on the answers it was made from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CalibrationGain {
    /// Name of the model.
    pub model: String,
    /// Kind of question.
    pub kind: String,
    /// Answers that say how sure they are.
    pub answers: usize,
    /// Expected calibration error before, 0 to 1.
    pub ece_before: f64,
    /// With the map; `None` where there are fewer than [`ANSWERS_MIN`] answers and no map is made.
    pub ece_after: Option<f64>,
}

/// Makes the maps.
pub fn calibrate(matrix: &AnswerMatrix) -> (CalibrationFile, Vec<CalibrationGain>) {
    let kinds: BTreeSet<_> = matrix
        .questions
        .iter()
        .map(LabelledQuestion::kind_name)
        .collect();
    let (mut maps, mut gains) = (Vec::new(), Vec::new());
    for column in &matrix.columns {
        for kind in &kinds {
            let answered = column.answered(&matrix.questions);
            let of_kind = answered.filter(|(question, _)| question.kind_name() == *kind);
            let forecasts: Vec<Forecast> =
                of_kind.filter_map(|one| forecast(one.0, one.1)).collect();
            let Some(before) = calibration::measure(&forecasts) else {
                continue;
            };
            let map = (forecasts.len() >= ANSWERS_MIN)
                .then(|| table(&forecasts))
                .flatten();
            let after = map.as_ref().and_then(|map| {
                let mapped = forecasts
                    .iter()
                    .map(|(sure, right)| (apply(map, *sure), *right));
                calibration::measure(&mapped.collect::<Vec<_>>())
            });
            gains.push(CalibrationGain {
                model: column.model.clone(),
                kind: (*kind).to_owned(),
                answers: forecasts.len(),
                ece_before: before.ece,
                ece_after: after.map(|one| one.ece),
            });
            maps.extend(map.map(|confidence| CalibrationMap {
                model: column.model.clone(),
                kind: (*kind).to_owned(),
                answers: forecasts.len(),
                confidence,
            }));
        }
    }
    let format = FORMAT.to_owned();
    (CalibrationFile { format, maps }, gains)
}

fn table(forecasts: &[Forecast]) -> Option<Vec<u8>> {
    let fit = isotonic::fit(forecasts)?;
    // From 0 to 1, so a byte holds it. An answer is never worth nothing: 0 means that nothing is said.
    let percent = |share: &f64| (share * 100.0).round().clamp(1.0, 100.0) as u8;
    let mut table: Vec<u8> = fit.iter().map(percent).collect();
    if let Some(nothing) = table.first_mut() {
        *nothing = 0;
    }
    Some(table)
}

/// The calibrated confidence, 0 to 100. Above 100 is as 100.
pub fn apply(table: &[u8], confidence: u8) -> u8 {
    table
        .get(usize::from(confidence.min(100)))
        .copied()
        .unwrap_or(confidence)
}

impl CalibrationFile {
    /// The bytes of the file: JSON with its keys in the order of the fields.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Text and numbers alone: nothing in it fails to serialize.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Reads a file that has this digest.
    ///
    /// # Errors
    /// When the digest is another one, or the file does not have this form.
    pub fn read(bytes: &[u8], expected: &[u8; 32]) -> Result<Self, String> {
        let found = digest::blake2(bytes);
        if found != *expected {
            return Err(format!(
                "its digest is 0x{}, not 0x{}: take the file that was measured, or name its digest",
                hex::encode(found),
                hex::encode(expected)
            ));
        }
        let file: Self = serde_json::from_slice(bytes).map_err(|error| {
            format!("it is no calibration map ({error}): make one with eval calibrate")
        })?;
        let fits = |map: &CalibrationMap| {
            map.confidence.len() == 101
                && map.confidence.first() == Some(&0)
                && map.confidence.is_sorted()
                && map.confidence.iter().all(|value| *value <= 100)
        };
        if file.format != FORMAT {
            return Err(format!(
                "its format is '{}', not '{FORMAT}': make it anew with eval calibrate",
                file.format
            ));
        }
        match file.maps.iter().find(|map| !fits(map)) {
            Some(map) => Err(format!(
                "the map of {} for {} is not 101 numbers from 0 to 100 that begin with 0 and never fall: make it anew with eval calibrate",
                map.model, map.kind
            )),
            None => Ok(file),
        }
    }
}

#[cfg(test)]
#[path = "calibrate_tests.rs"]
mod tests;
