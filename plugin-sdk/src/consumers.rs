//! Known callers, from the `consumers` tables of `gateway.toml`. Needs the grant `consumers`.
//!
//! A plugin that authenticates looks a caller up by what it presents, and leaves who it is for the
//! plugins after it:
//!
//! ```
//! # use tidegate_plugin::{Answer, RequestAction, consumers, exchange, request};
//! # fn on_request() -> RequestAction {
//! let known = request::header("x-api-key").and_then(|key| consumers::by_credential("key", &key));
//! let Some(known) = known else { return Answer::new(401).into() };
//! match exchange::set_consumer(&known.consumer) {
//!     Ok(()) => RequestAction::Forward,
//!     Err(_full) => Answer::new(500).into(),
//! }
//! # }
//! ```
//!
//! Works in phases, not in `configure`.

use crate::host::consumers as host;

pub use crate::bindings::plugin::tidegate::plugin::consumers::{Consumer, Match};

/// Whose credential this is. `kind` is a word that operator and plugin agree on, such as `key` or
/// `basic`; `id` is what the caller presents, such as the key or a user name.
///
/// Nothing for a kind outside the scope of the grant. Compare [`Match::secret`] by
/// [`crypto::equal`](crate::crypto::equal), so that the time it takes tells nothing.
#[must_use]
pub fn by_credential(kind: &str, id: &str) -> Option<Match> {
    host::by_credential(kind, id)
}

/// The consumer of this name, without credentials.
#[must_use]
pub fn by_name(name: &str) -> Option<Consumer> {
    host::by_name(name)
}
