//! Which route a request takes.
//!
//! Precedence is that of the Gateway API's `HTTPRoute`, and never depends on how routes are stored:
//!
//! 1. the most specific host: a name, then the longest `*.` wildcard, then any host. If no route of
//!    a more specific host takes the request, the less specific ones are asked;
//! 2. the path: exact, then the pattern with the most literal segments, then regex (all regexes weigh
//!    the same), then the longest prefix;
//! 3. a route with methods before one without;
//! 4. the most header conditions;
//! 5. the most query conditions;
//! 6. a route with client addresses before one without;
//! 7. a route with SNI before one without;
//! 8. the order of the file.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;

use http::{HeaderMap, Method};

use crate::config::model::{HostMatcher, Matcher, PathMatcher, Pattern, Route, Segment};

pub mod condition;
pub mod explain;
pub mod host;
pub mod path;
mod pattern;
pub mod redirect;
pub mod rewrite;
pub mod split;
mod table;

use table::{Builder, Rank, Table};

/// What routing looks at in the head of a request.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// As [`host::Host::name`]; empty if there was none (HTTP/1.0).
    pub host: &'a str,
    /// As [`path::Canonical::path`].
    pub path: &'a str,
    /// As received.
    pub method: &'a Method,
    /// As received.
    pub headers: &'a HeaderMap,
    /// As received, without the question mark.
    pub query: Option<&'a str>,
    /// The client's, behind trusted proxies too, an IPv4 address as such; absent if it is not known.
    pub client: Option<IpAddr>,
    /// What the client told by SNI, as received.
    pub server_name: Option<&'a str>,
}

/// All routes of a snapshot, ready to be looked up.
#[derive(Debug)]
pub struct Router {
    /// In order of precedence within a host; a [`Rank`] is an index into it.
    entries: Vec<Entry>,
    exact: HashMap<Box<str>, Table>,
    /// By suffix with its leading dot.
    suffixes: HashMap<Box<str>, Table>,
    any: Table,
}

#[derive(Debug)]
struct Entry {
    /// In the order of the file.
    index: usize,
    name: Box<str>,
    matcher: Matcher,
}

impl Entry {
    /// Whether everything but host, exact path and prefix holds; those the table has settled.
    fn holds(&self, head: &Head<'_>) -> bool {
        let path = match &self.matcher.path {
            PathMatcher::Exact(_) | PathMatcher::Prefix(_) => true,
            path => condition::path_holds(path, head.path),
        };
        path && condition::first_unmet(&self.matcher, head).is_none()
    }
}

impl Router {
    /// Sorts routes by precedence and files them by host and path.
    #[must_use]
    pub fn build(routes: &[Route]) -> Self {
        Self::of(routes.iter().map(|route| (route.name.as_str(), &route.matcher)))
    }

    /// As [`Router::build`], from names and matchers in the order of the file.
    pub fn of<'a>(routes: impl IntoIterator<Item = (&'a str, &'a Matcher)>) -> Self {
        let mut entries: Vec<Entry> = routes
            .into_iter()
            .enumerate()
            .map(|(index, (name, matcher))| Entry {
                index,
                name: name.into(),
                matcher: matcher.clone(),
            })
            .collect();
        entries.sort_by_cached_key(precedence);

        let mut exact: HashMap<Box<str>, Builder> = HashMap::new();
        let mut suffixes: HashMap<Box<str>, Builder> = HashMap::new();
        let mut any = Builder::default();
        for (rank, Entry { matcher, .. }) in entries.iter().enumerate() {
            if matcher.hosts.is_empty() {
                any.add(rank, &matcher.path);
            }
            for host in &matcher.hosts {
                let table = match host {
                    HostMatcher::Exact(name) => exact.entry(name.as_str().into()),
                    HostMatcher::Suffix(suffix) => suffixes.entry(suffix.as_str().into()),
                };
                table.or_default().add(rank, &matcher.path);
            }
        }
        Self { entries, exact: finish(exact), suffixes: finish(suffixes), any: any.finish() }
    }

    /// Finds the route that takes a request, as an index into the routes of the file.
    ///
    /// Does not allocate, but for a regex condition on a query value with escapes in it.
    #[must_use]
    pub fn find(&self, head: &Head<'_>) -> Option<usize> {
        let exact = self.exact.get(head.host);
        let suffixes = if self.suffixes.is_empty() { "" } else { head.host };
        exact
            .into_iter()
            .chain(host_suffixes(suffixes).filter_map(|suffix| self.suffixes.get(suffix)))
            .chain([&self.any])
            .find_map(|table| table.find(head.path, |rank| self.entry(rank).holds(head)))
            .map(|rank| self.entry(rank).index)
    }

    fn entry(&self, rank: Rank) -> &Entry {
        self.entries.get(rank).expect("tables hold ranks of these entries only")
    }
}

fn finish(tables: HashMap<Box<str>, Builder>) -> HashMap<Box<str>, Table> {
    tables.into_iter().map(|(host, table)| (host, table.finish())).collect()
}

/// Everything after the first label, then after the second, and so on, each with its leading dot.
fn host_suffixes(host: &str) -> impl Iterator<Item = &str> {
    memchr::memchr_iter(b'.', host.as_bytes())
        .filter(|dot| *dot > 0)
        .filter_map(|dot| host.get(dot..))
}

/// Smaller comes first; the host is not in it, because each host has its own table.
///
/// Of patterns the one with more literal segments comes first, then one without `{rest+}`, then the
/// one that is literal where they differ first.
fn precedence(entry: &Entry) -> impl Ord + use<> {
    let Matcher { path, methods, headers, query, clients, snis, .. } = &entry.matcher;
    let (kind, length, shape) = match path {
        PathMatcher::Exact(_) => (0, 0, Shape::default()),
        PathMatcher::Pattern(pattern) => (1, 0, Shape::of(pattern)),
        PathMatcher::Regex(_) => (2, 0, Shape::default()),
        PathMatcher::Prefix(text) | PathMatcher::Start { text, .. } => {
            (3, text.len(), Shape::default())
        }
    };
    (
        (kind, Reverse(length), shape),
        methods.is_empty(),
        Reverse(headers.len()),
        Reverse(query.len()),
        (clients.is_empty(), snis.is_empty()),
        entry.index,
    )
}

/// Which segments of a pattern are literal; the smaller comes first.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    literals: Reverse<usize>,
    has_rest: bool,
    /// Whether each segment varies.
    varies: Vec<bool>,
}

impl Shape {
    fn of(pattern: &Pattern) -> Self {
        let segments = pattern.segments();
        let varies: Vec<bool> =
            segments.iter().map(|segment| !matches!(segment, Segment::Literal(_))).collect();
        Self {
            literals: Reverse(varies.iter().filter(|varies| !**varies).count()),
            has_rest: matches!(segments.last(), Some(Segment::Rest(_))),
            varies,
        }
    }
}

#[cfg(test)]
mod tests;
