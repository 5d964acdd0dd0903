//! Patterns that several rules share.

use regex::{Error, Regex, RegexBuilder};

/// A number in digits, with currency and separators.
pub const NUMBER: &str = r"(?:[$€£¥]\s?)?\d(?:[\d,.']*\d)?";

/// A number in digits or as a word.
pub const COUNT: &str = r"(?:(?:[$€£¥]\s?)?\d(?:[\d,.']*\d)?|(?:a |one )?(?:hundred|thousand|million|billion|dozen)|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)\b";

/// The name of a month.
pub const MONTH: &str = r"(?:january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b\.?";

/// A date with a year: a day, or a month.
pub fn date() -> String {
    format!(
        r"(?:\d{{1,2}}(?:st|nd|rd|th)?(?: of)? )?{MONTH}(?: \d{{1,2}}(?:st|nd|rd|th)?)?,? (?:19|20|21)\d\d\b|\b(?:19|20|21)\d\d-\d\d-\d\d\b|\b\d{{1,2}}[./]\d{{1,2}}[./](?:19|20|21)\d\d\b"
    )
}

/// A date with a year and a day.
pub fn day() -> String {
    format!(
        r"\b\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {MONTH},? (?:19|20|21)\d\d\b|\b{MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? (?:19|20|21)\d\d\b|\b(?:19|20|21)\d\d-\d\d-\d\d\b"
    )
}

/// A time of day.
pub const CLOCK: &str =
    r"\b(?:\d{1,2}:\d\d(?::\d\d)?(?:\s?[ap]\.?m\b\.?)?|\d{1,2}\s?[ap]\.?m\b\.?|midnight|noon)";

/// Compiles a pattern that ignores case.
///
/// # Errors
/// When it is no pattern.
pub fn compile(pattern: &str) -> Result<Regex, Error> {
    RegexBuilder::new(pattern).case_insensitive(true).build()
}
