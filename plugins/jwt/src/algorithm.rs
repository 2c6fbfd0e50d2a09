//! The signature algorithms that a token may name.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

/// The algorithms of RFC 7518 section 3.1 and RFC 8037 section 3.1, without `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum Algorithm {
    /// HMAC with SHA-256.
    #[serde(rename = "HS256")]
    Hs256,
    /// HMAC with SHA-384.
    #[serde(rename = "HS384")]
    Hs384,
    /// HMAC with SHA-512.
    #[serde(rename = "HS512")]
    Hs512,
    /// RSASSA-PKCS1-v1.5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSASSA-PKCS1-v1.5 with SHA-384.
    #[serde(rename = "RS384")]
    Rs384,
    /// RSASSA-PKCS1-v1.5 with SHA-512.
    #[serde(rename = "RS512")]
    Rs512,
    /// RSASSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// RSASSA-PSS with SHA-384.
    #[serde(rename = "PS384")]
    Ps384,
    /// RSASSA-PSS with SHA-512.
    #[serde(rename = "PS512")]
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA on P-384 with SHA-384.
    #[serde(rename = "ES384")]
    Es384,
    /// ECDSA on P-521 with SHA-512.
    #[serde(rename = "ES512")]
    Es512,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// All there are.
    pub(crate) const ALL: [Self; 13] = [
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
    ];

    /// By the value of a header's `alg`; the case matters (RFC 7515 section 4.1.1).
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The value of `alg`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The fewest bytes that a secret for it must have (RFC 7518 section 3.2); 0 for the others.
    pub(crate) const fn secret_bytes_min(self) -> usize {
        match self {
            Self::Hs256 => 32,
            Self::Hs384 => 48,
            Self::Hs512 => 64,
            _ => 0,
        }
    }

    /// The name in the `jsonwebtoken` crate, which has no ES512.
    pub(crate) const fn in_library(self) -> Option<jsonwebtoken::Algorithm> {
        use jsonwebtoken::Algorithm as Library;
        match self {
            Self::Hs256 => Some(Library::HS256),
            Self::Hs384 => Some(Library::HS384),
            Self::Hs512 => Some(Library::HS512),
            Self::Rs256 => Some(Library::RS256),
            Self::Rs384 => Some(Library::RS384),
            Self::Rs512 => Some(Library::RS512),
            Self::Ps256 => Some(Library::PS256),
            Self::Ps384 => Some(Library::PS384),
            Self::Ps512 => Some(Library::PS512),
            Self::Es256 => Some(Library::ES256),
            Self::Es384 => Some(Library::ES384),
            Self::Es512 => None,
            Self::EdDsa => Some(Library::EdDSA),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_found_by_its_name_and_by_no_other_spelling() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::by_name(algorithm.name()), Some(algorithm));
        }
        for name in ["none", "None", "hs256", "HS256 ", "", "HS1", "eddsa"] {
            assert_eq!(Algorithm::by_name(name), None, "{name}");
        }
    }

    #[test]
    fn the_library_knows_all_but_es512_by_the_same_name() {
        for algorithm in Algorithm::ALL {
            match algorithm.in_library() {
                Some(library) => assert_eq!(format!("{library:?}"), algorithm.name()),
                None => assert_eq!(algorithm, Algorithm::Es512),
            }
        }
    }
}
