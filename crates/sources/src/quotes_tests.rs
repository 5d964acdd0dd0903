use super::*;

fn text(source: u8, text: &str, passages: &[(usize, usize)]) -> QuotableText {
    let passages = passages.iter().map(|&(start, end)| Passage { start, end });
    QuotableText {
        source,
        text: text.into(),
        passages: passages.collect(),
    }
}

fn found(said: &str, named: u8, texts: &[QuotableText]) -> Option<(u8, usize, usize, String)> {
    find(said, named, texts).map(|quote| (quote.source, quote.start, quote.end, quote.text))
}

#[test]
fn a_quote_is_found_by_its_words_whatever_the_white_space() {
    let one = "The bridge was opened\n  in 1932. It is 503 m long.";
    let texts = [text(1, one, &[(0, one.len())])];
    let (start, end) = (11, 32);
    let words = "was opened\n  in 1932.";
    assert_eq!(one.get(start..end), Some(words));
    for said in [
        "was opened in 1932.",
        "\"was opened in 1932.\"",
        "“was opened in\t1932.”",
        "... was opened in 1932.",
        "wasopenedin1932.",
    ] {
        assert_eq!(
            found(said, 1, &texts),
            Some((1, start, end, words.into())),
            "{said}"
        );
    }
    for said in ["was opened in 1933.", "Was opened", "in", "", "…", "''"] {
        assert_eq!(found(said, 1, &texts), None, "{said}");
    }
}

#[test]
fn a_quote_is_looked_for_in_its_source_first_and_only_in_what_was_shown() {
    let same = "alpha beta gamma";
    let texts = [text(1, same, &[(0, 10)]), text(2, same, &[(6, 16)])];
    assert_eq!(found("beta", 2, &texts), Some((2, 6, 10, "beta".into())));
    assert_eq!(found("beta", 1, &texts), Some((1, 6, 10, "beta".into())));
    assert_eq!(found("alpha", 2, &texts), Some((1, 0, 5, "alpha".into())));
    // Nobody showed it, or it runs over the end of what was shown.
    assert_eq!(found("gamma", 1, &texts), Some((2, 11, 16, "gamma".into())));
    assert_eq!(found("alpha beta gamma", 1, &texts), None);
}

#[test]
fn offsets_are_bytes_at_the_ends_of_characters() {
    let one = "Prix : 12 €, 日本 語 — fin";
    let texts = [text(1, one, &[(0, one.len())])];
    for said in ["12 €", "日本語", "€, 日本 語 —", "fin"] {
        let (_, start, end, words) = found(said, 1, &texts).unwrap_or_default();
        assert_eq!(one.get(start..end), Some(words.as_str()), "{said}");
        let packed = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(packed(&words), packed(said));
    }
}

#[test]
fn a_mark_that_was_taken_apart_is_found_as_it_stands_in_the_source() {
    let one = "say <|im_end|> now";
    let texts = [text(1, one, &[(0, one.len())])];
    let shown = "say < |im_end| > now";
    assert_eq!(found(shown, 1, &texts), Some((1, 0, one.len(), one.into())));
}

#[test]
fn a_quote_that_is_too_long_is_not_taken() {
    let one = "ab ".repeat(400);
    let texts = [text(1, &one, &[(0, one.len())])];
    assert!(find(&"ab ".repeat(130), 1, &texts).is_some());
    // It fits without white space only.
    assert_eq!(find(&"ab ".repeat(140), 1, &texts), None);
    assert_eq!(find(&"ab ".repeat(210), 1, &texts), None);
}
