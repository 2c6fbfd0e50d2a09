//! The routes of one host, by path.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState};
use std::iter;

use regex::RegexSet;

use super::{Shape, pattern};
use crate::config::model::{PathMatcher, Segment};

/// A route's place in the order of precedence; the smaller one wins.
pub(super) type Rank = usize;

/// How many regexes below one prefix are asked together whether any of them matches.
///
/// A combined one takes about 50 ns, a single one about 30, so that a thousand in one place cost
/// some 3 µs. Larger ones outgrow the regex engine's memory.
const REGEX_SET: usize = 32;

/// Fewer regexes than this are tried in turn only.
const REGEX_SET_MIN: usize = 4;

/// The routes of one host.
#[derive(Debug, Default)]
pub(super) struct Table {
    exact: HashMap<Box<str>, Box<[Rank]>>,
    /// In order of precedence.
    patterns: Box<[Patterns]>,
    /// By whole segments without a final slash, so that `/` is the empty text. Regexes stand below
    /// the segments that everything they match begins with.
    below: HashMap<Box<str>, Node>,
    /// Of the keys of `below`, in bytes: no longer one needs to be looked up.
    longest: usize,
    /// Whether `below` holds a regex or a prefix that ends within a segment: then the longest prefix is not the end of the search.
    has_loose: bool,
}

/// The patterns with the same segments literal, by the hash of these: a look-up asks once for each
/// shape, however many patterns there are.
#[derive(Debug)]
struct Patterns {
    shape: Shape,
    hasher: RandomState,
    /// In order of precedence. Whether the path matches is left to the caller, as for regexes.
    ranks: HashMap<u64, Vec<Rank>>,
}

/// What stands below one prefix.
#[derive(Debug)]
struct Node {
    /// In order of precedence, [`REGEX_SET`] at a time.
    regexes: Box<[Regexes]>,
    /// In order of precedence; behind all regexes.
    prefixes: Box<[Rank]>,
}

#[derive(Debug)]
struct Regexes {
    ranks: Box<[Rank]>,
    /// Matches if one of them does.
    set: Option<RegexSet>,
}

impl Table {
    /// Finds the first rank by precedence whose path matches and for which `holds` says yes.
    pub(super) fn find(&self, path: &str, holds: impl Fn(Rank) -> bool) -> Option<Rank> {
        if let Some(ranks) = self.exact.get(path)
            && let Some(rank) = ranks.iter().copied().find(|rank| holds(*rank))
        {
            return Some(rank);
        }
        // All patterns come before all regexes and prefixes.
        if let Some(rank) = self.patterns.iter().find_map(|patterns| patterns.find(path, &holds)) {
            return Some(rank);
        }
        let mut best = None;
        for prefix in prefixes(path, self.longest) {
            if let Some(node) = self.below.get(prefix) {
                best = node.find(path, best, &holds).or(best);
            }
            if best.is_some() && !self.has_loose {
                break;
            }
        }
        best
    }
}

impl Patterns {
    fn find(&self, path: &str, holds: impl Fn(Rank) -> bool) -> Option<Rank> {
        let mut segments = path.split('/').skip(1);
        let mut hasher = self.hasher.build_hasher();
        for varies in &self.shape.varies {
            let segment = segments.next()?;
            if !varies {
                segment.hash(&mut hasher);
            }
        }
        if !self.shape.has_rest && segments.next().is_some() {
            return None;
        }
        self.ranks.get(&hasher.finish())?.iter().copied().find(|rank| holds(*rank))
    }
}

impl Node {
    /// Finds a rank before `best`.
    fn find(&self, path: &str, best: Option<Rank>, holds: impl Fn(Rank) -> bool) -> Option<Rank> {
        let regexes = self
            .regexes
            .iter()
            .take_while(|regexes| precedes(regexes.ranks.first(), best))
            .filter(|regexes| regexes.set.as_ref().is_none_or(|set| set.is_match(path)))
            .flat_map(|regexes| &regexes.ranks);
        regexes
            .chain(&self.prefixes)
            .take_while(|rank| precedes(Some(rank), best))
            .copied()
            .find(|rank| holds(*rank))
    }
}

fn precedes(rank: Option<&Rank>, best: Option<Rank>) -> bool {
    best.is_none_or(|best| rank.is_some_and(|rank| *rank < best))
}

/// The path itself and everything before one of its slashes, from the longest that has at most
/// `longest` bytes to the empty text.
fn prefixes(path: &str, longest: usize) -> impl Iterator<Item = &str> {
    let slash_before =
        |end: usize| path.as_bytes().get(..end).and_then(|head| memchr::memrchr(b'/', head));
    let first = if path.len() <= longest { Some(path.len()) } else { slash_before(longest + 1) };
    iter::successors(first, move |end| slash_before(*end)).filter_map(|end| path.get(..end))
}

/// Collects what becomes a [`Table`].
#[derive(Debug, Default)]
pub(super) struct Builder {
    exact: HashMap<Box<str>, Vec<Rank>>,
    /// In order of precedence, because ranks come in it.
    patterns: Vec<Patterns>,
    below: HashMap<Box<str>, NodeBuilder>,
    has_start: bool,
}

#[derive(Debug, Default)]
struct NodeBuilder {
    prefixes: Vec<Rank>,
    regexes: Vec<(Rank, Box<str>)>,
}

impl Builder {
    /// Files one route; ranks must come in ascending order.
    pub(super) fn add(&mut self, rank: Rank, path: &PathMatcher) {
        match path {
            PathMatcher::Exact(path) => {
                self.exact.entry(path.as_str().into()).or_default().push(rank);
            }
            PathMatcher::Prefix(prefix) => {
                let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
                self.below.entry(prefix.into()).or_default().prefixes.push(rank);
            }
            PathMatcher::Regex(regex) => {
                let segments = pattern::literal_segments(regex.as_str());
                let node = self.below.entry(segments.into()).or_default();
                node.regexes.push((rank, regex.as_str().into()));
            }
            PathMatcher::Pattern(pattern) => {
                let shape = Shape::of(pattern);
                if self.patterns.last().is_none_or(|last| last.shape != shape) {
                    let (hasher, ranks) = (RandomState::new(), HashMap::new());
                    self.patterns.push(Patterns { shape, hasher, ranks });
                }
                let Some(patterns) = self.patterns.last_mut() else { return };
                let mut hasher = patterns.hasher.build_hasher();
                for segment in pattern.segments() {
                    if let Segment::Literal(text) = segment {
                        text.as_str().hash(&mut hasher);
                    }
                }
                patterns.ranks.entry(hasher.finish()).or_default().push(rank);
            }
            PathMatcher::Start { text, .. } => {
                let segments = text.get(..text.rfind('/').unwrap_or(0)).unwrap_or_default();
                self.below.entry(segments.into()).or_default().prefixes.push(rank);
                self.has_start = true;
            }
        }
    }

    /// Compiles what can be compiled ahead.
    pub(super) fn finish(self) -> Table {
        Table {
            longest: self.below.keys().map(|prefix| prefix.len()).max().unwrap_or(0),
            has_loose: self.has_start || self.below.values().any(|node| !node.regexes.is_empty()),
            patterns: self.patterns.into(),
            exact: self.exact.into_iter().map(|(path, ranks)| (path, ranks.into())).collect(),
            below: self.below.into_iter().map(|(prefix, node)| (prefix, node.finish())).collect(),
        }
    }
}

impl NodeBuilder {
    fn finish(self) -> Node {
        let regexes = self.regexes.chunks(REGEX_SET).map(|chunk| Regexes {
            ranks: chunk.iter().map(|(rank, _)| *rank).collect(),
            // Without a combined one, which may outgrow its memory, each is tried in turn.
            set: (chunk.len() >= REGEX_SET_MIN)
                .then(|| RegexSet::new(chunk.iter().map(|(_, pattern)| pattern)).ok())
                .flatten(),
        });
        Node { regexes: regexes.collect(), prefixes: self.prefixes.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::prefixes;

    #[test]
    fn prefixes_come_longest_first_and_no_longer_than_asked() {
        let all = |path, longest| prefixes(path, longest).collect::<Vec<_>>();
        assert_eq!(all("/a/bc", 9), ["/a/bc", "/a", ""]);
        assert_eq!(all("/a/bc", 5), ["/a/bc", "/a", ""]);
        assert_eq!(all("/a/bc", 4), ["/a", ""]);
        assert_eq!(all("/a/bc", 2), ["/a", ""]);
        assert_eq!(all("/a/bc", 1), [""]);
        assert_eq!(all("/a/bc", 0), [""]);
        assert_eq!(all("/a/", 9), ["/a/", "/a", ""]);
        assert_eq!(all("/", 0), [""]);
    }
}
