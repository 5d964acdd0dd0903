//! HTML: what a browser would show, without decoration.

use super::Unreadable;
use crate::text;
use html2text::{config, render::TrivialDecorator};

pub(super) const NAME: &str = "html2text/0.17.4+1";

/// Width of a line, characters. Paragraphs are broken there and nowhere else.
const WIDTH: usize = 10_000;
/// Most elements that are open at the same time. The time to read a document grows with their square.
const DEPTH_MAX: usize = 512;

/// Elements that have no end, or need not have it.
const OPEN_ENDED: [&str; 31] = [
    "area", "base", "body", "br", "col", "colgroup", "dd", "dt", "embed", "head", "hr", "html",
    "img", "input", "li", "link", "meta", "optgroup", "option", "p", "rp", "rt", "source", "tbody",
    "td", "tfoot", "th", "thead", "tr", "track", "wbr",
];

pub(super) fn read(bytes: &[u8], media: &str) -> Result<String, Unreadable> {
    let html = text::decoded(bytes, media, true)?;
    let depth = depth(&html);
    if depth > DEPTH_MAX {
        let why =
            format!("{depth} elements of it are open at once, and at most {DEPTH_MAX} are read");
        return Err(Unreadable(why));
    }
    let config = config::with_decorator(TrivialDecorator::new())
        .no_table_borders()
        .link_footnotes(false)
        .allow_width_overflow()
        // What a style sheet hides from people is not shown to a model.
        .use_doc_css();
    let text = config.string_from_read(html.as_bytes(), WIDTH);
    text.map_err(|error| Unreadable(format!("its HTML can't be read: {error}")))
}

/// How many elements are open at once at the most, as far as tags alone say it.
fn depth(html: &str) -> usize {
    let (mut open, mut most) = (0_usize, 0_usize);
    for (at, _) in html.match_indices('<') {
        let tag = html.get(at.saturating_add(1)..).unwrap_or_default();
        let (tag, is_end) = tag
            .strip_prefix('/')
            .map_or((tag, false), |tag| (tag, true));
        if !tag.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let name = tag.split(|c: char| !c.is_ascii_alphanumeric()).next();
        let name = name.unwrap_or_default().to_ascii_lowercase();
        // Drawings in a page are full of elements that end where they begin. In HTML itself that has no
        // meaning: whoever uses it to get past here meets the limits of the process.
        let is_whole = tag.split('>').next().is_some_and(|tag| tag.ends_with('/'));
        if is_whole || OPEN_ENDED.contains(&name.as_str()) {
            continue;
        }
        open = if is_end {
            open.saturating_sub(1)
        } else {
            open.saturating_add(1)
        };
        most = most.max(open);
    }
    most
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::extract::extract;

    const PAGE: &str = "<!doctype html><html><head><title>T</title><style>.x{display:none}</style>\
        <script>alert(1)</script></head><body><h1>Head</h1><p>One <b>bold</b> <a href='/x'>link</a>.</p>\
        <p style='display:none'>none</p><p class=x>by class</p><!-- comment --><ul><li>a<li>b</ul>\
        <table><tr><th>City</th><th>People</th></tr><tr><td>Paris</td><td>2,100,000</td></tr></table>\
        <pre>code\n  line</pre></body></html>";

    #[test]
    fn a_page_is_what_people_see_of_it() {
        let page = extract(PAGE.as_bytes(), "text/html").unwrap();
        for shown in ["Head", "One bold link.", "2,100,000", "code\n  line"] {
            assert!(page.text.contains(shown), "{shown}: {}", page.text);
        }
        for hidden in ["alert", "none", "by class", "comment", "display"] {
            assert!(!page.text.contains(hidden), "{hidden}: {}", page.text);
        }
        assert_eq!(page.extractor, NAME);
    }

    #[test]
    fn deep_nesting_is_refused_and_a_long_list_is_not() {
        let deep = "<div>".repeat(513);
        assert!(extract(format!("{deep}x").as_bytes(), "text/html").is_err());
        let list = "<li>x<p>y<br>".repeat(5_000);
        assert!(extract(list.as_bytes(), "text/html").is_ok());
    }
}
