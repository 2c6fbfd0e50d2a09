//! A fact that plugins leave for each other.

/// A fact with its type.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// UTF-8.
    Text(String),
    /// Signed.
    Integer(i64),
    /// IEEE 754.
    Decimal(f64),
    /// Yes or no.
    Boolean(bool),
}

impl Attribute {
    pub(super) fn text_len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Integer(_) | Self::Decimal(_) | Self::Boolean(_) => 8,
        }
    }
}
