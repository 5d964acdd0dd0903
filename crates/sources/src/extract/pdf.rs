//! PDF: the text of its pages.

use super::Unreadable;
use pdf_extract::{output_doc, Document, PlainTextOutput};

pub(super) const NAME: &str = "pdf-extract/0.12.1+1";

/// Most pages that a document may have.
const PAGES_MAX: usize = 1_000;

pub(super) fn read(bytes: &[u8]) -> Result<String, Unreadable> {
    let broken = |error: &dyn std::fmt::Display| Unreadable(format!("its PDF is broken: {error}"));
    let document = Document::load_mem(bytes).map_err(|error| broken(&error))?;
    if document.is_encrypted() {
        let why = "its PDF is encrypted; attach it without a password";
        return Err(Unreadable(why.to_owned()));
    }
    // Counted without a list of them, which a document that lies can make long.
    let pages = document
        .page_iter()
        .take(PAGES_MAX.saturating_add(1))
        .count();
    if pages > PAGES_MAX {
        let why = format!("it has more than {PAGES_MAX} pages; attach those that matter");
        return Err(Unreadable(why));
    }
    let mut text = String::new();
    let mut output = PlainTextOutput::new(&mut text);
    output_doc(&document, &mut output).map_err(|error| broken(&error))?;
    Ok(text)
}
