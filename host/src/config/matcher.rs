//! The table `match` of a route, and what conditions of plugins have of it.

use std::net::Ipv4Addr;

use http::{HeaderName, Method};
use regex::Regex;

use super::names::Unique;
use super::table::Table;
use super::tree::Kind;
use super::value::{Value, each};
use super::{
    HeaderMatcher, HostMatcher, Matcher, PathMatcher, PrefixMode, QueryMatcher, ValueMatcher,
};
use super::{gateway, host, path, suggest, template};

/// Methods that requests usually have; others are accepted too.
const USUAL_METHODS: [&str; 8] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"];

/// Reads the match of a route; `mode` is its `prefix_mode`.
pub(super) fn read(
    value: &Value<'_>,
    encoded_slash: bool,
    mode: Option<PrefixMode>,
) -> Option<Matcher> {
    let mut table = value.table()?;
    if matches!(&value.node.kind, Kind::Table(members) if members.is_empty()) {
        let finding = table.finding("`match` has no condition");
        return table.refuse(finding.hint("`match = { path = \"/\" }` takes every request"));
    }
    let matcher = heads(&mut table, encoded_slash, mode);
    let clients =
        table.or("client", Vec::new(), |value| each(&value.one_or_more()?, gateway::network));
    let snis = table.or("sni", Vec::new(), |value| each(&value.one_or_more()?, server_name));
    table.end();
    Some(Matcher { clients: clients?, snis: snis?, ..matcher? })
}

/// The keys of a table that are about the head of a request; there may be others.
pub(super) fn conditions(table: &mut Table<'_>, encoded_slash: bool) -> Option<Matcher> {
    heads(table, encoded_slash, None)
}

fn heads(table: &mut Table<'_>, encoded_slash: bool, mode: Option<PrefixMode>) -> Option<Matcher> {
    let hosts = table.or("host", Vec::new(), |value| each(&value.one_or_more()?, host_matcher));
    let path = table.or("path", PathMatcher::Prefix("/".to_owned()), |value| {
        path_matcher(value, encoded_slash, mode)
    });
    let methods = table.or("methods", Vec::new(), methods);
    let headers = table.or("headers", Vec::new(), headers);
    let query = table.or("query", Vec::new(), query);
    Some(Matcher {
        hosts: hosts?,
        path: path?,
        methods: methods?,
        headers: headers?,
        query: query?,
        clients: Vec::new(),
        snis: Vec::new(),
    })
}

/// A name for SNI: as a host, but no address (RFC 6066 section 3).
fn server_name(value: &Value<'_>) -> Option<HostMatcher> {
    let matcher = host_matcher(value)?;
    let is_address = match &matcher {
        HostMatcher::Exact(host) => host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok(),
        HostMatcher::Suffix(_) => false,
    };
    if is_address {
        let finding = value.finding("clients do not tell an address by SNI");
        return value.refuse(finding.hint("write a name such as `api.example.com`"));
    }
    Some(matcher)
}

fn host_matcher(value: &Value<'_>) -> Option<HostMatcher> {
    let text = value.text()?;
    if text.value == "*" {
        let finding = value.finding("`*` is not a host");
        return value.refuse(finding.hint("leave `host` out to take every host"));
    }
    let (suffix, rest) = match text.value.strip_prefix("*.") {
        Some(rest) => (true, rest),
        None => (false, text.value.as_ref()),
    };
    if rest.contains('*') {
        let finding = value.finding(format!("{} has a star in the wrong place", text.quoted()));
        return value
            .refuse(finding.hint("a star stands for whole labels at the beginning: `*.a.b`"));
    }
    match host::canonical(rest) {
        Ok(host) if suffix => Some(HostMatcher::Suffix(format!(".{host}"))),
        Ok(host) => Some(HostMatcher::Exact(host)),
        Err(reason) => {
            let finding = value.finding(format!("{} is not a host", text.quoted()));
            value.refuse(finding.label(reason))
        }
    }
}

fn path_matcher(
    value: &Value<'_>,
    encoded_slash: bool,
    mode: Option<PrefixMode>,
) -> Option<PathMatcher> {
    if let Kind::Text(_) = value.node.kind {
        return prefix(value, encoded_slash, mode);
    }
    let Kind::Table(_) = value.node.kind else {
        return value.wrong("a path, or a table with `exact`, `prefix`, `pattern` or `regex`");
    };
    let table = value.table()?;
    let (key, value) = table.exactly_one(&["exact", "prefix", "pattern", "regex"])?;
    match key {
        "exact" => path::read(&value, encoded_slash).map(PathMatcher::Exact),
        "prefix" => prefix(&value, encoded_slash, mode),
        "pattern" => template::pattern(&value, encoded_slash).map(PathMatcher::Pattern),
        _ => anchored(&value).map(PathMatcher::Regex),
    }
}

/// Whole segments, or a text where other gateways' rules hold.
fn prefix(value: &Value<'_>, encoded_slash: bool, mode: Option<PrefixMode>) -> Option<PathMatcher> {
    let Some(mode) = mode else {
        return path::prefix(value, encoded_slash).map(PathMatcher::Prefix);
    };
    let text = path::read(value, encoded_slash)?;
    let bare = mode == PrefixMode::Nginx && text.len() > 1 && text.ends_with('/');
    Some(PathMatcher::Start { text, bare })
}

pub(super) fn methods(value: &Value<'_>) -> Option<Vec<Method>> {
    let items = value.some_items()?;
    let mut methods = Vec::new();
    each(&items, |item| {
        let method = method(item)?;
        if methods.contains(&method) {
            return item.refuse(item.finding("a method is listed twice").label("the second"));
        }
        methods.push(method);
        Some(())
    })?;
    Some(methods)
}

fn method(value: &Value<'_>) -> Option<Method> {
    let text = value.text()?;
    let upper = text.value.to_ascii_uppercase();
    if upper == "CONNECT" {
        return value.refuse(value.finding("the gateway does not carry CONNECT"));
    }
    let finding = value.finding(format!("{} is not a method", text.quoted()));
    if USUAL_METHODS.contains(&upper.as_str()) && text.value != upper {
        return value.refuse(finding.hint(format!("methods are in upper case: `{upper}`")));
    }
    match Method::from_bytes(text.value.as_bytes()) {
        Ok(method) => Some(method),
        Err(_) => {
            value.refuse(finding.maybe_hint(suggest::hint(&upper, USUAL_METHODS, "usual are")))
        }
    }
}

fn headers(value: &Value<'_>) -> Option<Vec<HeaderMatcher>> {
    let mut unique = Unique::new("header");
    each(&value.entries()?, |entry| {
        let Ok(name) = HeaderName::from_bytes(entry.key.as_bytes()) else {
            value.check.refuse(header_name(value, entry.key, entry.key_at));
            return None;
        };
        if name == http::header::HOST {
            let finding = value.check.sources.finding(entry.key_at, "`host` is not matched here");
            value.check.refuse(
                finding.hint("use the key `host` beside `headers`, which HTTP/2 has as well"),
            );
        }
        unique.add(value.check, entry.key_at, name.as_str());
        Some(HeaderMatcher { name, value: value_matcher(&entry.value)? })
    })
}

/// What to say of a key that cannot be a header.
pub(super) fn header_name(
    value: &Value<'_>,
    key: &str,
    key_at: &super::Location,
) -> super::Finding {
    let quoted = super::value::quoted(key);
    value.check.sources.finding(key_at, format!("{quoted} is not the name of a header"))
}

fn query(value: &Value<'_>) -> Option<Vec<QueryMatcher>> {
    each(&value.entries()?, |entry| {
        let value = value_matcher(&entry.value)?;
        Some(QueryMatcher { name: entry.key.to_owned(), value })
    })
}

fn value_matcher(value: &Value<'_>) -> Option<ValueMatcher> {
    match value.node.kind {
        Kind::Text(_) => Some(ValueMatcher::Exact(value.text()?.value.into_owned())),
        Kind::Boolean(true) => Some(ValueMatcher::Present),
        Kind::Boolean(false) => {
            let finding = value.finding(format!("`{}` cannot be `false`", value.name));
            value.refuse(finding.label("`true` asks for its presence; absence cannot be asked for"))
        }
        Kind::Table(_) => {
            let mut table = value.table()?;
            let regex = table.need("regex", "\"a|b\"");
            table.end();
            anchored(&regex?).map(ValueMatcher::Regex)
        }
        _ => value.wrong("a string, `true`, or a table with `regex`"),
    }
}

/// A regular expression for the whole text.
fn anchored(value: &Value<'_>) -> Option<Regex> {
    let text = value.text()?;
    // Alone first, so that a stray `)` cannot pair with ours.
    let regex =
        Regex::new(&text.value).and_then(|_| Regex::new(&format!(r"\A(?:{})\z", text.value)));
    match regex {
        Ok(regex) => Some(regex),
        Err(error) => value.refuse(
            value.finding("not a regular expression that can be used").label(reason(&error)),
        ),
    }
}

/// Without the expression itself, which may come from the environment.
fn reason(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(bytes) => format!("compiled, it has more than {bytes} bytes"),
        other => {
            let shown = other.to_string();
            let last = shown.lines().rev().find_map(|line| line.strip_prefix("error: "));
            last.unwrap_or("not valid").to_owned()
        }
    }
}
