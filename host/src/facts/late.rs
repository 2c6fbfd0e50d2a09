//! What happens to an exchange on the side, while its bodies stream.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{Attribute, Exchange, Open, ResponseHead};
use crate::failure::Failure;

/// What plugins in the middle of a body found out. The exchange takes it in when it comes to its
/// next phase.
#[derive(Debug, Default)]
pub struct Late {
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    attributes: Vec<(Box<str>, Attribute)>,
    verdict: Option<Verdict>,
}

/// Why a body was not passed on to its end.
#[derive(Debug)]
pub enum Verdict {
    /// A plugin answers in place of whoever would have read the body.
    Answer(ResponseHead, Bytes),
    /// A plugin failed.
    Failure(Failure),
}

impl Late {
    /// The first verdict stays.
    pub fn decide(&self, verdict: Verdict) {
        self.lock().verdict.get_or_insert(verdict);
    }

    /// The verdict, if there is one that nobody has taken.
    #[must_use]
    pub fn take_verdict(&self) -> Option<Verdict> {
        self.lock().verdict.take()
    }

    pub(super) fn set_attribute(&self, name: &str, value: Attribute) {
        self.lock().attributes.push((name.into(), value));
    }

    /// Never held across an await; a panic leaves the lists whole.
    fn lock(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exchange {
    /// A copy for a plugin in the middle of a body, which lives beside the exchange itself. The
    /// attributes that are set on it reach the exchange by [`take_in`](Self::take_in).
    pub fn aside(&mut self) -> (Open, Arc<Late>) {
        let late = Arc::clone(self.late.get_or_insert_default());
        let mut copy = self.clone();
        copy.is_aside = true;
        (Open::detached(Box::new(copy)), late)
    }

    /// Takes in the attributes that were set on the side.
    pub fn take_in(&mut self) {
        let Some(late) = &self.late else { return };
        let attributes = std::mem::take(&mut late.lock().attributes);
        for (name, value) in attributes {
            if !self.set_attribute(&name, value) {
                tracing::warn!(request_id = %self.id, %name, "too many attributes, one was left out");
            }
        }
    }
}
