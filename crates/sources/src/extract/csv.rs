//! CSV: one line for each record, with tabs between the fields.

use super::Unreadable;

pub(super) const NAME: &str = "csv/1.4+1";

pub(super) fn read(text: &str) -> Result<String, Unreadable> {
    let mut lines = String::with_capacity(text.len());
    // Rows of different lengths are common, and no reason to lose a document.
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(text))
        .from_reader(text.as_bytes());
    for record in reader.records() {
        let record = record.map_err(|error| Unreadable(format!("it is no CSV: {error}")))?;
        for (place, field) in record.iter().enumerate() {
            if place > 0 {
                lines.push('\t');
            }
            // A field with lines of its own must not look like records.
            let field = field.split_whitespace();
            for (place, word) in field.enumerate() {
                if place > 0 {
                    lines.push(' ');
                }
                lines.push_str(word);
            }
        }
        lines.push('\n');
    }
    Ok(lines)
}

/// The most frequent of the usual separators in the first line; a comma if there is none.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let count = |separator: u8| first.bytes().filter(|byte| *byte == separator).count();
    // The last of several that are equal wins.
    let best = b"|\t;,".iter().max_by_key(|separator| count(**separator));
    *best.unwrap_or(&b',')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn records_become_lines_and_fields_stay_in_their_columns() {
        for (text, lines) in [
            ("a,b\n1,2\n", "a\tb\n1\t2\n"),
            ("a;b\n\"x;\ny\";2", "a\tb\nx; y\t2\n"),
            ("a\tb\n,3\n", "a\tb\n,3\n"),
            ("one\n1,2\n", "one\n1\t2\n"),
            ("", ""),
        ] {
            assert_eq!(read(text).unwrap(), lines, "{text}");
        }
    }
}
