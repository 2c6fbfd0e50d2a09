//! A body, part by part.

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;

use crate::body::Full;

/// A part of a body, or all of it.
#[derive(Debug, Clone, Default)]
pub(in crate::plugin) struct Part {
    pub(in crate::plugin) bytes: Bytes,
    /// Only with the last one.
    pub(in crate::plugin) trailers: Option<HeaderMap>,
    pub(in crate::plugin) last: bool,
}

impl Part {
    /// What came; `is_end` says whether nothing follows it.
    pub(in crate::plugin) fn of(frame: Frame<Bytes>, is_end: bool) -> Self {
        match frame.into_data() {
            Ok(bytes) => Self { bytes, trailers: None, last: is_end },
            Err(frame) => Self { trailers: frame.into_trailers().ok(), ..Self::end() },
        }
    }

    /// A whole body.
    pub(in crate::plugin) fn whole(full: &Full) -> Self {
        let trailers = full.trailers().cloned();
        Self { bytes: full.bytes().clone(), trailers, last: true }
    }

    /// The end without anything more.
    pub(in crate::plugin) fn end() -> Self {
        Self { last: true, ..Self::default() }
    }
}
