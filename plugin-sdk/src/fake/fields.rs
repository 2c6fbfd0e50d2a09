//! The lines of a head, with the host's rules for them.

use crate::answer::{Header, HeaderError};

/// Lines of one head; the default of the host's listeners.
const LINES_MAX: usize = 100;
/// Bytes of all names and values; the default of the host's listeners.
const BYTES_MAX: usize = 32 * 1024;

/// Hop-by-hop fields (RFC 9110 section 7.6.1) and those that frame or address the message.
const HOST_FIELDS: &[&str] = &[
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// The values of all lines of this name.
pub(super) fn values(lines: &[Header], name: &str) -> Vec<Vec<u8>> {
    lines
        .iter()
        .filter(|line| line.name.eq_ignore_ascii_case(name))
        .map(|line| line.value.clone())
        .collect()
}

/// The value of the first line of this name as text; other bytes than UTF-8 are replaced.
pub(super) fn text(lines: &[Header], name: &str) -> Option<String> {
    values(lines, name).first().map(|value| String::from_utf8_lossy(value).into_owned())
}

/// A line that the host would take.
pub(super) fn line(name: &str, value: &[u8]) -> Result<Header, HeaderError> {
    let name = field_name(name)?;
    if value.iter().any(|&byte| byte != b'\t' && byte.is_ascii_control()) {
        return Err(HeaderError::InvalidValue);
    }
    Ok(Header { name, value: value.to_vec() })
}

/// A name that the host would let a plugin write.
pub(super) fn field_name(name: &str) -> Result<String, HeaderError> {
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(HeaderError::InvalidName);
    }
    let name = name.to_ascii_lowercase();
    match HOST_FIELDS.contains(&name.as_str()) {
        true => Err(HeaderError::Forbidden),
        false => Ok(name),
    }
}

/// Replaces all lines of this name by one, where the first of them stood.
pub(super) fn set(lines: &mut Vec<Header>, line: Header) -> Result<(), HeaderError> {
    let at = lines.iter().position(|other| other.name == line.name).unwrap_or(lines.len());
    let mut kept: Vec<Header> = lines.clone();
    kept.retain(|other| other.name != line.name);
    kept.insert(at, line);
    fits(&kept)?;
    *lines = kept;
    Ok(())
}

/// Adds a line at the end, which is after those of the same name.
pub(super) fn append(lines: &mut Vec<Header>, line: Header) -> Result<(), HeaderError> {
    lines.push(line);
    fits(lines).inspect_err(|_| {
        lines.pop();
    })
}

/// Adds a line unless there is one of its name.
pub(super) fn default(lines: &mut Vec<Header>, line: Header) -> Result<(), HeaderError> {
    match lines.iter().any(|other| other.name == line.name) {
        true => Ok(()),
        false => append(lines, line),
    }
}

pub(super) fn remove(lines: &mut Vec<Header>, name: &str) {
    lines.retain(|line| line.name != name);
}

fn fits(lines: &[Header]) -> Result<(), HeaderError> {
    let bytes: usize = lines.iter().map(|line| line.name.len() + line.value.len()).sum();
    match lines.len() <= LINES_MAX && bytes <= BYTES_MAX {
        true => Ok(()),
        false => Err(HeaderError::TooLarge),
    }
}

/// RFC 9110 section 5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}
