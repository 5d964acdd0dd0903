//! The text of a key: a secret URI, and nothing before or after it.
//!
//! The library takes whatever follows a `/` as part of the derivation, a note or a line break too, and a
//! URI without a phrase as the publicly known phrase of development chains. Either would be another
//! account than the one that was meant, without a word; so both are refused here.

use crate::Keypair;
use secrecy::{ExposeSecret, SecretString};
use std::str::FromStr;
use subxt_signer::SecretUri;

/// Why a text is no key. No message contains a part of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretUriError {
    /// No text, or nothing but white space.
    #[error("is empty")]
    Empty,
    /// A derivation or a password alone.
    #[error(
        "has no phrase: give a phrase, 0x and 64 hex digits, or a development key such as //Alice"
    )]
    NoPhrase,
    /// A character that no key has. What follows it would become a part of the key.
    #[error("has {name} at character {at}: a key is one line, without blanks at its ends or a note after it")]
    Character {
        /// What the character is called.
        name: String,
        /// Its place, counted from 1.
        at: usize,
    },
    /// Anything else.
    #[error("is not a secret URI (a phrase or 0x-seed, with //derivations)")]
    Malformed,
}

/// The key of a secret URI: a phrase, 0x and 64 hex digits, or a development key such as `//Alice`.
///
/// # Errors
/// See [`SecretUriError`].
pub fn key_of_uri(secret: &SecretString) -> Result<Keypair, SecretUriError> {
    let text = secret.expose_secret();
    check(text)?;
    let uri = SecretUri::from_str(text).map_err(|_| SecretUriError::Malformed)?;
    Keypair::from_uri(&uri).map_err(|_| SecretUriError::Malformed)
}

/// A text without the one line break that editors put at the end of a file.
pub fn without_final_line_break(text: &str) -> &str {
    let line = text.strip_suffix('\n');
    line.map_or(text, |line| line.strip_suffix('\r').unwrap_or(line))
}

fn check(text: &str) -> Result<(), SecretUriError> {
    if text.chars().all(char::is_whitespace) {
        return Err(SecretUriError::Empty);
    }
    let path = text.find('/').unwrap_or(text.len());
    let password = text.find("///").unwrap_or(text.len());
    for (at, (byte, c)) in text.char_indices().enumerate() {
        let rest = text.get(byte..).unwrap_or_default();
        // A phrase has blanks between its words, and a password may. A note has a `#` behind them.
        let may_be_blank = byte < path || byte > password;
        let after = rest.trim_start_matches(' ');
        let ends = after.is_empty() || after.starts_with(['#', '\n', '\r']) || byte == 0;
        let blank_fits =
            c == ' ' && may_be_blank && !ends && !(byte < path && after.starts_with('/'));
        if !blank_fits && (c.is_whitespace() || c.is_control() || is_invisible(c)) {
            return Err(SecretUriError::Character {
                name: name_of(c),
                at: at.saturating_add(1),
            });
        }
    }
    let development = text.strip_prefix("//").unwrap_or("/");
    if text.starts_with('/') && (development.is_empty() || development.starts_with('/')) {
        return Err(SecretUriError::NoPhrase);
    }
    Ok(())
}

/// Characters without a width: they come along when a text is copied.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn name_of(c: char) -> String {
    let code = format!("U+{:04X}", u32::from(c));
    match c {
        ' ' => format!("a blank ({code})"),
        '\t' => format!("a tab ({code})"),
        '\n' => format!("a line break ({code})"),
        '\r' => format!("a carriage return ({code})"),
        _ => format!("the invisible character {code}"),
    }
}
