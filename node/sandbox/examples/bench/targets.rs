//! What the oracle must reach, whatever was stored before.

use serde_json::Value;

/// Requests of three seats in a block of 1.5 s, with the base weight of each transaction and the pallet's
/// call: with a carrier each, and with one for sixteen of them. A chain's extensions come on top; those of
/// the original node weigh nothing.
const LEAST_FIT: [(&str, f64); 2] = [("one_carrier", 340.0), ("one_carrier_for_16", 950.0)];
/// What a further seat may cost by one carrier where the accounts share a cell, microseconds.
const SEAT_MOST_US: f64 = 200.0;
/// How much more a further seat of many may cost than one of few: an end is linear in the seats.
const MOST_GROWTH: f64 = 1.1;
/// The code's size, bytes.
const MOST_CODE: f64 = 100.0 * 1024.0;

/// Fails with every target that is missed.
pub fn check(report: &Value) -> Result<(), String> {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let mut missed = Vec::new();
    for (name, least) in LEAST_FIT {
        let fit = number(&report["fit_a_block"][name]);
        // A figure that is missing is none that is reached.
        if fit < least || fit.is_nan() {
            missed.push(format!(
                "{fit} requests fit a block ({name}); at least {least} must"
            ));
        }
    }
    let seat = number(&report["further_seat_us"]);
    if seat >= SEAT_MOST_US || seat.is_nan() {
        missed.push(format!(
            "a further seat costs {seat} us; it must be under {SEAT_MOST_US}"
        ));
    }
    let reveals = &report["further_reveal_us"];
    let (few, many) = (
        number(&reveals["3_to_7_seats"]),
        number(&reveals["7_to_32_seats"]),
    );
    if many > few * MOST_GROWTH || many.is_nan() {
        missed.push(format!(
            "a further reveal costs {few} us of few seats and {many} of many"
        ));
    }
    let code = number(&report["code_bytes"]);
    if code >= MOST_CODE || code.is_nan() {
        missed.push(format!(
            "the code has {code} bytes; it must be under {MOST_CODE}"
        ));
    }
    if missed.is_empty() {
        println!("every target is reached");
        return Ok(());
    }
    Err(format!("targets missed:\n  {}", missed.join("\n  ")))
}
