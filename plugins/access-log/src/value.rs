//! A fact of one exchange, before it is written.

use std::borrow::Cow;

use tidegate_plugin::exchange::Attribute;

use crate::redact::{REDACTED, Redaction};

/// What a variable stands for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Absent,
    Text(Cow<'a, str>),
    /// Of a header; UTF-8 most of the time.
    Bytes(Vec<u8>),
    Number(u64),
    Signed(i64),
    Decimal(f64),
    Truth(bool),
    /// Microseconds, shown as milliseconds with three decimals.
    Micros(u64),
    /// Milliseconds since 1970, shown as RFC 3339.
    Time(u64),
    /// Milliseconds since 1970, shown as nginx does.
    TimeLocal(u64),
}

impl<'a> Value<'a> {
    pub(crate) const fn text(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }

    pub(crate) fn some(text: Option<String>) -> Self {
        text.map_or(Self::Absent, Self::text)
    }

    pub(crate) fn borrowed(text: Option<&'a str>) -> Self {
        text.map_or(Self::Absent, |text| Self::Text(text.into()))
    }

    pub(crate) const fn redacted() -> Self {
        Self::Text(Cow::Borrowed(REDACTED))
    }

    /// All lines of a header, joined as RFC 9110 section 5.3 allows.
    pub(crate) fn lines(mut lines: Vec<Vec<u8>>) -> Self {
        match lines.len() {
            0 => Self::Absent,
            1 => lines.pop().map_or(Self::Absent, Self::Bytes),
            _ => Self::Bytes(lines.join(b", ".as_slice())),
        }
    }

    pub(crate) fn attribute(attribute: Option<Attribute>) -> Self {
        match attribute {
            None => Self::Absent,
            Some(Attribute::Text(text)) => Self::text(text),
            Some(Attribute::Integer(number)) => Self::Signed(number),
            Some(Attribute::Decimal(number)) => Self::Decimal(number),
            Some(Attribute::Boolean(truth)) => Self::Truth(truth),
        }
    }

    /// The same URL with the credentials of its query and fragment redacted.
    pub(crate) fn without_credentials(self, redaction: &Redaction) -> Self {
        match self {
            Self::Bytes(url) => Self::Bytes(redaction.url(url)),
            other => other,
        }
    }
}
