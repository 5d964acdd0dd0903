//! Dates that are missing or move, and times without a zone.

use crate::{
    checker::DefectRule,
    patterns::{compile, date, CLOCK, MONTH},
    text::{PromptSentence, QuestionText},
    DefectKind, Finding,
};
use regex::{Error, Regex};

/// Words for a time that depends on when they are read.
const RELATIVE: &[&str] = &[
    "today|tonight|tomorrow|yesterday|right now|currently|at present|presently|at the moment|as of now|nowadays|these days",
    "recently|lately|soon|shortly|eventually|before long|in the (?:near|foreseeable|immediate) future|ever",
    "(?:this|next|last|the next|the last|the coming|the current|its next|their next|his next|her next|the upcoming|later this|early next|late next) (?:week|weekend|month|year|quarter|season|spring|summer|autumn|fall|winter|decade|meeting|election|session|game|match|round|release|update|monday|tuesday|wednesday|thursday|friday|saturday|sunday)s?",
    "in the (?:coming|next|following|past|last) (?:few |\\w+ )?(?:hours|days|weeks|months|years)|in the next \\w+ (?:hours|days|weeks|months|years)",
    "by (?:the )?end of (?:the|this) (?:day|week|month|quarter|year|season|decade)|(?:by|before|until) (?:the )?(?:year|month|quarter|season|week)(?:'s)?[- ]end",
    "(?:in|by|before|during|until|this) (?:the )?(?:spring|summer|autumn|fall|winter)",
];

/// Events that have a date of their own.
const EVENTS: &str = "match|game|race|election|ballot|vote|fight|final|referendum|concert|ceremony|hearing|summit|meeting|debate|auction|launch|conference|fair|festival|tournament|session";

/// Finds [`DefectKind::MissingDate`] and [`DefectKind::MissingTimeZone`].
pub struct TimeRule {
    relative: Regex,
    told: Regex,
    span: Regex,
    anchored: Regex,
    month_alone: Regex,
    weekday_alone: Regex,
    year_after: Regex,
    dated: Regex,
    date: Regex,
    clock: Regex,
    deadline: Regex,
    on_date: Regex,
    event: Regex,
    zone: Regex,
    name_of_zone: Regex,
}

impl TimeRule {
    /// The rule with its patterns.
    ///
    /// # Errors
    /// When a pattern is malformed.
    pub fn new() -> Result<Self, Error> {
        let date = date();
        Ok(Self {
            relative: compile(&format!(r"\b(?:{})\b", RELATIVE.join("|")))?,
            told: compile(r"\b(?:today|yesterday|tomorrow|from now)\b")?,
            span: compile(
                r"\b(?:within|in) (?:the (?:next|coming) )?(?:\d+|a|an|one|two|three|four|five|six|seven|ten|twelve|twenty|thirty) (?:more )?(?:hours?|days?|weeks?|months?|years?)\b",
            )?,
            anchored: compile(r"^,? (?:of|after|from|before|following|since|prior)\b")?,
            month_alone: compile(&format!(
                r"\b(?:by|before|until|in|during|after|since)(?: the end of| early| late| mid-?)? {MONTH}"
            ))?,
            weekday_alone: compile(
                r"\b(?:on|by|before|until) (?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b",
            )?,
            year_after: compile(
                r"^,?(?: \d{1,2}(?:st|nd|rd|th)?,?)? ?(?:19|20|21)\d\d|^,? \d{1,2} \w+ (?:19|20|21)\d\d|^,? (?:of )?(?:19|20|21)\d\d",
            )?,
            dated: compile(&format!(
                r"{date}|\b(?:19|20|21)\d\d\b|\b(?:block|epoch|height|slot|era)s?(?: number| height)? #?\d|\bq[1-4]\b|\bunix time"
            ))?,
            deadline: compile(&format!(
                r"\b(?:by|before|until|till|no later than|not later than|on or before|on or after|at any time until|after|since|through|prior to)(?: the)?(?: end of| close of)? (?:{date})|\b(?:by|before|until)(?: the)? end of (?:20|21)\d\d\b|\b(?:by|before|until|after|since) (?:20|21)\d\d\b"
            ))?,
            on_date: compile(&format!(r"\b(?:on|at the end of|as of) (?:{date})"))?,
            date: compile(&date)?,
            clock: compile(CLOCK)?,
            event: compile(&format!(r"\b(?:{EVENTS})\b"))?,
            zone: compile(
                r"\b(?:utc|gmt|[ecmp][sd]?t|cest|cet|eest|eet|west|wet|bst|jst|kst|ist|sgt|hkt|aest|aedt|msk|anywhere on earth|aoe|time ?zone|local time|exchange time|unix time\w*)\b|\d\d:\d\d(?::\d\d)?(?:z|[+-]\d\d:?\d\d)\b",
            )?,
            // With its case: a proper name.
            name_of_zone: Regex::new(r"\b(?:\p{Lu}[\p{L}-]+|Eastern|Pacific) time\b")?,
        })
    }

    fn relative(&self, text: &QuestionText<'_>, sentence: &PromptSentence) -> Vec<Finding> {
        let after = |end: usize| text.prompt().get(end..).unwrap_or_default();
        // A story may say which day it calls today.
        let mut statements = text.sentences.iter().filter(|one| !one.asks);
        let is_told = statements.any(|one| self.told.is_match(text.of(one)));
        let mut found = text.matches(&self.relative, sentence);
        found.retain(|_| !is_told);
        let spans = text.matches(&self.span, sentence).into_iter();
        found.extend(spans.filter(|range| !self.anchored.is_match(after(range.end))));
        if text.is_open {
            for pattern in [&self.month_alone, &self.weekday_alone] {
                let alone = text.matches(pattern, sentence).into_iter();
                found.extend(alone.filter(|range| !self.year_after.is_match(after(range.end))));
            }
        }
        let suggestion = "write the date with its year, the time and the zone, such as 'by 23:59 UTC on 31 December 2027'";
        found
            .into_iter()
            .map(|range| text.finding(DefectKind::MissingDate, range, suggestion))
            .collect()
    }

    fn undated(&self, text: &QuestionText<'_>) -> Option<Finding> {
        if !text.is_open || self.dated.is_match(&text.context) {
            return None;
        }
        let first = text.asking().into_iter().next()?;
        let suggestion = "say until when, such as 'by 23:59 UTC on 31 December 2027'";
        Some(text.finding(DefectKind::MissingDate, first.range.clone(), suggestion))
    }

    fn zoneless(&self, text: &QuestionText<'_>, sentence: &PromptSentence) -> Option<Finding> {
        let all = |pattern: &Regex| text.matches(pattern, sentence);
        let is_dated = !all(&self.date).is_empty();
        let clock = all(&self.clock).into_iter().next();
        let clock = clock.filter(|_| text.is_open || is_dated);
        let mut dates = all(&self.deadline);
        if all(&self.event).is_empty() {
            dates.extend(all(&self.on_date));
        }
        let is_bound = text.is_open && text.asking().contains(&sentence);
        let date = dates.into_iter().next().filter(|_| is_bound);
        let range = match (date, clock) {
            (Some(date), Some(clock)) => date.start.min(clock.start)..date.end.max(clock.end),
            (found, other) => found.or(other)?,
        };
        let suggestion = "add the time of day and the zone, such as '23:59 UTC'";
        Some(text.finding(DefectKind::MissingTimeZone, range, suggestion))
    }
}

impl DefectRule for TimeRule {
    fn find(&self, text: &QuestionText<'_>) -> Vec<Finding> {
        let asking = text.asking();
        let mut found: Vec<_> = asking
            .iter()
            .flat_map(|one| self.relative(text, one))
            .collect();
        if found.is_empty() {
            found.extend(self.undated(text));
        }
        let has_zone =
            self.zone.is_match(&text.context) || self.name_of_zone.is_match(&text.context);
        if !has_zone {
            let own = text.sentences.iter();
            found.extend(own.filter_map(|one| self.zoneless(text, one)));
        }
        found
    }
}
