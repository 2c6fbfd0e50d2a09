//! The request's head. Reads work in every phase; writes in the request phase, and in the body phase
//! after `NeedBody`.

use crate::host::request as host;

pub use crate::answer::{Header, HeaderError};

/// Upper-case for the standard methods, for example `GET`; case as received for others.
#[must_use]
pub fn method() -> String {
    host::method()
}

/// `http` or `https`, as the client used it; from `X-Forwarded-Proto` behind a trusted proxy.
#[must_use]
pub fn scheme() -> String {
    host::scheme()
}

/// The host that the client asked for, lower-case, without a port; empty if there was none.
#[must_use]
pub fn host() -> String {
    host::host()
}

/// `HTTP/1.0`, `HTTP/1.1`, `HTTP/2` or `HTTP/3`.
#[must_use]
pub fn version() -> String {
    host::version()
}

/// The canonical path, the same text that the router matched.
#[must_use]
pub fn path() -> String {
    host::path()
}

/// The query as received, without the question mark.
#[must_use]
pub fn query() -> Option<String> {
    host::query()
}

/// Replaces the path that is sent upstream; the route's `rewrite` is then not applied.
///
/// # Errors
/// The path does not begin with `/` or holds a character that RFC 3986 section 3.3 does not allow.
pub fn set_path(path: &str) -> Result<(), String> {
    host::set_path(path)
}

/// Replaces the query that is sent upstream; `None` removes it.
///
/// # Errors
/// The query holds a character that RFC 3986 section 3.4 does not allow.
pub fn set_query(query: Option<&str>) -> Result<(), String> {
    host::set_query(query)
}

/// The value of the first line of this name, if there is one and it is UTF-8.
///
/// A header may be repeated and need not be UTF-8: where that decides who may do what, look at
/// [`header_values`].
#[must_use]
pub fn header(name: &str) -> Option<String> {
    host::header(name).into_iter().next().and_then(|value| String::from_utf8(value).ok())
}

/// The values of all lines of this name, in order, unchanged; empty if there are none.
/// The name's case does not matter.
#[must_use]
pub fn header_values(name: &str) -> Vec<Vec<u8>> {
    host::header(name)
}

/// All lines. Lines of one name keep their order.
#[must_use]
pub fn headers() -> Vec<Header> {
    host::headers()
}

/// Replaces all lines of this name by one.
///
/// # Errors
/// See [`HeaderError`].
pub fn set_header(name: &str, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
    host::set_header(name, value.as_ref())
}

/// Adds a line after those of the same name.
///
/// # Errors
/// See [`HeaderError`].
pub fn append_header(name: &str, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
    host::append_header(name, value.as_ref())
}

/// Adds a line unless there is one of this name, whatever its value.
///
/// # Errors
/// See [`HeaderError`].
pub fn default_header(name: &str, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
    host::default_header(name, value.as_ref())
}

/// Removes all lines of this name; nothing happens if there are none.
///
/// # Errors
/// See [`HeaderError`].
pub fn remove_header(name: &str) -> Result<(), HeaderError> {
    host::remove_header(name)
}

/// The field lines after the body, in the call of the body phase for its last part.
#[must_use]
pub fn trailers() -> Vec<Header> {
    host::trailers()
}
