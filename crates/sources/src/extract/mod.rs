//! Bytes and a media type as text. The same bytes give the same text, on every machine.
//!
//! What is called here parses the bytes of strangers: outside of tests it runs in the [`crate::reader`]'s
//! process.

mod csv;
mod html;
mod json;
mod pdf;

use crate::{
    media::{self, Format},
    text,
};
use serde::{Deserialize, Serialize};

/// Longest text that is made of a document, bytes.
pub const TEXT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The text of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtractedText {
    /// What made it, with the version that decides the text: `html2text/0.17.4+1`.
    pub extractor: String,
    /// The text.
    pub text: String,
}

/// A document can't be read as text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{0}")]
pub struct Unreadable(
    /// Why, with the remedy.
    pub String,
);

/// The text of a document of at most [`TEXT_BYTES_MAX`].
///
/// # Errors
/// When no reader is for its type, or the reader can't read it.
pub fn extract(bytes: &[u8], media: &str) -> Result<ExtractedText, Unreadable> {
    let format = media::format(media, bytes).ok_or_else(|| {
        let known = "HTML, plain text, JSON, PDF and CSV are";
        Unreadable(format!("the type '{media}' is not read; {known}"))
    })?;
    // A version of ours stands behind the crate's: it grows when the text for the same bytes changes.
    let (extractor, text) = match format {
        Format::Text => ("text/1", text::decoded(bytes, media, false)?),
        Format::Html => (html::NAME, html::read(bytes, media)?),
        Format::Json => ("json/1", json::read(bytes)?),
        Format::Csv => (csv::NAME, csv::read(&text::decoded(bytes, media, false)?)?),
        Format::Pdf => (pdf::NAME, pdf::read(bytes)?),
    };
    let text = text::cleaned(&text);
    if text.is_empty() {
        return Err(Unreadable("it has no text".to_owned()));
    }
    if text.len() > TEXT_BYTES_MAX {
        let (length, most) = (text.len(), TEXT_BYTES_MAX);
        let why = format!("its text has {length} bytes, and at most {most} are read");
        return Err(Unreadable(why));
    }
    Ok(ExtractedText {
        extractor: extractor.to_owned(),
        text,
    })
}
