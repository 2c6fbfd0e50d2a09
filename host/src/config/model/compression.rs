//! Compressing responses on their way to clients.

/// What is compressed, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compression {
    /// The first that a client accepts as well as any other is used. Never empty.
    pub codings: Vec<Coding>,
    /// Lower-case media types, without parameters; `text/*` stands for a family of them, but for
    /// `text/event-stream`.
    pub types: Vec<String>,
    /// Bodies that are known to be shorter stay as they are, in bytes.
    pub min_bytes: u64,
    /// From 1, fast, to 9, small; each coding has its own default.
    pub level: Option<u8>,
}

/// Who says how the responses of a route are compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteCompression {
    /// The gateway.
    Inherited,
    /// The route; absent if they are not.
    Own(Option<Compression>),
}

/// A content coding (RFC 9110 section 8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// RFC 7932.
    Brotli,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// All of them, in their order as numbers.
    pub const ALL: [Self; 3] = [Self::Brotli, Self::Gzip, Self::Zstd];

    /// As in `Content-Encoding` and the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}
