//! What a question is about.

use crate::{limits, Hash};
use ink::prelude::vec::Vec;

/// A document or page that a question is about.
#[derive(Clone, Debug, PartialEq, Eq, scale::Encode, scale::Decode)]
#[cfg_attr(
    feature = "std",
    derive(scale_info::TypeInfo, ink::storage::traits::StorageLayout)
)]
pub enum Source {
    /// A document known by its digest: the same bytes for every relayer, wherever it gets them.
    Attachment {
        /// [`crate::digest::blake2`] of its bytes.
        digest: Hash,
        /// Its length in bytes, at most [`limits::MAX_SOURCE_BYTES`].
        bytes: u32,
        /// Its media type, such as `text/plain`, at most [`limits::MAX_MEDIA_BYTES`].
        media: Vec<u8>,
        /// Where to get it, at most [`limits::MAX_URI_BYTES`]; empty: from any gateway by its digest.
        uri: Vec<u8>,
    },
    /// A page that each relayer fetches itself, at or after [`Terms::not_before`].
    Page {
        /// An `https://` address, at most [`limits::MAX_URI_BYTES`].
        url: Vec<u8>,
        /// Whether the question can't be answered without it.
        must: bool,
    },
}

impl Source {
    /// Whether its sizes are within their limits, and a page's address begins with `https://`.
    pub(crate) fn is_sound(&self) -> bool {
        let fits = |bytes: &[u8], most: u32| bytes.len() <= most as usize;
        match self {
            Self::Attachment {
                bytes, media, uri, ..
            } => {
                (1..=limits::MAX_SOURCE_BYTES).contains(bytes)
                    && !media.is_empty()
                    && fits(media, limits::MAX_MEDIA_BYTES)
                    && fits(uri, limits::MAX_URI_BYTES)
            }
            Self::Page { url, .. } => {
                fits(url, limits::MAX_URI_BYTES)
                    && url
                        .strip_prefix(b"https://")
                        .is_some_and(|rest| !rest.is_empty())
            }
        }
    }
}
