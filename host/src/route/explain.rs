//! Why a request takes the route it takes, for people.

use std::cmp::Reverse;
use std::fmt;
use std::net::IpAddr;

use http::{HeaderName, Method};

use super::condition::{self, Unmet};
use super::{Entry, Head, Router};
use crate::config::model::{HostMatcher, Matcher, PathMatcher, Segment, ValueMatcher, as_written};

/// How many routes are shown of which only host or only path matches.
const NEAR_MISSES_MAX: usize = 10;

/// All that was considered for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Those whose host and path match, in order of precedence, then near misses, the one with the
    /// most similar path first.
    pub candidates: Vec<Candidate>,
    /// The route that takes the request, as an index into the routes of the file.
    pub chosen: Option<usize>,
    /// Near misses that are not shown.
    pub left_out: usize,
}

/// One route that was considered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Index into the routes of the file.
    pub route: usize,
    /// The route's name.
    pub name: String,
    /// The host condition that matched, or all of them, such as `*.example.com` or `any host`.
    pub host: String,
    /// The path condition, such as `/users and below`.
    pub path: String,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It matches, and nothing before it does.
    Chosen,
    /// It matches, but another comes first.
    Outranked {
        /// The name of the other.
        by: String,
    },
    /// The first condition that does not hold.
    Failed(Reason),
}

/// A condition that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// None of its hosts was asked for.
    Host {
        /// As the client asked; may be empty.
        asked: String,
    },
    /// Another path was asked for.
    Path {
        /// Canonical.
        asked: String,
    },
    /// None of its methods was used.
    Method {
        /// As the client asked.
        asked: Method,
        /// As configured; never empty.
        wanted: Vec<Method>,
    },
    /// No line of the header has the value.
    Header {
        /// Which header.
        name: HeaderName,
        /// What its value must be.
        wanted: String,
        /// Whether it was there with another value.
        present: bool,
    },
    /// No parameter of the name has the value.
    Query {
        /// Decoded.
        name: String,
        /// What its value must be.
        wanted: String,
    },
    /// The client is in none of its networks.
    Client {
        /// Absent if it is not known.
        asked: Option<IpAddr>,
        /// As configured; never empty.
        wanted: Vec<String>,
    },
    /// The client has told none of its names by SNI.
    ServerName {
        /// Absent if there was none.
        asked: Option<String>,
        /// As configured; never empty.
        wanted: Vec<String>,
    },
}

/// The first condition of a matcher that a request does not meet, host and path included.
#[must_use]
pub fn unmet(matcher: &Matcher, head: &Head<'_>) -> Option<Reason> {
    if !condition::host_holds(&matcher.hosts, head.host) {
        return Some(Reason::Host { asked: head.host.to_owned() });
    }
    if !condition::path_holds(&matcher.path, head.path) {
        return Some(Reason::Path { asked: head.path.to_owned() });
    }
    condition::first_unmet(matcher, head).map(|unmet| reason(unmet, matcher, head))
}

impl Router {
    /// Tells for one request which routes were considered, and why each matches or not.
    ///
    /// Looks at every route; for the operator's eyes, not for traffic.
    #[must_use]
    pub fn explain(&self, head: &Head<'_>) -> Explanation {
        let mut eligible = Vec::new();
        let mut near = Vec::new();
        for (rank, entry) in self.entries.iter().enumerate() {
            let host = host_match(&entry.matcher, head.host);
            match (host, condition::path_holds(&entry.matcher.path, head.path)) {
                (Some((distance, host)), true) => eligible.push((distance, rank, host)),
                (None, false) => {}
                _ => near.push(rank),
            }
        }
        eligible.sort_by_key(|(distance, rank, _)| (*distance, *rank));
        near.sort_by_key(|rank| Reverse(similarity(&self.entry(*rank).matcher.path, head.path)));

        let mut chosen: Option<&Entry> = None;
        let mut candidates = Vec::new();
        for (_, rank, host) in eligible {
            let entry = self.entry(rank);
            let verdict = match (condition::first_unmet(&entry.matcher, head), chosen) {
                (Some(unmet), _) => Verdict::Failed(reason(unmet, &entry.matcher, head)),
                (None, Some(first)) => Verdict::Outranked { by: first.name.to_string() },
                (None, None) => {
                    chosen = Some(entry);
                    Verdict::Chosen
                }
            };
            candidates.push(candidate(entry, host, verdict));
        }
        let left_out = near.len().saturating_sub(NEAR_MISSES_MAX);
        candidates.extend(near.into_iter().take(NEAR_MISSES_MAX).map(|rank| {
            let entry = self.entry(rank);
            let reason = match host_match(&entry.matcher, head.host) {
                None => Reason::Host { asked: head.host.to_owned() },
                Some(_) => Reason::Path { asked: head.path.to_owned() },
            };
            candidate(entry, all_hosts(&entry.matcher), Verdict::Failed(reason))
        }));
        Explanation { candidates, chosen: chosen.map(|entry| entry.index), left_out }
    }
}

fn candidate(entry: &Entry, host: String, verdict: Verdict) -> Candidate {
    Candidate {
        route: entry.index,
        name: entry.name.to_string(),
        host,
        path: entry.matcher.path.to_string(),
        verdict,
    }
}

/// The most specific host that matches, with the number of bytes that its star stands for.
fn host_match(matcher: &Matcher, host: &str) -> Option<(usize, String)> {
    if matcher.hosts.is_empty() {
        return Some((usize::MAX, all_hosts(matcher)));
    }
    let distance = |candidate: &HostMatcher| match candidate {
        HostMatcher::Exact(name) => (name == host).then_some(0),
        HostMatcher::Suffix(suffix) => {
            host.strip_suffix(suffix.as_str()).map(str::len).filter(|length| *length > 0)
        }
    };
    let matching =
        matcher.hosts.iter().filter_map(|host| Some((distance(host)?, host.to_string())));
    matching.min_by_key(|(distance, _)| *distance)
}

fn all_hosts(matcher: &Matcher) -> String {
    if matcher.hosts.is_empty() {
        return "any host".to_owned();
    }
    matcher.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

/// How many bytes two paths have in common from their start.
fn similarity(matcher: &PathMatcher, path: &str) -> usize {
    let literal = match matcher {
        PathMatcher::Exact(text) | PathMatcher::Prefix(text) | PathMatcher::Start { text, .. } => {
            text.clone()
        }
        PathMatcher::Regex(regex) => super::pattern::literal_segments(regex.as_str()),
        PathMatcher::Pattern(pattern) => {
            let literals = pattern.segments().iter().map_while(|segment| match segment {
                Segment::Literal(text) => Some(format!("/{text}")),
                Segment::Parameter(_) | Segment::Rest(_) => None,
            });
            literals.collect()
        }
    };
    literal.bytes().zip(path.bytes()).take_while(|(one, other)| one == other).count()
}

fn reason(unmet: Unmet<'_>, matcher: &Matcher, head: &Head<'_>) -> Reason {
    match unmet {
        Unmet::Method => {
            Reason::Method { asked: head.method.clone(), wanted: matcher.methods.clone() }
        }
        Unmet::Header(header) => Reason::Header {
            name: header.name.clone(),
            wanted: wanted(&header.value),
            present: head.headers.contains_key(&header.name),
        },
        Unmet::Query(query) => {
            Reason::Query { name: query.name.clone(), wanted: wanted(&query.value) }
        }
        Unmet::Client => Reason::Client {
            asked: head.client,
            wanted: matcher.clients.iter().map(ToString::to_string).collect(),
        },
        Unmet::ServerName => Reason::ServerName {
            asked: head.server_name.map(str::to_owned),
            wanted: matcher.snis.iter().map(ToString::to_string).collect(),
        },
    }
}

fn wanted(value: &ValueMatcher) -> String {
    match value {
        ValueMatcher::Present => "any value".to_owned(),
        ValueMatcher::Exact(text) => format!("`{text}`"),
        ValueMatcher::Regex(regex) => format!("regex {}", as_written(regex)),
    }
}

impl fmt::Display for Explanation {
    /// One numbered line for each candidate, each with a final line feed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, candidate) in (1..).zip(&self.candidates) {
            writeln!(f, "{number}. {candidate}")?;
        }
        if self.left_out > 0 {
            writeln!(f, "and {} more whose host or path does not match", self.left_out)?;
        }
        Ok(())
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({}, {}): {}", self.name, self.host, self.path, self.verdict)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen => f.write_str("matches, and comes first"),
            Self::Outranked { by } => write!(f, "matches too, but `{by}` comes first"),
            Self::Failed(reason) => write!(f, "does not match: {reason}"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { asked } if asked.is_empty() => f.write_str("the request has no host"),
            Self::Host { asked } => write!(f, "the host is {asked}"),
            Self::Path { asked } => write!(f, "the path is {asked}"),
            Self::Method { asked, wanted } => {
                let wanted: Vec<&str> = wanted.iter().map(Method::as_str).collect();
                write!(f, "the method is {asked}, not {}", wanted.join(" or "))
            }
            Self::Header { name, wanted, present: true } => {
                write!(f, "no header `{name}` is {wanted}")
            }
            Self::Header { name, wanted, present: false } => {
                write!(f, "there is no header `{name}` (wanted is {wanted})")
            }
            Self::Query { name, wanted } => {
                write!(f, "no query parameter `{name}` is {wanted}")
            }
            Self::Client { asked: Some(asked), wanted } => {
                write!(f, "the client is {asked}, not in {}", wanted.join(" or "))
            }
            Self::Client { asked: None, wanted } => {
                write!(f, "the client's address is not known (wanted is {})", wanted.join(" or "))
            }
            Self::ServerName { asked: Some(asked), wanted } => {
                write!(f, "the server name of TLS is {asked}, not {}", wanted.join(" or "))
            }
            Self::ServerName { asked: None, wanted } => {
                write!(f, "there is no server name of TLS (wanted is {})", wanted.join(" or "))
            }
        }
    }
}
