//! Media types, and which reader is for which.

/// What a document is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    Html,
    Json,
    Pdf,
    Text,
}

/// The format that a media type stands for. A server that names no type, or the one for any bytes, leaves it
/// to the document's first bytes.
pub(crate) fn format(media: &str, bytes: &[u8]) -> Option<Format> {
    let kind = media.split(';').next().unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    Some(match kind.as_str() {
        "text/html" | "application/xhtml+xml" => Format::Html,
        "application/pdf" => Format::Pdf,
        "text/csv" => Format::Csv,
        "application/json" | "text/json" => Format::Json,
        "text/xml" | "application/xml" | "text/rtf" => return None,
        "" | "application/octet-stream" => guessed(bytes)?,
        other if other.ends_with("+json") => Format::Json,
        other if other.starts_with("text/") => Format::Text,
        _ => return None,
    })
}

fn guessed(bytes: &[u8]) -> Option<Format> {
    if bytes.starts_with(b"%PDF-") {
        return Some(Format::Pdf);
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.trim_start();
    let start = text.get(..14).unwrap_or(text).to_ascii_lowercase();
    let is_html = start.starts_with("<!doctype html") || start.starts_with("<html");
    Some(if is_html { Format::Html } else { Format::Text })
}

/// The character encoding that a media type names.
pub(crate) fn charset(media: &str) -> Option<&str> {
    media.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_its_reader_or_none() {
        for (media, bytes, expected) in [
            ("text/html; charset=utf-8", "", Some(Format::Html)),
            ("TEXT/HTML", "", Some(Format::Html)),
            ("application/pdf", "", Some(Format::Pdf)),
            ("text/csv", "", Some(Format::Csv)),
            ("application/ld+json", "", Some(Format::Json)),
            ("text/markdown", "", Some(Format::Text)),
            ("text/xml", "<a/>", None),
            ("image/png", "", None),
            ("application/zip", "", None),
            ("", "%PDF-1.7", Some(Format::Pdf)),
            ("", " <!DOCTYPE html><p>", Some(Format::Html)),
            ("application/octet-stream", "plain", Some(Format::Text)),
        ] {
            assert_eq!(format(media, bytes.as_bytes()), expected, "{media}");
        }
        assert_eq!(format("", b"\xff\xfe\xfa"), None);
    }

    #[test]
    fn a_charset_is_found_in_its_parameter() {
        assert_eq!(charset("text/html; q=1; Charset=\"utf-8\""), Some("utf-8"));
        assert_eq!(charset("text/html"), None);
    }
}
