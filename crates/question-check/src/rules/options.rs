//! Options that overlap or leave a gap.

use crate::{
    checker::DefectRule,
    patterns::compile,
    ranges::{OptionRange, RangeReader, RangeUnit},
    text::QuestionText,
    DefectKind, Finding, TextPart,
};
use regex::{Error, Regex};

/// An option with its place and range.
type Placed = (usize, OptionRange);

/// Finds [`DefectKind::OptionsOverlap`] and [`DefectKind::OptionsGap`].
pub struct OptionRule {
    ranges: RangeReader,
    rest: Regex,
    open_set: Regex,
    count: Regex,
    per_cent: Regex,
}

impl OptionRule {
    /// The rule with its patterns.
    ///
    /// # Errors
    /// When a pattern is malformed.
    pub fn new() -> Result<Self, Error> {
        Ok(Self {
            ranges: RangeReader::new()?,
            rest: compile(
                r"\b(?:other|others|another|any(?:one|body|thing) else|some(?:one|body|thing) else|none of|neither|nobody|no one|nothing|not|no (?:match|election|result|vote|event|winner|one)|draw|tie|unknown|cancelled|canceled|void|undecided|not enough)\b",
            )?,
            open_set: compile(r"\b(?:who|which|what|whom|whose|where|how (?:will|does|do|is))\b")?,
            count: compile(r"\bhow many\b")?,
            per_cent: compile(r"%|\bper ?cent\b")?,
        })
    }

    fn finding(
        text: &QuestionText<'_>,
        kind: DefectKind,
        at: usize,
        suggestion: String,
    ) -> Finding {
        let option = text.options.get(at).map_or("", String::as_str);
        Finding::new(
            kind,
            TextPart::Option(at),
            option,
            0..option.len(),
            suggestion,
        )
    }

    fn overlaps(text: &QuestionText<'_>, placed: &[Placed]) -> Vec<Finding> {
        let mut found = Vec::new();
        for (place, (at, range)) in placed.iter().enumerate() {
            let earlier = placed.iter().take(place);
            let Some((other, _)) = earlier.rev().find(|(_, other)| other.overlaps(range)) else {
                continue;
            };
            let shared = text.options.get(*other).map_or("", String::as_str);
            let suggestion = format!(
                "let it begin where '{shared}' ends: '0 to 9' and '10 to 19', or '10 or more, but less than 20'"
            );
            found.push(Self::finding(
                text,
                DefectKind::OptionsOverlap,
                *at,
                suggestion,
            ));
        }
        found
    }

    /// A gap between two ranges, or beyond the last one.
    fn range_gap(
        &self,
        text: &QuestionText<'_>,
        unit: RangeUnit,
        placed: &[Placed],
    ) -> Option<Finding> {
        let mut sorted = placed.to_vec();
        let low = |(_, range): &Placed| range.low.map_or(f64::NEG_INFINITY, |low| low.value);
        sorted.sort_by(|one, other| low(one).total_cmp(&low(other)));
        let step = match unit {
            RangeUnit::Number(places) => 0.1_f64.powi(places.into()),
            _ => 1.0,
        };
        for pair in sorted.windows(2) {
            let [(_, lower), (at, upper)] = pair else {
                continue;
            };
            let covered = placed.iter().any(|(_, range)| {
                range.overlaps(lower) && range != lower && !range.leaves_gap_to(upper, step)
            });
            if lower.leaves_gap_to(upper, step) && !covered {
                let suggestion = "let it begin where the option below it ends".to_owned();
                return Some(Self::finding(text, DefectKind::OptionsGap, *at, suggestion));
            }
        }
        let is_number = matches!(unit, RangeUnit::Number(_));
        let (first, last) = (sorted.first()?, sorted.last()?);
        let is_count = self.count.is_match(text.prompt());
        let below = is_count && first.1.low.is_some_and(|low| low.value > step);
        let per_cent = self.per_cent.is_match(&text.options.join(" "));
        let ends = |range: &OptionRange| {
            let is_whole = per_cent && range.high.is_some_and(|high| high.value >= 100.0);
            range.high.is_some() && range.low != range.high && !is_whole
        };
        let is_open_above = placed.iter().any(|(_, range)| range.high.is_none());
        let above = is_number && !is_open_above && ends(&last.1);
        let at = if above { last.0 } else { first.0 };
        (above || (is_number && below)).then(|| {
            let suggestion = "add an option for what lies beyond, such as '11 or more'".to_owned();
            Self::finding(text, DefectKind::OptionsGap, at, suggestion)
        })
    }

    /// Names or outcomes of an open question, of which none is for the rest.
    fn name_gap(&self, text: &QuestionText<'_>) -> Option<Finding> {
        let asks =
            |sentence: &&crate::text::PromptSentence| self.open_set.is_match(text.of(sentence));
        let is_asked = text.is_open && text.asking().iter().any(asks);
        let last = text.options.len().checked_sub(1)?;
        is_asked.then(|| {
            let suggestion =
                "add an option for every other outcome, such as 'another' or 'draw or no match'";
            Self::finding(text, DefectKind::OptionsGap, last, suggestion.to_owned())
        })
    }
}

impl DefectRule for OptionRule {
    fn find(&self, text: &QuestionText<'_>) -> Vec<Finding> {
        if text.options.len() < 2 {
            return Vec::new();
        }
        let has_rest = text.options.iter().any(|one| self.rest.is_match(one));
        let Some((unit, ranges)) = self.ranges.read(&text.options) else {
            return if has_rest {
                Vec::new()
            } else {
                self.name_gap(text).into_iter().collect()
            };
        };
        let placed = ranges.iter().enumerate();
        let placed: Vec<Placed> = placed
            .filter_map(|(at, range)| Some((at, (*range)?)))
            .collect();
        let mut found = Self::overlaps(text, &placed);
        if !has_rest && placed.len() == text.options.len() {
            found.extend(self.range_gap(text, unit, &placed));
        }
        found
    }
}
