//! What happens to the path on its way to the upstream.

mod kong;
mod nginx;

use std::borrow::Cow;

use super::path::{self, PathError};
use crate::config::model::{PathHandling, Rewrite};

/// Gives the path that the upstream sees for a canonical path; the query is not part of either.
///
/// Prefixes are whole segments, and a path that is not below the prefix stays as it is. Removing
/// or replacing follows `ReplacePrefixMatch` of the Gateway API: exactly one slash stands where
/// both parts meet, a final slash of the client's path stays, and the result is never empty.
///
/// # Errors
///
/// What is put together from parts of a path may be none that all read in the same way, such as
/// `/..;/x` made of `/{a}{b}`.
pub fn apply<'a>(rewrite: &'a Rewrite, path: &'a str) -> Result<Cow<'a, str>, PathError> {
    match rewrite {
        Rewrite::StripPrefix(prefix) => Ok(replace_prefix(path, prefix, "")),
        Rewrite::ReplacePrefix { prefix, with } => Ok(replace_prefix(path, prefix, with)),
        Rewrite::ReplacePath(with) => Ok(Cow::Borrowed(with)),
        Rewrite::Template(template) => settled(template.fill(path), path),
        Rewrite::Kong { prefix, strip, base, handling } => {
            let join = match handling {
                PathHandling::V0 => kong::join,
                PathHandling::V1 => kong::append,
            };
            settled(join(base, prefix, *strip, path), path)
        }
        Rewrite::Nginx { prefix, with } => settled(nginx::replace(prefix, with, path), path),
        Rewrite::Raw => Ok(Cow::Borrowed(path)),
    }
}

/// What was made of `before`, which must be a canonical path: parts of one make another unless they
/// form a dot segment, which would lead out of where the route means to lead. It has no encoded slash
/// if `before` had none.
fn settled(made: String, before: &str) -> Result<Cow<'static, str>, PathError> {
    let canonical = path::canonical(&made)?;
    canonical.check(before.contains("%2F") || before.contains("%5C"))?;
    if *canonical.path != *made {
        return Err(PathError::HiddenDotSegment);
    }
    Ok(Cow::Owned(made))
}

fn replace_prefix<'a>(path: &'a str, prefix: &str, with: &'a str) -> Cow<'a, str> {
    let Some(rest) = path::below(path, prefix) else {
        return Cow::Borrowed(path);
    };
    let joined = with.strip_suffix('/').unwrap_or(with);
    match (joined, rest) {
        ("", "") => Cow::Borrowed("/"),
        ("", rest) => Cow::Borrowed(rest),
        (_, "") => Cow::Borrowed(with),
        (joined, rest) => Cow::Owned([joined, rest].concat()),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use regex::Regex;

    use super::apply;
    use crate::config::model::{Captures, Part, Pattern, Rewrite, Segment, Template};
    use crate::route::path::PathError;

    #[track_caller]
    fn replaced(path: &str, prefix: &str, with: &str, expected: &str) {
        let rewrite = Rewrite::ReplacePrefix { prefix: prefix.to_owned(), with: with.to_owned() };
        let got = apply(&rewrite, path);
        assert_eq!(got.as_deref(), Ok(expected), "{path}: {prefix} by {with}");
    }

    /// The table of `HTTPPathModifier` in the Gateway API.
    #[test]
    fn a_prefix_is_replaced_as_the_gateway_api_says() {
        replaced("/foo/bar", "/foo", "/xyz", "/xyz/bar");
        replaced("/foo/bar", "/foo", "/xyz/", "/xyz/bar");
        replaced("/foo/bar", "/foo/", "/xyz", "/xyz/bar");
        replaced("/foo/bar", "/foo/", "/xyz/", "/xyz/bar");
        replaced("/foo", "/foo", "/xyz", "/xyz");
        replaced("/foo/", "/foo", "/xyz", "/xyz/");
        replaced("/foo/bar", "/foo", "", "/bar");
        replaced("/foo/", "/foo", "", "/");
        replaced("/foo", "/foo", "", "/");
        replaced("/foo/", "/foo", "/", "/");
        replaced("/foo", "/foo", "/", "/");
    }

    #[test]
    fn the_root_is_a_prefix_too() {
        replaced("/a", "/", "/api", "/api/a");
        replaced("/", "/", "/api", "/api/");
        replaced("/a", "/", "/", "/a");
    }

    #[test]
    fn a_path_outside_the_prefix_stays() {
        replaced("/foobar", "/foo", "/xyz", "/foobar");
    }

    #[test]
    fn a_prefix_is_stripped_to_a_path() {
        let rewrite = Rewrite::StripPrefix("/users".to_owned());
        for (path, expected) in [
            ("/users", "/"),
            ("/users/", "/"),
            ("/users/1", "/1"),
            ("/users//1", "//1"),
            ("/users/users", "/users"),
            ("/usersx", "/usersx"),
        ] {
            assert_eq!(apply(&rewrite, path).as_deref(), Ok(expected), "{path}");
        }
        assert_eq!(apply(&Rewrite::StripPrefix("/".to_owned()), "/a").as_deref(), Ok("/a"));
    }

    #[test]
    fn a_whole_path_is_replaced() {
        let rewrite = Rewrite::ReplacePath("/status".to_owned());
        assert_eq!(apply(&rewrite, "/a/b").as_deref(), Ok("/status"));
    }

    fn literal(text: &str) -> Part {
        Part::Literal(text.to_owned())
    }

    fn template(parts: Vec<Part>, captures: Captures) -> Rewrite {
        Rewrite::Template(Template::new(String::new(), parts, captures))
    }

    #[test]
    fn a_template_is_filled_with_what_a_pattern_captures() {
        let pattern = Pattern::new(vec![
            Segment::Parameter("kind".to_owned()),
            Segment::Literal("of".to_owned()),
            Segment::Rest("rest".to_owned()),
        ]);
        let parts = vec![literal("/"), Part::Value(1), literal("/"), Part::Value(0)];
        let rewrite = template(parts, Captures::Pattern(pattern));
        for (path, expected) in [
            ("/users/of/a/b", "/a/b/users"),
            ("/users/of/a%20b", "/a%20b/users"),
            ("/users/of//x", "//x/users"),
        ] {
            assert_eq!(apply(&rewrite, path).as_deref(), Ok(expected), "{path}");
        }
    }

    #[test]
    fn what_a_template_makes_is_a_canonical_path_or_refused() {
        let regex = Regex::new(r"\A(?:/(\.*)x(?<rest>.*)(y)?)\z").expect("a regex");
        let parts = vec![literal("/a/"), Part::Value(1), Part::Value(2), Part::Value(3)];
        let rewrite = template(parts, Captures::Regex(regex));
        let fill = |path| apply(&rewrite, path).map(Cow::into_owned);
        assert_eq!(fill("/xb"), Ok("/a/b".to_owned()));
        assert_eq!(fill("/..x/b"), Err(PathError::HiddenDotSegment));
        assert_eq!(fill("/.x"), Err(PathError::HiddenDotSegment));
        assert_eq!(fill("/..x;/b"), Err(PathError::HiddenDotSegment));
        assert_eq!(fill("/x%2Fb"), Ok("/a/%2Fb".to_owned()));
    }
}
