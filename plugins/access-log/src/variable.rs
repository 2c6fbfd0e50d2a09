//! What a line is made of.

use tidegate_plugin::{Summary, exchange, request, response};

use crate::field::Field;
use crate::redact::{Redaction, Shown};
use crate::value::Value;

/// Something that has a value in each exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Variable {
    Field(Field),
    RequestHeader {
        /// Lower-case.
        name: String,
        shown: Shown,
    },
    ResponseHeader {
        /// Lower-case.
        name: String,
        shown: Shown,
    },
    Attribute {
        name: String,
        hidden: bool,
    },
}

impl Variable {
    pub(crate) fn request_header(name: &str, redaction: &Redaction) -> Self {
        Self::RequestHeader { name: name.to_ascii_lowercase(), shown: redaction.header(name) }
    }

    pub(crate) fn response_header(name: &str, redaction: &Redaction) -> Self {
        Self::ResponseHeader { name: name.to_ascii_lowercase(), shown: redaction.header(name) }
    }

    pub(crate) fn attribute(name: &str, redaction: &Redaction) -> Self {
        Self::Attribute { name: name.to_owned(), hidden: redaction.hides(name) }
    }

    /// Its value in this exchange.
    pub(crate) fn value<'a>(&self, summary: &'a Summary, redaction: &Redaction) -> Value<'a> {
        match self {
            Self::Field(field) => field.value(summary, redaction),
            Self::RequestHeader { name, shown } => {
                show(request::header_values(name), *shown, redaction)
            }
            Self::ResponseHeader { name, shown } => {
                show(response::header_values(name), *shown, redaction)
            }
            Self::Attribute { name, hidden } => match exchange::attribute(name) {
                Some(_) if *hidden => Value::redacted(),
                attribute => Value::attribute(attribute),
            },
        }
    }
}

/// A header's lines. That a credential was there is worth knowing; what it was is not.
fn show<'a>(lines: Vec<Vec<u8>>, shown: Shown, redaction: &Redaction) -> Value<'a> {
    match shown {
        Shown::Never if !lines.is_empty() => Value::redacted(),
        Shown::AsUrl => Value::lines(lines).without_credentials(redaction),
        Shown::Never | Shown::AsItIs => Value::lines(lines),
    }
}
