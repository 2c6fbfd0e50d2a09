//! TOML as written, each value with its place, in the order of the file.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::Location;

/// A value and where it is.
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) at: Location,
}

/// What a value is.
pub(super) enum Kind {
    Text(String),
    /// `None` if it has more than 64 bits.
    Integer(Option<i64>),
    /// `None` if it is out of range.
    Float(Option<f64>),
    Boolean(bool),
    /// As in RFC 3339, or a part of that.
    Datetime(String),
    Array(Vec<Node>),
    Table(Vec<Member>),
}

/// One key of a table with its value.
pub(super) struct Member {
    pub(super) key: String,
    pub(super) key_at: Location,
    pub(super) node: Node,
}

/// Parses a whole file, which the sources know by index `file`.
pub(super) fn parse(file: usize, text: &str) -> Result<Node, Error> {
    let root = DeTable::parse(text)?;
    let span = root.span();
    Ok(Node { kind: Kind::Table(members(file, root.into_inner())), at: at(file, span) })
}

const fn at(file: usize, span: Range<usize>) -> Location {
    Location { file, span }
}

fn members(file: usize, table: DeTable<'_>) -> Vec<Member> {
    let mut members: Vec<Member> = table
        .into_iter()
        .map(|(key, value)| Member {
            key_at: at(file, key.span()),
            key: key.into_inner().into_owned(),
            node: node(file, value),
        })
        .collect();
    members.sort_by_key(|member| member.key_at.span.start);
    members
}

fn node(file: usize, value: Spanned<DeValue<'_>>) -> Node {
    let at = at(file, value.span());
    let kind = match value.into_inner() {
        DeValue::String(text) => Kind::Text(text.into_owned()),
        DeValue::Integer(number) => {
            Kind::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok())
        }
        DeValue::Float(number) => Kind::Float(number.as_str().parse().ok()),
        DeValue::Boolean(value) => Kind::Boolean(value),
        DeValue::Datetime(value) => Kind::Datetime(value.to_string()),
        DeValue::Array(items) => {
            Kind::Array(items.into_iter().map(|item| node(file, item)).collect())
        }
        DeValue::Table(table) => Kind::Table(members(file, table)),
    };
    Node { kind, at }
}
