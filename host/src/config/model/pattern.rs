//! Paths with named parameters.

use std::fmt;

/// A path of which some segments stand for any: `/users/{id}/posts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    segments: Box<[Segment]>,
}

/// One segment of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// This text; the empty one only at the end, for a final slash.
    Literal(String),
    /// `{name}`: any segment that is not empty.
    Parameter(String),
    /// `{name+}`: all that is left, at least one character. Only at the end.
    Rest(String),
}

impl Pattern {
    /// Of segments in their order; not empty, names differ.
    #[must_use]
    pub fn new(segments: Vec<Segment>) -> Self {
        Self { segments: segments.into() }
    }

    /// In the order of the path.
    #[must_use]
    pub const fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The names of its parameters, in the order of the path.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Literal(_) => None,
            Segment::Parameter(name) | Segment::Rest(name) => Some(name.as_str()),
        })
    }

    /// Whether it takes a canonical path. Does not allocate.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.walk(path, |_value| {})
    }

    /// What its parameters stand for, in the order of [`Pattern::names`]; nothing if it does not take
    /// the path.
    #[must_use]
    pub fn values<'p>(&self, path: &'p str) -> Vec<&'p str> {
        let mut values = Vec::new();
        if !self.walk(path, |value| values.push(value)) {
            values.clear();
        }
        values
    }

    fn walk<'p>(&self, path: &'p str, mut see: impl FnMut(&'p str)) -> bool {
        let Some(mut left) = path.strip_prefix('/') else { return false };
        let mut is_over = false;
        for segment in &self.segments {
            if is_over {
                return false;
            }
            if let Segment::Rest(_) = segment {
                see(left);
                return !left.is_empty();
            }
            let part = match left.split_once('/') {
                Some((part, after)) => {
                    left = after;
                    part
                }
                None => {
                    is_over = true;
                    left
                }
            };
            match segment {
                Segment::Literal(text) if text == part => {}
                Segment::Parameter(_) if !part.is_empty() => see(part),
                _ => return false,
            }
        }
        is_over
    }
}

impl fmt::Display for Pattern {
    /// As in the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.segments.iter().try_for_each(|segment| match segment {
            Segment::Literal(text) => write!(f, "/{text}"),
            Segment::Parameter(name) => write!(f, "/{{{name}}}"),
            Segment::Rest(name) => write!(f, "/{{{name}+}}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Pattern, Segment};

    fn pattern(text: &str) -> Pattern {
        let segment = |part: &str| match part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
            None => Segment::Literal(part.to_owned()),
            Some(name) => match name.strip_suffix('+') {
                Some(name) => Segment::Rest(name.to_owned()),
                None => Segment::Parameter(name.to_owned()),
            },
        };
        Pattern::new(text.split('/').skip(1).map(segment).collect())
    }

    #[track_caller]
    fn check(written: &str, path: &str, expected: Option<&[&str]>) {
        let pattern = pattern(written);
        assert_eq!(pattern.to_string(), written);
        assert_eq!(pattern.matches(path), expected.is_some(), "{written} {path}");
        assert_eq!(pattern.values(path), expected.unwrap_or_default(), "{written} {path}");
    }

    #[test]
    fn a_parameter_stands_for_one_segment_that_is_not_empty() {
        check("/users/{id}", "/users/1", Some(&["1"]));
        check("/users/{id}", "/users/a%20b", Some(&["a%20b"]));
        check("/users/{id}", "/users/", None);
        check("/users/{id}", "/users", None);
        check("/users/{id}", "/users/1/", None);
        check("/users/{id}", "/users/1/posts", None);
        check("/users/{id}", "/user/1", None);
        check("/{kind}/{id}/posts", "/users/1/posts", Some(&["users", "1"]));
        check("/{kind}/{id}/posts", "/users//posts", None);
    }

    #[test]
    fn a_final_slash_is_part_of_a_pattern() {
        check("/users/{id}/", "/users/1/", Some(&["1"]));
        check("/users/{id}/", "/users/1", None);
    }

    #[test]
    fn the_rest_is_one_segment_or_more() {
        check("/files/{path+}", "/files/a", Some(&["a"]));
        check("/files/{path+}", "/files/a/b/", Some(&["a/b/"]));
        check("/files/{path+}", "/files/", None);
        check("/files/{path+}", "/files", None);
        check("/{all+}", "/a/b", Some(&["a/b"]));
        check("/{all+}", "/", None);
    }
}
