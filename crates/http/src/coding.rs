//! Bodies without the coding that servers put on them, asked or not, with a limit on what comes out.

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

/// A body's coding can't be taken off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodingError {
    /// The coding is not known, or the body is not in it.
    #[error("its body has the coding '{}', and none was asked for", coding.escape_default())]
    Unreadable {
        /// As the header names it, in lower case.
        coding: String,
    },
    /// It begins like gzip and does not go on like it.
    #[error("a damaged gzip body")]
    Damaged,
    /// More than the limit comes out.
    #[error("body exceeds {bytes_max} bytes")]
    TooLarge {
        /// The limit, bytes.
        bytes_max: usize,
    },
}

/// The body without its coding; `None` when it has no coding.
///
/// # Errors
/// When its coding is not known, it is damaged, or it is longer than `bytes_max`.
pub fn decoded(
    bytes: &[u8],
    coding: Option<&str>,
    bytes_max: usize,
) -> Result<Option<Vec<u8>>, CodingError> {
    let coding = coding.map(|name| name.trim().to_lowercase());
    match coding.as_deref() {
        // A proxy may have taken the coding off and left the header in place.
        _ if bytes.starts_with(&GZIP_MAGIC) => gunzip(bytes, bytes_max).map(Some),
        Some("deflate") => deflated(bytes, bytes_max).map(Some),
        None | Some("" | "identity" | "gzip" | "x-gzip") => Ok(None),
        Some(other) => Err(CodingError::Unreadable {
            coding: other.to_owned(),
        }),
    }
}

fn gunzip(bytes: &[u8], bytes_max: usize) -> Result<Vec<u8>, CodingError> {
    let data = gzip_data(bytes).ok_or(CodingError::Damaged)?;
    inflate::decompress_to_vec_with_limit(data, bytes_max).map_err(|error| match error.status {
        inflate::TINFLStatus::HasMoreOutput => CodingError::TooLarge { bytes_max },
        _ => CodingError::Damaged,
    })
}

/// With zlib's header as the standard says, or without as some servers do.
fn deflated(bytes: &[u8], bytes_max: usize) -> Result<Vec<u8>, CodingError> {
    let is_long = |status| status == inflate::TINFLStatus::HasMoreOutput;
    inflate::decompress_to_vec_zlib_with_limit(bytes, bytes_max)
        .or_else(|error| {
            if is_long(error.status) {
                return Err(error);
            }
            inflate::decompress_to_vec_with_limit(bytes, bytes_max)
        })
        .map_err(|error| match error.status {
            status if is_long(status) => CodingError::TooLarge { bytes_max },
            _ => CodingError::Unreadable {
                coding: "deflate".to_owned(),
            },
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
            (gzip(0, b"", &text), Some("gzip")),
            (gzip(0, b"", &text), None),
            (
                gzip(NAME | EXTRA, b"\x02\0ab name\0", &text),
                Some("x-gzip"),
            ),
            (gzip(COMMENT | HEADER_CRC, b"why\0cc", &text), Some("GZIP")),
            (stored(&text), Some("deflate")),
        ] {
            let body = decoded(&bytes, coding, 100).unwrap();
            assert_eq!(body, Some(text.clone()), "{coding:?}");
        }
        for coding in [None, Some(""), Some("identity"), Some("gzip")] {
            assert_eq!(decoded(&text, coding, 100), Ok(None), "{coding:?}");
        }
    }

    #[test]
    fn a_coding_that_is_unknown_damaged_or_a_bomb_is_an_error() {
        let unreadable = |coding: &str| CodingError::Unreadable {
            coding: coding.to_owned(),
        };
        let bomb = CodingError::TooLarge { bytes_max: 100 };
        for (bytes, coding, error) in [
            (b"\x0b\x03\x80".to_vec(), Some("br"), unreadable("br")),
            (b"\x1f\x8b\x08".to_vec(), Some("gzip"), CodingError::Damaged),
            (gzip(NAME, b"no end", b""), None, CodingError::Damaged),
            (gzip(0, b"", &[b' '; 101]), Some("gzip"), bomb.clone()),
            (stored(&[b' '; 101]), Some("deflate"), bomb),
            (b"\xff\xff".to_vec(), Some("deflate"), unreadable("deflate")),
        ] {
            assert_eq!(decoded(&bytes, coding, 100), Err(error));
        }
    }
}
