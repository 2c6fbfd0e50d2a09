//! The body of the request that a handler is run with.

use std::collections::VecDeque;

use super::phase::{Phase, exchange};
use crate::answer::Header;
use crate::body::BodyError;

/// Bytes of one part that `read` gives.
const PART_BYTES_MAX: usize = 65_536;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Body {
    pub parts: VecDeque<Vec<u8>>,
    pub broken: Option<BodyError>,
}

impl Body {
    fn read(&mut self) -> Result<Option<Vec<u8>>, BodyError> {
        let Some(mut part) = self.parts.pop_front() else {
            return self.broken.map_or(Ok(None), Err);
        };
        if part.len() > PART_BYTES_MAX {
            self.parts.push_front(part.split_off(PART_BYTES_MAX));
        }
        Ok(Some(part))
    }
}

pub(crate) fn read() -> Result<Option<Vec<u8>>, BodyError> {
    exchange("body.read", &[Phase::Handler], |exchange, _| exchange.body.read())
}

pub(crate) fn read_all(max_bytes: u64) -> Result<Vec<u8>, BodyError> {
    exchange("body.read-all", &[Phase::Handler], |exchange, _| {
        let mut all = Vec::new();
        while let Some(part) = exchange.body.read()? {
            all.extend(part);
            if all.len() as u64 > max_bytes {
                exchange.body = Body { parts: VecDeque::new(), broken: Some(BodyError::TooLarge) };
                return Err(BodyError::TooLarge);
            }
        }
        Ok(all)
    })
}

pub(crate) fn trailers() -> Vec<Header> {
    exchange("body.trailers", &[Phase::Handler], |exchange, _| {
        let over = exchange.body.parts.is_empty() && exchange.body.broken.is_none();
        if over { exchange.trailers.clone() } else { Vec::new() }
    })
}
