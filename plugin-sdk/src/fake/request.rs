//! The request's head, as the exchange of the current phase has it.

use super::fields;
use super::phase::{self, EVERY, Phase, REQUEST_WRITABLE as WRITING, exchange};
use crate::answer::{Header, HeaderError};

pub(crate) fn method() -> String {
    exchange("request.method", EVERY, |exchange, _| exchange.request.method.clone())
}

pub(crate) fn scheme() -> String {
    exchange("request.scheme", EVERY, |exchange, _| exchange.request.scheme.clone())
}

pub(crate) fn host() -> String {
    exchange("request.host", EVERY, |exchange, _| exchange.request.host.clone())
}

pub(crate) fn version() -> String {
    exchange("request.version", EVERY, |exchange, _| exchange.request.version.clone())
}

pub(crate) fn path() -> String {
    exchange("request.path", EVERY, |exchange, _| exchange.request.path.clone())
}

pub(crate) fn query() -> Option<String> {
    exchange("request.query", EVERY, |exchange, _| exchange.request.query.clone())
}

pub(crate) fn set_path(path: &str) -> Result<(), String> {
    exchange("request.set-path", WRITING, |exchange, _| {
        if !path.starts_with('/') {
            return Err(format!("path `{path}` does not begin with `/`"));
        }
        check(path, |byte| byte == b'/' || is_pchar(byte))?;
        path.clone_into(&mut exchange.request.path);
        Ok(())
    })
}

pub(crate) fn set_query(query: Option<&str>) -> Result<(), String> {
    exchange("request.set-query", WRITING, |exchange, _| {
        check(query.unwrap_or_default(), |byte| matches!(byte, b'/' | b'?') || is_pchar(byte))?;
        exchange.request.query = query.map(str::to_owned);
        Ok(())
    })
}

pub(crate) fn header(name: &str) -> Vec<Vec<u8>> {
    exchange("request.header", EVERY, |exchange, _| fields::values(&exchange.request.lines, name))
}

pub(crate) fn headers() -> Vec<Header> {
    exchange("request.headers", EVERY, |exchange, _| exchange.request.lines.clone())
}

pub(crate) fn set_header(name: &str, value: &[u8]) -> Result<(), HeaderError> {
    exchange("request.set-header", WRITING, |exchange, _| {
        fields::set(&mut exchange.request.lines, fields::line(name, value)?)
    })
}

pub(crate) fn append_header(name: &str, value: &[u8]) -> Result<(), HeaderError> {
    exchange("request.append-header", WRITING, |exchange, _| {
        fields::append(&mut exchange.request.lines, fields::line(name, value)?)
    })
}

pub(crate) fn default_header(name: &str, value: &[u8]) -> Result<(), HeaderError> {
    exchange("request.default-header", WRITING, |exchange, _| {
        fields::default(&mut exchange.request.lines, fields::line(name, value)?)
    })
}

pub(crate) fn remove_header(name: &str) -> Result<(), HeaderError> {
    exchange("request.remove-header", WRITING, |exchange, _| {
        fields::remove(&mut exchange.request.lines, &fields::field_name(name)?);
        Ok(())
    })
}

pub(crate) fn trailers() -> Vec<Header> {
    phase::trailers("request.trailers", &[Phase::RequestHeld, Phase::RequestStream])
}

/// Whether all characters are allowed and every `%` is followed by two hexadecimal digits.
fn check(text: &str, allowed: impl Fn(u8) -> bool) -> Result<(), String> {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let good = match byte {
            b'%' => {
                let mut digit = || bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
                digit() && digit()
            }
            other => allowed(other),
        };
        if !good {
            return Err(format!("`{text}` holds what must be percent-encoded"));
        }
    }
    Ok(())
}

/// RFC 3986 section 3.3, without the percent-encoded form.
const fn is_pchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'@'
        )
}
