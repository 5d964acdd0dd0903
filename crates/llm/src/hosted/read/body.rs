//! A body's bytes as text: some servers compress it, asked or not.

use crate::error::ModelError;
use llm_oracle_http::coding::{self, CodingError};

/// The body without its coding.
///
/// # Errors
/// `BadResponse` when it has a coding that is not known, is damaged, or is longer than `bytes_max`.
pub(in crate::hosted) fn decoded(
    bytes: Vec<u8>,
    coding: Option<&str>,
    bytes_max: usize,
) -> Result<Vec<u8>, ModelError> {
    match coding::decoded(&bytes, coding, bytes_max) {
        Ok(Some(plain)) => Ok(plain),
        Ok(None) => Ok(bytes),
        // It is JSON or a stream in spite of what its header says.
        Err(CodingError::Unreadable { .. }) if is_plain(&bytes) => Ok(bytes),
        Err(error) => Err(ModelError::BadResponse {
            reason: error.to_string(),
        }),
    }
}

fn is_plain(bytes: &[u8]) -> bool {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    matches!(first, Some(b'{' | b'[' | b'd' | b':'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_in_spite_of_a_header_that_is_wrong() {
        let text = b"{\"a\":1}".to_vec();
        for coding in [None, Some("gzip"), Some("br"), Some("deflate")] {
            let body = decoded(text.clone(), coding, 100).unwrap();
            assert_eq!(body, text, "{coding:?}");
        }
    }

    #[test]
    fn a_coding_that_is_unknown_or_damaged_is_a_bad_response() {
        for (bytes, coding) in [
            (b"\x0b\x03\x80".to_vec(), Some("br")),
            (b"\x1f\x8b\x08".to_vec(), Some("gzip")),
            (b"\xff\xff".to_vec(), Some("deflate")),
        ] {
            let error = decoded(bytes, coding, 100).unwrap_err();
            assert!(matches!(error, ModelError::BadResponse { .. }), "{error:?}");
        }
    }
}
