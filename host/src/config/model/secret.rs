//! What must not be shown.

use std::fmt;

/// A text, or bytes, that may hold credentials. It has no `Display`, and `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T = String>(T);

/// A secret that plugins may be granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedSecret {
    /// Unique in the file.
    pub name: String,
    /// Never empty.
    pub value: Secret<Vec<u8>>,
}

impl<T> Secret<T> {
    /// Hides `content`.
    #[must_use]
    pub const fn new(content: T) -> Self {
        Self(content)
    }
}

impl Secret {
    /// The text itself. Whoever asks takes care that it is neither logged nor answered.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Secret<Vec<u8>> {
    /// The bytes themselves. Whoever asks takes care that they are neither logged nor answered.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
