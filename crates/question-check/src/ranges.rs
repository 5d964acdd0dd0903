//! Options that are ranges of numbers, months, quarters or weekdays.

use crate::patterns::{compile, CLOCK, NUMBER};
use regex::{Error, Regex};

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RangeEnd {
    /// Its value.
    pub value: f64,
    /// Whether the value itself is in the range.
    pub included: bool,
}

/// Numbers from one end to another; without an end it goes on for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OptionRange {
    /// The lower end.
    pub low: Option<RangeEnd>,
    /// The upper end.
    pub high: Option<RangeEnd>,
}

/// What the values of a list of options are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeUnit {
    /// Numbers, of which the smallest step has so many decimal places.
    Number(u8),
    /// Months of a year.
    Month,
    /// Quarters of a year.
    Quarter,
    /// Days of a week.
    Weekday,
}

impl OptionRange {
    fn exactly(value: f64) -> Self {
        let end = Some(RangeEnd {
            value,
            included: true,
        });
        Self {
            low: end,
            high: end,
        }
    }

    /// Whether a value is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let is_below = |high: Option<RangeEnd>, low: Option<RangeEnd>| match (high, low) {
            (Some(high), Some(low)) => {
                let touch = high.included && low.included;
                high.value < low.value || (!touch && high.value <= low.value)
            }
            _ => false,
        };
        !is_below(self.high, other.low) && !is_below(other.high, self.low)
    }

    /// Whether values between this one's upper end and another's lower end belong to neither, when the smallest step
    /// between values is `step`.
    pub fn leaves_gap_to(&self, next: &Self, step: f64) -> bool {
        let (Some(high), Some(low)) = (self.high, next.low) else {
            return false;
        };
        let room = match (high.included, low.included) {
            (true, true) => step,
            (false, false) => -step,
            _ => 0.0,
        };
        // Sums of decimals are not exact.
        low.value - high.value > room + step / 1000.0
    }
}

/// Reads options as ranges.
pub struct RangeReader {
    number: Regex,
    clock: Regex,
    between: Regex,
    low: Regex,
    low_open: Regex,
    low_after: Regex,
    high: Regex,
    high_open: Regex,
    high_after: Regex,
    whole: Regex,
}

const MONTHS: [[&str; 2]; 12] = [
    ["january", "jan"],
    ["february", "feb"],
    ["march", "mar"],
    ["april", "apr"],
    ["may", "may"],
    ["june", "jun"],
    ["july", "jul"],
    ["august", "aug"],
    ["september", "sep"],
    ["october", "oct"],
    ["november", "nov"],
    ["december", "dec"],
];
const WEEKDAYS: [[&str; 2]; 7] = [
    ["monday", "mon"],
    ["tuesday", "tue"],
    ["wednesday", "wed"],
    ["thursday", "thu"],
    ["friday", "fri"],
    ["saturday", "sat"],
    ["sunday", "sun"],
];
const QUARTERS: [[&str; 2]; 4] = [["q1", "1st"], ["q2", "2nd"], ["q3", "3rd"], ["q4", "4th"]];
/// Words that may stand beside the names of months, days and quarters.
const JOINING: [&str; 12] = [
    "to", "and", "or", "until", "through", "from", "between", "later", "after", "earlier",
    "before", "quarter",
];

impl RangeReader {
    /// A reader with its patterns.
    ///
    /// # Errors
    /// When a pattern is malformed.
    pub fn new() -> Result<Self, Error> {
        let number = format!("({NUMBER})");
        let unit = r"\s*(?:%|percent|[\p{L}€$£°/²]{0,12})?\s*";
        Ok(Self {
            number: compile(NUMBER)?,
            clock: compile(CLOCK)?,
            between: compile(&format!(
                r"^(?:from |between )?{number}{unit}(?:-|–|—|to|and|until|\.\.)\s*{number}"
            ))?,
            low: compile(&format!(
                r"(?:at least|from|≥|>=|min(?:imum)?\.?|no (?:less|fewer) than) ?{number}"
            ))?,
            low_open: compile(&format!(
                r"(?:more than|over|above|greater than|higher than|larger than|older than|longer than|exceed(?:s|ing)|>|beyond) ?{number}"
            ))?,
            low_after: compile(&format!(
                r"{number}{unit}(?:\+|or (?:more|above|over|higher|greater|older|later|longer|larger)|and (?:more|above|over|higher|up|older|later|upwards?))"
            ))?,
            high: compile(&format!(
                r"(?:at most|up to|≤|<=|max(?:imum)?\.?|no more than|not more than) ?{number}"
            ))?,
            high_open: compile(&format!(
                r"(?:less than|fewer than|under|below|lower than|smaller than|younger than|shorter than|<) ?{number}"
            ))?,
            high_after: compile(&format!(
                r"{number}{unit}(?:or|and) (?:less|fewer|below|under|lower|smaller|younger|earlier|shorter)"
            ))?,
            whole: compile(&format!(r"^(?:exactly )?{number}{unit}$"))?,
        })
    }

    /// All options as ranges of one unit; `None` for an option that is no range. `None` if fewer than two are.
    pub fn read(&self, options: &[String]) -> Option<(RangeUnit, Vec<Option<OptionRange>>)> {
        let names = [
            (RangeUnit::Month, &MONTHS[..]),
            (RangeUnit::Weekday, &WEEKDAYS[..]),
            (RangeUnit::Quarter, &QUARTERS[..]),
        ];
        for (unit, names) in names {
            let ranges: Vec<_> = options.iter().map(|one| named(one, names)).collect();
            if ranges.iter().flatten().count() >= 2 {
                return Some((unit, ranges));
            }
        }
        let ranges: Vec<_> = options.iter().map(|one| self.numbers(one)).collect();
        let all = options.iter().flat_map(|one| self.number.find_iter(one));
        let places = all.map(|one| places(one.as_str())).max().unwrap_or(0);
        // A list of single numbers is no division of all numbers.
        let has_range = ranges.iter().flatten().any(|range| range.low != range.high);
        let count = ranges.iter().flatten().count();
        (count >= 2 && has_range).then_some((RangeUnit::Number(places), ranges))
    }

    fn numbers(&self, option: &str) -> Option<OptionRange> {
        let text = option.trim();
        if self.clock.is_match(text) {
            return None;
        }
        if matches!(text.to_lowercase().as_str(), "none" | "zero") {
            return Some(OptionRange::exactly(0.0));
        }
        let text = &halves(text);
        let end = |pattern: &Regex, included: bool| {
            let found = pattern.captures(text)?.get(1)?.as_str();
            let value = value(found)?;
            Some(RangeEnd { value, included })
        };
        if let Some(both) = self.between.captures(text) {
            let both = both.get(1).zip(both.get(2));
            let (low, high) = both.map(|(low, high)| (low.as_str(), high.as_str()))?;
            let end = |text| {
                value(text).map(|value| RangeEnd {
                    value,
                    included: true,
                })
            };
            return Some(OptionRange {
                low: end(low),
                high: end(high),
            });
        }
        // 'No more than' has 'more than' in it, so ends that are included come first.
        let high = end(&self.high, true)
            .or_else(|| end(&self.high_after, true))
            .or_else(|| end(&self.high_open, false));
        let low = end(&self.low, true)
            .or_else(|| end(&self.low_after, true))
            .or_else(|| end(&self.low_open, false).filter(|_| !self.high.is_match(text)));
        if low.is_some() || high.is_some() {
            return Some(OptionRange { low, high });
        }
        end(&self.whole, true).map(|end| OptionRange::exactly(end.value))
    }
}

/// Halves in digits.
fn halves(text: &str) -> String {
    let lower = text.to_lowercase();
    match lower.contains("half") {
        true => lower.replace("half", "0.5"),
        false => lower,
    }
}

fn value(text: &str) -> Option<f64> {
    let digits: String = text
        .chars()
        .filter(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    digits.parse().ok()
}

/// Decimal places of a number.
fn places(text: &str) -> u8 {
    let places = text.rsplit_once('.').map_or(0, |(_, places)| places.len());
    u8::try_from(places).unwrap_or(u8::MAX)
}

/// A range of named months, quarters or days, with both ends; `None` if the option has other words.
fn named(option: &str, names: &[[&str; 2]]) -> Option<OptionRange> {
    let lower = option.to_lowercase();
    let place = |word: &str| names.iter().position(|known| known.contains(&word));
    let words = lower.split(|c: char| !c.is_alphanumeric());
    let mut places = Vec::new();
    for word in words.filter(|word| !word.is_empty()) {
        match place(word) {
            Some(at) => places.push(at),
            None if JOINING.contains(&word) => {}
            None => return None,
        }
    }
    // A place is at most 11.
    let end = |at: usize| {
        Some(RangeEnd {
            value: at as f64,
            included: true,
        })
    };
    let last = match lower.contains("later") || lower.contains("after") {
        true => None,
        false => places.last().copied().and_then(end),
    };
    Some(OptionRange {
        low: end(*places.first()?),
        high: last,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(option: &str) -> Option<(Option<(f64, bool)>, Option<(f64, bool)>)> {
        let range = RangeReader::new().unwrap().numbers(option)?;
        let end = |end: Option<RangeEnd>| end.map(|end| (end.value, end.included));
        Some((end(range.low), end(range.high)))
    }

    #[test]
    fn each_way_to_write_a_range_has_its_ends() {
        for (option, low, high) in [
            ("0-9", Some((0.0, true)), Some((9.0, true))),
            ("50 USD to 100 USD", Some((50.0, true)), Some((100.0, true))),
            ("$1,000–$2,000", Some((1000.0, true)), Some((2000.0, true))),
            ("11+", Some((11.0, true)), None),
            ("65 or older", Some((65.0, true)), None),
            ("no more than 5", None, Some((5.0, true))),
            ("more than 2.5 %", Some((2.5, false)), None),
            ("under 18", None, Some((18.0, false))),
            (
                "50 or more, but less than 100",
                Some((50.0, true)),
                Some((100.0, false)),
            ),
            ("exactly 7", Some((7.0, true)), Some((7.0, true))),
            ("none", Some((0.0, true)), Some((0.0, true))),
            ("less than half", None, Some((0.5, false))),
        ] {
            assert_eq!(read(option), Some((low, high)), "{option}");
        }
        for option in ["Vance", "O(log n)", "yes", "", "7am to 11am"] {
            assert_eq!(read(option), None, "{option}");
        }
    }

    #[test]
    fn names_of_months_are_ranges_and_words_that_begin_like_them_are_not() {
        let reader = RangeReader::new().unwrap();
        let read = |options: [&str; 2]| reader.read(&options.map(str::to_owned));
        let (unit, _) = read(["January to June", "July or later"]).unwrap();
        assert_eq!(unit, RangeUnit::Month);
        assert_eq!(read(["Q1", "Q3"]).unwrap().0, RangeUnit::Quarter);
        assert_eq!(read(["the full monty", "a thumb"]), None);
        assert_eq!(read(["5", "7"]), None, "no range among them");
    }

    #[test]
    fn ranges_overlap_or_leave_a_gap_at_their_ends() {
        let range = |option: &str| RangeReader::new().unwrap().numbers(option).unwrap();
        for (first, second, overlaps, gap) in [
            ("0-10", "10-20", true, false),
            ("0-10", "11-20", false, false),
            ("0-10", "12-20", false, true),
            ("under 100", "100 or more", false, false),
            ("under 100", "over 100", false, true),
            ("at most 3", "at least 3", true, false),
        ] {
            let (one, other) = (range(first), range(second));
            assert_eq!(one.overlaps(&other), overlaps, "{first} {second}");
            assert_eq!(one.leaves_gap_to(&other, 1.0), gap, "{first} {second}");
        }
    }
}
