//! Who calls.

use crate::config::Secret;

/// A known caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// Unique in the file.
    pub name: String,
    /// In the order of the file, each once. Names, so without commas.
    pub groups: Vec<String>,
    /// Each pair of kind and id belongs to one consumer of the file.
    pub credentials: Vec<Credential>,
    /// Sorted by name.
    pub attributes: Vec<(String, String)>,
}

/// What a consumer is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// A word that operator and plugins agree on, such as `key` or `basic`.
    pub kind: String,
    /// What the caller presents; hidden, because of a key it is all that opens.
    pub id: Secret,
    /// What belongs to it, such as a password.
    pub secret: Option<Secret>,
}
