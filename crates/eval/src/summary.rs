//! The report in a few lines for a terminal.

use crate::{
    report::{CommitteeReport, EvalReport, SliceReport},
    stats::{coverage::CoveragePoint, interval::Proportion},
};
use std::fmt::Write;

/// The summary.
pub fn text(report: &EvalReport) -> String {
    let mut out = String::new();
    let models = report.models.len();
    let s = if models == 1 { "" } else { "s" };
    let _ = writeln!(out, "{} questions, {models} model{s}", report.questions);
    section(&mut out, "Accuracy", &accuracy(report));
    section(&mut out, "Errors of pairs", &pairs(report));
    section(&mut out, "Committees", &committees(report));
    section(&mut out, "Hostile seats", &hostile(report));
    section(&mut out, "Reversed options", &orders(report));
    section(&mut out, "Time and cost", &costs(report));
    out
}

/// A share in percent with its interval.
pub(crate) fn percent(share: &Proportion) -> String {
    if share.of == 0 {
        return "-".to_owned();
    }
    let [share, low, high] = [share.share, share.low, share.high].map(|part| part * 100.0);
    format!("{share:.0} % ({low:.0} to {high:.0})")
}

/// A number with a sign, in percentage points, with its interval.
pub(crate) fn points(value: f64, low: f64, high: f64) -> String {
    let [value, low, high] = [value, low, high].map(|part| part * 100.0);
    format!("{value:+.0} ({low:+.0} to {high:+.0})")
}

/// Accuracy of the surest answers that cover at least half of the questions.
pub(crate) fn surest_half(points: &[CoveragePoint]) -> String {
    let half = points.iter().find(|point| point.coverage >= 0.5);
    half.map_or_else(|| "-".to_owned(), |point| percent(&point.right))
}

type Rows = Vec<Vec<String>>;

/// Columns of equal width, or nothing without rows.
fn section(out: &mut String, title: &str, (header, rows): &(&[&str], Rows)) {
    if rows.is_empty() {
        return;
    }
    let header: Vec<String> = header.iter().map(|&cell| cell.to_owned()).collect();
    let all: Vec<&Vec<String>> = std::iter::once(&header).chain(rows).collect();
    let width = |column: usize| {
        let cells = all.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let _ = writeln!(out, "\n{title}");
    for row in &all {
        let cells = row.iter().enumerate();
        let cells: Vec<String> = cells
            .map(|(at, cell)| format!("{cell:<width$}", width = width(at)))
            .collect();
        let _ = writeln!(out, "  {}", cells.join("  ").trim_end());
    }
}

/// So many replies, of how many questions if some have none.
fn replies(slice: &SliceReport) -> String {
    let replies = slice.accuracy.of;
    match slice.unanswered {
        0 => replies.to_string(),
        missing => format!("{replies} of {}", replies.saturating_add(missing)),
    }
}

fn accuracy(report: &EvalReport) -> (&'static [&'static str], Rows) {
    let row = |slice: &SliceReport| {
        let calibration = slice.calibration.as_ref();
        vec![
            slice.model.clone(),
            slice.set.clone().unwrap_or_else(|| "all".to_owned()),
            slice.kind.unwrap_or("all").to_owned(),
            replies(slice),
            percent(&slice.accuracy),
            percent(&slice.abstained),
            calibration.map_or_else(|| "-".to_owned(), |one| format!("{:.2}", one.ece)),
            surest_half(&slice.coverage),
        ]
    };
    let header = &[
        "model",
        "set",
        "kind",
        "replies",
        "right",
        "abstained",
        "ECE",
        "surest half right",
    ];
    (header, report.slices.iter().map(row).collect())
}

fn pairs(report: &EvalReport) -> (&'static [&'static str], Rows) {
    let rows = report.pairs.iter().map(|pair| {
        let phi = pair.correlation;
        vec![
            pair.models.join(", "),
            phi.map_or_else(
                || "-".to_owned(),
                |one| format!("{:.2} ({:.2} to {:.2})", one.phi, one.low, one.high),
            ),
            percent(&pair.both_wrong),
            percent(&pair.same_answer),
        ]
    });
    (
        &["models", "correlation", "both wrong", "same answer"],
        rows.collect(),
    )
}

fn committees(report: &EvalReport) -> (&'static [&'static str], Rows) {
    let row = |one: &CommitteeReport| {
        let against = one.against_best_seat;
        vec![
            one.committee.clone(),
            one.seats.join(", "),
            percent(&one.right),
            percent(&one.wrong),
            percent(&one.right_of_agreed),
            percent(&one.all_wrong),
            one.best_seat.clone(),
            points(against.difference, against.low, against.high),
            format!("{:.3}", against.p_value),
        ]
    };
    let header = &[
        "committee",
        "seats",
        "right",
        "wrong",
        "right of agreed",
        "all wrong",
        "best seat",
        "against it",
        "p",
    ];
    (header, report.committees.iter().map(row).collect())
}

fn hostile(report: &EvalReport) -> (&'static [&'static str], Rows) {
    let rows = report.committees.iter().flat_map(|one| {
        one.hostile.iter().map(|hostile| {
            vec![
                one.committee.clone(),
                one.seats.join(", "),
                format!("{:.0} %", hostile.hostile * 100.0),
                percent(&hostile.right),
                percent(&hostile.wrong),
            ]
        })
    });
    (
        &["committee", "seats", "hostile", "right", "wrong"],
        rows.collect(),
    )
}

fn orders(report: &EvalReport) -> (&'static [&'static str], Rows) {
    let rows = report.orders.iter().map(|one| {
        let difference = one.difference;
        vec![
            one.model.clone(),
            percent(&one.changed),
            points(difference.difference, difference.low, difference.high),
        ]
    });
    (
        &["model", "answer changes", "accuracy changes"],
        rows.collect(),
    )
}

fn costs(report: &EvalReport) -> (&'static [&'static str], Rows) {
    let rows = report.costs.iter().map(|one| {
        vec![
            one.model.clone(),
            one.answers.to_string(),
            one.median_ms.to_string(),
            one.p95_ms.to_string(),
            one.tokens.to_string(),
            one.planck.clone(),
        ]
    });
    (
        &[
            "model",
            "answers",
            "median ms",
            "95th ms",
            "tokens",
            "planck",
        ],
        rows.collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::theory::SeatTheory;
    use crate::{committee::CommitteeSpec, measure::report, simulated::simulate};

    #[test]
    fn the_summary_has_every_section_that_has_rows() {
        let theory = SeatTheory {
            error: 0.3,
            correlation: 0.2,
        };
        let found = report(
            &simulate(3, 200, theory, 1),
            &[CommitteeSpec::majority(3)],
            1,
        );
        let text = text(&found);
        assert!(text.starts_with("200 questions, 3 models\n"), "{text}");
        for title in [
            "Accuracy",
            "Errors of pairs",
            "Committees",
            "Hostile seats",
            "Time and cost",
        ] {
            assert!(text.contains(&format!("\n{title}\n")), "{text}");
        }
        // Nothing has options.
        assert!(!text.contains("Reversed options"));
        assert_eq!(percent(&Proportion::new(1, 2)), "50 % (9 to 91)");
        assert_eq!(points(-0.05, -0.1, 0.0), "-5 (-10 to +0)");
    }
}
