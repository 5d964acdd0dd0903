//! A body's bytes as text: some servers compress it, asked or not.

use crate::error::ModelError;
use miniz_oxide::inflate;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Length of a gzip header without its optional parts, bytes.
const GZIP_HEADER_BYTES: usize = 10;
/// Length of the checksum and size behind the data, bytes.
const GZIP_TRAILER_BYTES: usize = 8;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
const HEADER_CRC: u8 = 2;

/// The body without its coding.
///
/// # Errors
/// `BadResponse` when it has a coding that is not known, is damaged, or is longer than `bytes_max`.
pub(in crate::hosted) fn decoded(
    bytes: Vec<u8>,
    coding: Option<&str>,
    bytes_max: usize,
) -> Result<Vec<u8>, ModelError> {
    let coding = coding.map(|name| name.trim().to_lowercase());
    let is_gzip = bytes.starts_with(&GZIP_MAGIC);
    match coding.as_deref() {
        // A proxy may have taken the coding off and left the header in place.
        _ if is_gzip => gunzip(&bytes, bytes_max),
        Some("deflate") => inflate::decompress_to_vec_zlib_with_limit(&bytes, bytes_max)
            .or_else(|_| inflate::decompress_to_vec_with_limit(&bytes, bytes_max))
            .or_else(|_| plain(bytes, "deflate")),
        None | Some("" | "identity" | "gzip" | "x-gzip") => Ok(bytes),
        Some(other) => plain(bytes, other),
    }
}

/// A body that is JSON or a stream in spite of what its header says.
fn plain(bytes: Vec<u8>, coding: &str) -> Result<Vec<u8>, ModelError> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        Some(b'{' | b'[' | b'd' | b':') => Ok(bytes),
        _ => {
            let coding = coding.escape_default();
            Err(bad(format!(
                "its body has the coding '{coding}', and none was asked for"
            )))
        }
    }
}

fn gunzip(bytes: &[u8], bytes_max: usize) -> Result<Vec<u8>, ModelError> {
    let data = gzip_data(bytes).ok_or_else(|| bad("a damaged gzip body".to_owned()))?;
    inflate::decompress_to_vec_with_limit(data, bytes_max).map_err(|error| {
        bad(match error.status {
            inflate::TINFLStatus::HasMoreOutput => format!("body exceeds {bytes_max} bytes"),
            _ => "a damaged gzip body".to_owned(),
        })
    })
}

/// What stands between header and trailer.
fn gzip_data(bytes: &[u8]) -> Option<&[u8]> {
    let flags = *bytes.get(3)?;
    let mut rest = bytes.get(GZIP_HEADER_BYTES..)?;
    if flags & EXTRA != 0 {
        let length = u16::from_le_bytes([*rest.first()?, *rest.get(1)?]);
        rest = rest.get(usize::from(length).checked_add(2)?..)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest = rest.get(end.checked_add(1)?..)?;
        }
    }
    if flags & HEADER_CRC != 0 {
        rest = rest.get(2..)?;
    }
    rest.get(..rest.len().checked_sub(GZIP_TRAILER_BYTES)?)
}

fn bad(reason: String) -> ModelError {
    ModelError::BadResponse { reason }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// One block that is not compressed.
    fn stored(data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len()).unwrap();
        let sizes = [length.to_le_bytes(), (!length).to_le_bytes()].concat();
        [&[1][..], &sizes, data].concat()
    }

    fn gzip(flags: u8, optional: &[u8], data: &[u8]) -> Vec<u8> {
        let header = [0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255];
        [&header[..], optional, &stored(data), &[0; 8]].concat()
    }

    #[test]
    fn each_coding_that_servers_use_is_taken_off() {
        let text = b"{\"a\":1}".to_vec();
        for (bytes, coding) in [
            (text.clone(), None),
            (text.clone(), Some("gzip")),
            (text.clone(), Some("br")),
            (gzip(0, b"", &text), Some("gzip")),
            (gzip(0, b"", &text), None),
            (
                gzip(NAME | EXTRA, b"\x02\0ab name\0", &text),
                Some("x-gzip"),
            ),
            (gzip(COMMENT | HEADER_CRC, b"why\0cc", &text), Some("GZIP")),
            (stored(&text), Some("deflate")),
        ] {
            assert_eq!(decoded(bytes, coding, 100).unwrap(), text, "{coding:?}");
        }
    }

    #[test]
    fn a_coding_that_is_unknown_damaged_or_a_bomb_is_a_bad_response() {
        for (bytes, coding) in [
            (b"\x0b\x03\x80".to_vec(), Some("br")),
            (b"\x1f\x8b\x08".to_vec(), Some("gzip")),
            (gzip(NAME, b"no end", b""), Some("gzip")),
            (gzip(0, b"", &[b' '; 101]), Some("gzip")),
            (b"\xff\xff".to_vec(), Some("deflate")),
        ] {
            let error = decoded(bytes, coding, 100).unwrap_err();
            assert!(matches!(error, ModelError::BadResponse { .. }), "{error:?}");
        }
    }
}
