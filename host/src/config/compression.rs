//! The key `compression` of the gateway and of routes.

use std::ops::RangeInclusive;

use super::tree::Kind;
use super::value::{Value, each};
use super::{Coding, Compression, Finding};

/// The smallest result for text first; all browsers take it over TLS, and `gzip` everywhere.
const CODINGS: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

/// What is text, if not by its name; pictures, films and archives are compressed already.
const TYPES: [&str; 17] = [
    "application/atom+xml",
    "application/geo+json",
    "application/javascript",
    "application/json",
    "application/ld+json",
    "application/manifest+json",
    "application/problem+json",
    "application/rss+xml",
    "application/wasm",
    "application/xhtml+xml",
    "application/xml",
    "image/svg+xml",
    "text/css",
    "text/html",
    "text/javascript",
    "text/plain",
    "text/xml",
];

/// What fits into one packet does not arrive earlier when it is smaller.
const MIN_BYTES: u64 = 1024;

/// A gigabyte is longer than anything that has a length and is worth compressing on its way.
const MIN_RANGE: RangeInclusive<u64> = 0..=1 << 30;

/// What a gateway or route without a table of its own does if it compresses.
fn default() -> Compression {
    Compression {
        codings: CODINGS.to_vec(),
        types: TYPES.map(str::to_owned).to_vec(),
        min_bytes: MIN_BYTES,
        level: None,
    }
}

/// `true`, `false` or a table.
#[expect(clippy::option_option, reason = "the outer one is a finding")]
pub(super) fn read(value: &Value<'_>) -> Option<Option<Compression>> {
    match value.node.kind {
        Kind::Boolean(is_on) => return Some(is_on.then(default)),
        Kind::Table(_) => {}
        _ => return value.wrong("a table, `true` or `false`"),
    }
    let mut table = value.table()?;
    let codings = table.or("algorithms", CODINGS.to_vec(), codings);
    let types = table.or("types", TYPES.map(str::to_owned).to_vec(), |value| {
        each(&value.some_items()?, media_type)
    });
    let min_bytes = table.or("min_size", MIN_BYTES, |value| value.size(&MIN_RANGE));
    let level = table.or("level", None, |value| value.integer(1..=9).map(Some));
    table.end();
    Some(Some(Compression {
        codings: codings?,
        types: types?,
        min_bytes: min_bytes?,
        level: level?,
    }))
}

fn codings(value: &Value<'_>) -> Option<Vec<Coding>> {
    let words = Coding::ALL.map(|coding| (coding.as_str(), coding));
    let items = value.some_items()?;
    let codings = each(&items, |value| value.one_of(&words))?;
    for (index, (coding, value)) in codings.iter().zip(&items).enumerate() {
        if codings.iter().take(index).any(|earlier| earlier == coding) {
            let message = format!("`{}` is listed twice", coding.as_str());
            let finding: Finding = value.finding(message);
            return value.refuse(finding);
        }
    }
    Some(codings)
}

/// In lower case; a type and a subtype, or a type and `*`.
fn media_type(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let name = text.value.to_ascii_lowercase();
    let token = |part: &str| {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
        !part.is_empty() && part.bytes().all(is_token)
    };
    let is_type = name
        .split_once('/')
        .is_some_and(|(family, sub)| token(family) && (sub == "*" || token(sub)));
    if is_type {
        return Some(name);
    }
    let finding = value.finding(format!("{} is not a media type", text.quoted()));
    value.refuse(finding.hint("write one such as `text/html`, or `text/*` for all of a family"))
}
