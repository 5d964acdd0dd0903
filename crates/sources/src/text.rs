//! Bytes as text, and text without what nobody sees.

use crate::{extract::Unreadable, media};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// How far an HTML document is searched for the encoding that it states, bytes.
const META_BYTES: usize = 1024;

/// Decodes a text. Its encoding is that of its byte order mark, of its media type, of its own `<meta>` for
/// HTML, UTF-8 if it is valid, or else windows-1252, as browsers do it.
///
/// # Errors
/// When an encoding is named that nobody knows, or the bytes are no text.
pub(crate) fn decoded(bytes: &[u8], media: &str, is_html: bool) -> Result<String, Unreadable> {
    let named = media::charset(media).map(str::to_owned);
    let named = named.or_else(|| is_html.then(|| stated(bytes)).flatten());
    let encoding = match named {
        Some(name) => Encoding::for_label(name.as_bytes())
            .ok_or_else(|| Unreadable(format!("its encoding '{name}' is not known; use utf-8")))?,
        None if std::str::from_utf8(bytes).is_ok() => UTF_8,
        None => WINDOWS_1252,
    };
    // A byte order mark counts more than what anybody says.
    let (text, _, _) = encoding.decode(bytes);
    if text.contains('\0') {
        let why = "it is no text: it holds bytes of zero; name its media type";
        return Err(Unreadable(why.to_owned()));
    }
    Ok(text.into_owned())
}

/// The encoding that an HTML document states in its first bytes.
fn stated(bytes: &[u8]) -> Option<String> {
    let start = bytes.get(..META_BYTES).unwrap_or(bytes);
    let start = String::from_utf8_lossy(start).to_ascii_lowercase();
    let (_, after) = start.split_once("charset=")?;
    let name = after.trim_start_matches(['"', '\'']);
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && !"-_:".contains(c))?;
    let name = name.get(..end)?;
    // A page that is read as bytes to find this can't be in UTF-16.
    Some(name.replace("utf-16", "utf-8"))
}

/// A text in the form in which it is shown, cited and hashed: lines end with one line feed and no white space,
/// at most one blank line stands between others, and what shows nothing is gone.
pub(crate) fn cleaned(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut blank = 0_u8;
    for line in text.replace("\r\n", "\n").split(['\n', '\r', '\u{c}']) {
        let line: String = line.chars().filter(|c| is_shown(*c)).collect();
        let line = line.trim_end();
        if line.is_empty() {
            blank = blank.saturating_add(1);
            continue;
        }
        if !clean.is_empty() {
            clean.push_str(if blank > 0 { "\n\n" } else { "\n" });
        }
        clean.push_str(line);
        blank = 0;
    }
    clean
}

/// Whether a character shows anything, or changes how its neighbours look in a language that needs it.
fn is_shown(c: char) -> bool {
    match c {
        '\t' => true,
        // Soft hyphen, zero width space, direction marks and overrides, invisible operators, byte order
        // mark, tags: orders can hide in them. The two joiners are needed by Persian and others.
        '\u{ad}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{200e}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => false,
        other => !other.is_control(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_that_of_mark_type_page_or_bytes() {
        for (bytes, media, is_html, text) in [
            (&b"caf\xc3\xa9"[..], "text/plain", false, "café"),
            (b"caf\xe9", "text/plain", false, "café"),
            (b"caf\xe9", "text/plain; charset=iso-8859-1", false, "café"),
            (b"\xff\xfea\0", "text/plain", false, "a"),
            (b"\xef\xbb\xbfa", "text/plain; charset=latin1", false, "a"),
            (
                b"<meta charset=\"koi8-r\">\xc1",
                "text/html",
                true,
                "<meta charset=\"koi8-r\">а",
            ),
        ] {
            assert_eq!(decoded(bytes, media, is_html).unwrap(), text, "{media}");
        }
        for (bytes, media) in [
            (&b"a\0b"[..], "text/plain"),
            (b"a", "text/plain; charset=klingon"),
        ] {
            assert!(decoded(bytes, media, false).is_err(), "{media}");
        }
    }

    #[test]
    fn what_nobody_sees_is_gone_and_lines_are_plain() {
        for (text, clean) in [
            ("a  \r\nb\r\n\r\n\n\nc\n", "a\nb\n\nc"),
            ("a\u{200b}b\u{202e}c\u{e0041}d", "abcd"),
            ("\u{1b}[2Ja\u{7}", "[2Ja"),
            ("می\u{200c}خواهم\ta", "می\u{200c}خواهم\ta"),
            ("\n\n a", " a"),
            (" \n\u{200b}\n", ""),
        ] {
            assert_eq!(cleaned(text), clean, "{text:?}");
            assert_eq!(cleaned(&cleaned(text)), cleaned(text));
        }
    }
}
