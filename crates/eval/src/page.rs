//! The report as one HTML page that needs nothing else: no script, no font, no network.

use crate::{
    report::{EvalReport, SliceReport},
    stats::real,
    summary,
    svg::{escape, Picture},
};
use std::fmt::Write;

/// What the page looks like.
const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;\
color:#222}svg{font-size:11px;max-width:100%}figure{display:inline-block;margin:0 1rem 1rem 0;vertical-align:top}\
figcaption{max-width:20rem}pre{overflow-x:auto;background:#f5f5f5;padding:1rem}.key{display:inline-block;\
width:.8em;height:.8em;margin:0 .3em 0 .8em}td,th{padding:.2rem .6rem;text-align:right}";

/// The page.
pub fn html(report: &EvalReport) -> String {
    let mut figures = String::new();
    for figure in [
        reliability(report),
        risk(report),
        sizes(report),
        families(report),
    ] {
        figures.push_str(&figure);
    }
    let (matrix, text) = (correlations(report), escape(&summary::text(report)));
    let (questions, models) = (report.questions, escape(&report.models.join(", ")));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>Evaluation</title><style>{STYLE}</style></head><body>\n<h1>Evaluation</h1>\n\
         <p>{questions} questions. Models: {models}. Intervals are of 95 %.</p>\n\
         {figures}\n{matrix}\n<h2>Numbers</h2>\n<pre>{text}</pre>\n</body></html>\n"
    )
}

/// The slice of each model over all questions.
fn whole(report: &EvalReport) -> impl Iterator<Item = &SliceReport> {
    report.slices.iter().filter(|slice| slice.kind.is_none())
}

fn figure(picture: Picture, title: &str, says: &str, keys: &[(String, &str)]) -> String {
    let picture = picture.finish(title);
    let mut legend = String::new();
    for (name, colour) in keys {
        let name = escape(name);
        let _ = write!(
            legend,
            "<span class=\"key\" style=\"background:{colour}\"></span>{name}"
        );
    }
    format!(
        "<figure><h2>{title}</h2>{picture}<figcaption>{legend}<br>{says}</figcaption></figure>\n"
    )
}

fn reliability(report: &EvalReport) -> String {
    let ticks = Picture::percent_ticks();
    let mut picture = Picture::new("confidence, %", "right, %", &ticks);
    picture.reference(&[(0.0, 0.0), (1.0, 1.0)]);
    let mut keys = Vec::new();
    for slice in whole(report) {
        let Some(calibration) = &slice.calibration else {
            continue;
        };
        let bins = &calibration.bins;
        let points: Vec<_> = bins
            .iter()
            .map(|bin| (bin.confidence, bin.right.share))
            .collect();
        let colour = picture.line(&slice.model, &points);
        for bin in bins {
            picture.interval(bin.confidence, bin.right.low, bin.right.high, colour);
        }
        keys.push((
            format!("{} (ECE {:.2})", slice.model, calibration.ece),
            colour,
        ));
    }
    let says = "On the dashed line confidence comes true; below it a model is too sure.";
    figure(picture, "Reliability", says, &keys)
}

fn risk(report: &EvalReport) -> String {
    let ticks = Picture::percent_ticks();
    let mut picture = Picture::new("answered, %", "wrong of answered, %", &ticks);
    let mut keys = Vec::new();
    let models = whole(report).map(|slice| (slice.model.clone(), &slice.coverage));
    let committees = report.committees.iter();
    let committees = committees.map(|one| {
        (
            format!("{} of {}", one.committee, one.seats.join(", ")),
            &one.coverage,
        )
    });
    for (name, coverage) in models.chain(committees.take(1)) {
        let points = coverage
            .iter()
            .map(|point| (point.coverage, 1.0 - point.right.share));
        let points: Vec<_> = points.collect();
        if points.is_empty() {
            continue;
        }
        let colour = picture.line(&name, &points);
        keys.push((name, colour));
    }
    let says = "The surest answers first: a line that rises to the right says that confidence is worth something.";
    figure(picture, "Risk against coverage", says, &keys)
}

fn sizes(report: &EvalReport) -> String {
    let most = report
        .sizes
        .iter()
        .map(|size| f64::from(size.seats))
        .fold(1.0, f64::max);
    let x = |seats: u8| f64::from(seats) / (most + 1.0);
    let ticks = report
        .sizes
        .iter()
        .map(|size| (x(size.seats), size.seats.to_string()));
    let ticks: Vec<_> = ticks.collect();
    let mut picture = Picture::new("seats", "questions, %", &ticks);
    let line = |part: fn(&crate::report::SizeReport) -> f64| {
        let points = report.sizes.iter().map(|size| (x(size.seats), part(size)));
        points.collect::<Vec<_>>()
    };
    picture.reference(&line(|size| size.right_if_independent));
    let keys = [
        (
            "agreed and right".to_owned(),
            picture.line("right", &line(|size| size.right)),
        ),
        (
            "agreed and wrong".to_owned(),
            picture.line("wrong", &line(|size| size.wrong)),
        ),
        (
            "every seat wrong".to_owned(),
            picture.line("all wrong", &line(|size| size.all_wrong)),
        ),
    ];
    let says = "Dashed: what would be right with two options and independent errors.";
    figure(picture, "Committee size", says, &keys)
}

fn families(report: &EvalReport) -> String {
    let mut picture = Picture::new("models", "right, %", &[]);
    let mut keys = Vec::new();
    let step = 1.0 / real(report.models.len().max(1));
    for (at, slice) in whole(report).enumerate() {
        let x = (real(at) + 0.5) * step;
        let colour = picture.bar(&slice.model, x, step * 0.6, slice.accuracy.share);
        picture.interval(x, slice.accuracy.low, slice.accuracy.high, "#222");
        keys.push((slice.model.clone(), colour));
    }
    figure(
        picture,
        "Families",
        "Each model is a family of its own.",
        &keys,
    )
}

/// How the errors of each two models correlate, as a coloured table; nothing with one model.
fn correlations(report: &EvalReport) -> String {
    if report.pairs.is_empty() {
        return String::new();
    }
    let mut rows = String::new();
    for one in &report.models {
        let _ = write!(rows, "<tr><th>{}</th>", escape(one));
        for other in &report.models {
            let pair = report
                .pairs
                .iter()
                .find(|pair| pair.models.contains(one) && pair.models.contains(other));
            let phi = pair
                .filter(|_| one != other)
                .and_then(|pair| pair.correlation);
            let _ = match phi {
                Some(phi) => write!(
                    rows,
                    "<td style=\"background:rgba(213,94,0,{:.2})\">{:.2}</td>",
                    phi.phi.max(0.0),
                    phi.phi
                ),
                None => write!(rows, "<td>-</td>"),
            };
        }
        rows.push_str("</tr>\n");
    }
    let mut head = String::from("<tr><th></th>");
    for model in &report.models {
        let _ = write!(head, "<th>{}</th>", escape(model));
    }
    format!("<h2>Correlation of errors</h2>\n<table>{head}</tr>\n{rows}</table>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        committee::CommitteeSpec, measure::report, simulated::simulate, stats::theory::SeatTheory,
    };

    #[test]
    fn the_page_has_its_pictures_and_needs_nothing_else() {
        let theory = SeatTheory {
            error: 0.3,
            correlation: 0.2,
        };
        let mut matrix = simulate(3, 200, theory, 1);
        matrix.columns[0].model = "<b>&\"x'".to_owned();
        let page = html(&report(&matrix, &[CommitteeSpec::majority(3)], 1));
        assert_eq!(page.matches("<svg").count(), 4);
        for title in [
            "Reliability",
            "Risk against coverage",
            "Committee size",
            "Families",
        ] {
            assert!(page.contains(&format!("<h2>{title}</h2>")), "{title}");
        }
        for part in [
            "<script", "http:", "https:", "src=", "url(", "<b>", "NaN", "inf",
        ] {
            assert!(!page.contains(part), "the page has {part}");
        }
        assert!(page.contains("&lt;b&gt;&amp;&quot;x&#39;"));
        for tag in ["svg", "figure", "g", "table", "tr", "pre", "title"] {
            let open = page.matches(&format!("<{tag}>")).count()
                + page.matches(&format!("<{tag} ")).count();
            assert_eq!(open, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }

    #[test]
    fn a_report_without_answers_has_a_page() {
        let page = html(&report(&crate::matrix::AnswerMatrix::default(), &[], 1));
        assert!(page.contains("0 questions") && !page.contains("NaN"));
    }
}
