//! Tests of the calibration map.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::{simulated::simulate, stats::theory::SeatTheory};

/// A model that says 90 % where it should say 70 or so.
fn boaster(answers: usize) -> AnswerMatrix {
    let theory = SeatTheory {
        error: 0.3,
        correlation: 0.0,
    };
    let mut matrix = simulate(1, answers, theory, 4);
    for given in matrix.columns[0].given.iter_mut().flatten() {
        given.confidence = if given.confidence > 70 { 99 } else { 85 };
    }
    matrix
}

#[test]
fn a_boaster_is_brought_down_to_what_comes_true() {
    let (file, gains) = calibrate(&boaster(4_000));
    let map = &file.maps[0];
    assert_eq!(
        (map.kind.as_str(), map.answers, map.confidence.len()),
        ("bool", 4_000, 101)
    );
    assert_eq!(apply(&map.confidence, 0), 0);
    assert!(
        apply(&map.confidence, 99).abs_diff(80) <= 3,
        "{:?}",
        map.confidence
    );
    assert!(
        apply(&map.confidence, 85).abs_diff(60) <= 3,
        "{:?}",
        map.confidence
    );
    assert!(
        gains[0].ece_before > 0.15 && gains[0].ece_after.unwrap() < 0.01,
        "{gains:?}"
    );
}

#[test]
fn few_answers_make_no_map() {
    let (file, gains) = calibrate(&boaster(ANSWERS_MIN - 1));
    assert!(file.maps.is_empty());
    assert_eq!(
        (gains[0].answers, gains[0].ece_after),
        (ANSWERS_MIN - 1, None)
    );
    assert_eq!(calibrate(&boaster(ANSWERS_MIN)).0.maps.len(), 1);
}

#[test]
fn a_map_is_read_by_its_digest_alone() {
    let (file, _) = calibrate(&boaster(200));
    let bytes = file.to_bytes();
    let digest = digest::blake2(&bytes);
    assert_eq!(CalibrationFile::read(&bytes, &digest), Ok(file.clone()));
    let error = CalibrationFile::read(&bytes[1..], &digest).unwrap_err();
    assert!(error.contains("its digest is 0x"), "{error}");
    let refused = |change: &dyn Fn(&mut CalibrationFile)| {
        let mut file = file.clone();
        change(&mut file);
        let bytes = file.to_bytes();
        CalibrationFile::read(&bytes, &digest::blake2(&bytes)).unwrap_err()
    };
    assert!(refused(&|file| file.format = "other/1".to_owned()).contains("other/1"));
    assert!(refused(&|file| file.maps[0].confidence[0] = 1).contains("101 numbers"));
    assert!(refused(&|file| file.maps[0].confidence[50] = 1).contains("never fall"));
    assert!(refused(&|file| file.maps[0].confidence.truncate(100)).contains("101"));
    let error = CalibrationFile::read(b"[]", &digest::blake2(b"[]")).unwrap_err();
    assert!(error.contains("eval calibrate"), "{error}");
}
