//! A change to a head, within what plugins may change.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// A change to a head's field lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Replace all lines of this name by one.
    Set(HeaderName, HeaderValue),
    /// Add a line.
    Append(HeaderName, HeaderValue),
    /// Add a line unless there is one of this name.
    Default(HeaderName, HeaderValue),
    /// Remove all lines of this name.
    Remove(HeaderName),
}

/// How large a head may grow.
#[derive(Debug, Clone, Copy)]
pub struct HeadLimits {
    /// Field lines.
    pub headers: usize,
    /// Names and values together.
    pub bytes: usize,
}

/// Why an edit was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditError {
    /// Not a token.
    InvalidName,
    /// A control character.
    InvalidValue,
    /// A field that belongs to the host.
    Forbidden,
    /// The head would grow past its limits.
    TooLarge,
}

/// Fields that describe the connection or the framing, and `host`: plugins may not write them.
const FORBIDDEN: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

impl Edit {
    /// Checks a name that a plugin wants to write or remove.
    ///
    /// # Errors
    ///
    /// [`EditError::InvalidName`] or [`EditError::Forbidden`].
    pub fn name(name: &str) -> Result<HeaderName, EditError> {
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_invalid| EditError::InvalidName)?;
        if FORBIDDEN.contains(&name) { Err(EditError::Forbidden) } else { Ok(name) }
    }

    /// Checks a value that a plugin wants to write.
    ///
    /// # Errors
    ///
    /// [`EditError::InvalidValue`].
    pub fn value(value: &[u8]) -> Result<HeaderValue, EditError> {
        HeaderValue::from_bytes(value).map_err(|_invalid| EditError::InvalidValue)
    }

    /// Applies this edit unless the head would grow past its limits.
    ///
    /// # Errors
    ///
    /// [`EditError::TooLarge`], with nothing changed.
    pub fn apply(self, headers: &mut HeaderMap, limits: HeadLimits) -> Result<(), EditError> {
        match self {
            Self::Remove(name) => {
                headers.remove(&name);
            }
            Self::Set(name, value) => {
                // Replacing keeps the number of names; only a new one can exceed it.
                check_room(headers, &name, &value, limits, headers.contains_key(&name))?;
                headers.insert(name, value);
            }
            Self::Default(name, _) if headers.contains_key(&name) => {}
            Self::Append(name, value) | Self::Default(name, value) => {
                check_room(headers, &name, &value, limits, false)?;
                headers.append(name, value);
            }
        }
        Ok(())
    }
}

fn check_room(
    headers: &HeaderMap,
    name: &HeaderName,
    value: &HeaderValue,
    limits: HeadLimits,
    replaces: bool,
) -> Result<(), EditError> {
    if headers.len() >= limits.headers && !replaces {
        return Err(EditError::TooLarge);
    }
    let added = name.as_str().len() + value.len();
    let held: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if held + added > limits.bytes { Err(EditError::TooLarge) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::{Edit, EditError, HeadLimits, HeaderMap, HeaderName, HeaderValue};

    #[test]
    fn a_default_is_added_only_if_there_is_no_line_of_its_name() {
        let default =
            |value| Edit::Default(HeaderName::from_static("x-a"), HeaderValue::from_static(value));
        let mut headers = HeaderMap::new();
        let limits = HeadLimits { headers: 1, bytes: 8 };
        assert_eq!(default("too long").apply(&mut headers, limits), Err(EditError::TooLarge));
        assert_eq!(default("").apply(&mut headers, limits), Ok(()));
        // What is not added needs no room.
        assert_eq!(default("too long").apply(&mut headers, limits), Ok(()));
        let values: Vec<_> = headers.get_all("x-a").iter().collect();
        assert_eq!(values, [""]);
    }
}
