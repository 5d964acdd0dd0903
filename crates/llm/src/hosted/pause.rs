//! The pause that a server asks for, in the forms in which servers write it.

/// Words before a pause in a message.
const BEFORE: [&str; 3] = ["try again in ", "retry in ", "retry after "];
/// Units with their milliseconds. A longer name comes before one that it begins with.
const UNITS: [(&str, f64); 5] = [
    ("ms", 1.0),
    ("milli", 1.0),
    ("h", 3_600_000.0),
    ("m", 60_000.0),
    ("s", 1_000.0),
];

/// Seconds such as `17s`, `1.5` or `20`, in milliseconds rounded up; nothing for none.
pub(super) fn seconds_ms(text: &str) -> Option<u64> {
    let text = text.trim().trim_end_matches('s');
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let whole: u64 = whole.parse().ok()?;
    let has_part = part.bytes().any(|digit| digit != b'0');
    if !part.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let seconds = whole.saturating_add(u64::from(has_part));
    (seconds > 0).then(|| seconds.saturating_mul(1_000))
}

/// The pause that a message in lower case names, such as `try again in 6m12.5s`, in milliseconds rounded up; nothing
/// for none.
pub(super) fn in_text(text: &str) -> Option<u64> {
    let after = BEFORE
        .iter()
        .find_map(|words| text.split_once(words).map(|(_, after)| after))?;
    let mut rest = after;
    let mut sum = 0.0;
    while let Some((pause_ms, after)) = part(rest) {
        sum += pause_ms;
        rest = after.trim_start_matches([' ', ',']);
    }
    let is_pause = sum > 0.0 && sum < f64::from(u32::MAX);
    // Between 0 and 2^32.
    is_pause.then(|| sum.ceil() as u64)
}

/// A number with its unit, in milliseconds, and what comes behind it.
fn part(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, rest) = text.split_at_checked(end)?;
    let number: f64 = number.parse().ok()?;
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_alphabetic());
    let (unit, rest) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
    let (_, each) = UNITS.iter().find(|(name, _)| unit.starts_with(name))?;
    Some((number * each, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_found_in_a_message() {
        for (text, pause_ms) in [
            ("please try again in 6m12.5s. visit", Some(372_500)),
            ("please try again in 940ms.", Some(940)),
            ("try again in 20s", Some(20_000)),
            ("please retry in 17.0001s.", Some(17_001)),
            ("retry after 30 seconds", Some(30_000)),
            ("try again in 1 hour, 2 minutes", Some(3_720_000)),
            ("try again in a moment", None),
            ("try again in 20", None),
            ("try again in 0s", None),
            ("try again in 99999999h", None),
            ("20s", None),
        ] {
            assert_eq!(in_text(text), pause_ms, "{text}");
        }
    }
}
