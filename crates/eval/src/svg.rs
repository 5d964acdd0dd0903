//! Pictures as SVG: axes from 0 to 1, lines, points and bars.

use std::fmt::Write;

/// Width and height of a picture without its margins, pixels.
const SIZE: f64 = 260.0;
/// Room for axes and labels, pixels.
const MARGIN: f64 = 46.0;
/// Colours that people who see few of them can tell apart (Okabe and Ito, 2008).
const COLOURS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000",
];

/// A picture with both axes from 0 to 1.
pub struct Picture {
    body: String,
    series: usize,
}

/// The text with what HTML reads as markup escaped.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn x_of(x: f64) -> f64 {
    MARGIN + x.clamp(0.0, 1.0) * SIZE
}

fn y_of(y: f64) -> f64 {
    MARGIN / 2.0 + (1.0 - y.clamp(0.0, 1.0)) * SIZE
}

fn colour(series: usize) -> &'static str {
    let at = series.checked_rem(COLOURS.len()).unwrap_or(0);
    COLOURS.get(at).copied().unwrap_or("#000000")
}

impl Picture {
    /// An empty picture; `ticks` are the marks of the x axis, each with its place from 0 to 1.
    pub fn new(x_name: &str, y_name: &str, ticks: &[(f64, String)]) -> Self {
        let mut body = String::new();
        let (left, right, top, bottom) = (x_of(0.0), x_of(1.0), y_of(1.0), y_of(0.0));
        let _ = write!(
            body,
            "<path d=\"M{left} {top}V{bottom}H{right}\" fill=\"none\" stroke=\"#333\"/>"
        );
        for (at, label) in ticks {
            let (x, y) = (x_of(*at), bottom + 14.0);
            let label = escape(label);
            let _ = write!(
                body,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{label}</text>"
            );
        }
        for tenth in (0..=10_u8).step_by(2) {
            let share = f64::from(tenth) / 10.0;
            let (x, y, label) = (left - 6.0, y_of(share) + 4.0, f64::from(tenth) * 10.0);
            let _ = write!(
                body,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"end\">{label:.0}</text>"
            );
        }
        let (middle, under) = (x_of(0.5), bottom + 30.0);
        let x_name = escape(x_name);
        let _ = write!(
            body,
            "<text x=\"{middle}\" y=\"{under}\" text-anchor=\"middle\">{x_name}</text>"
        );
        let (middle, y_name) = (y_of(0.5), escape(y_name));
        let _ = write!(
            body,
            "<text transform=\"translate(12 {middle}) rotate(-90)\" text-anchor=\"middle\">{y_name}</text>"
        );
        Self { body, series: 0 }
    }

    /// Marks of an axis in percent.
    pub fn percent_ticks() -> Vec<(f64, String)> {
        let tick = |tenth: u8| {
            (
                f64::from(tenth) / 10.0,
                (u32::from(tenth).saturating_mul(10)).to_string(),
            )
        };
        (0..=10).step_by(2).map(tick).collect()
    }

    /// A dashed grey line, for what is ideal.
    pub fn reference(&mut self, points: &[(f64, f64)]) {
        let path = path(points);
        let _ = write!(
            self.body,
            "<path d=\"{path}\" fill=\"none\" stroke=\"#999\" stroke-dasharray=\"4 4\"/>"
        );
    }

    /// A line with its points in the next colour; returns the colour.
    pub fn line(&mut self, name: &str, points: &[(f64, f64)]) -> &'static str {
        let colour = self.next_colour();
        let (path, name) = (path(points), escape(name));
        let _ = write!(
            self.body,
            "<g><title>{name}</title><path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        );
        for (x, y) in points {
            let (x, y) = (x_of(*x), y_of(*y));
            let _ = write!(
                self.body,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\" fill=\"{colour}\"/>"
            );
        }
        self.body.push_str("</g>");
        colour
    }

    /// An upright line between two heights, for an interval, in this colour.
    pub fn interval(&mut self, x: f64, low: f64, high: f64, colour: &str) {
        let (x, low, high) = (x_of(x), y_of(low), y_of(high));
        let _ = write!(
            self.body,
            "<path d=\"M{x:.1} {low:.1}V{high:.1}\" stroke=\"{colour}\" stroke-opacity=\".6\"/>"
        );
    }

    /// A bar from below, centred at `x`, in the next colour; returns the colour.
    pub fn bar(&mut self, name: &str, x: f64, width: f64, height: f64) -> &'static str {
        let colour = self.next_colour();
        let (left, top) = (x_of(x - width / 2.0), y_of(height));
        let (wide, high, name) = (width * SIZE, y_of(0.0) - top, escape(name));
        let _ = write!(
            self.body,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{wide:.1}\" height=\"{high:.1}\" fill=\"{colour}\" fill-opacity=\".6\"><title>{name}</title></rect>"
        );
        colour
    }

    fn next_colour(&mut self) -> &'static str {
        let colour = colour(self.series);
        self.series = self.series.saturating_add(1);
        colour
    }

    /// The picture, with a title for those who can't see it.
    pub fn finish(self, title: &str) -> String {
        let (width, height) = (SIZE + MARGIN * 1.5, SIZE + MARGIN * 1.5);
        let (title, body) = (escape(title), self.body);
        format!(
            "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" role=\"img\" aria-label=\"{title}\">{body}</svg>"
        )
    }
}

fn path(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (x, y) in points {
        let command = if path.is_empty() { 'M' } else { 'L' };
        let _ = write!(path, "{command}{:.1} {:.1}", x_of(*x), y_of(*y));
    }
    path
}
