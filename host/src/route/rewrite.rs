//! What happens to the path on its way to the upstream.

use std::borrow::Cow;

use super::path;
use crate::config::model::Rewrite;

/// Gives the path that the upstream sees for a canonical path; the query is not part of either.
///
/// Prefixes are whole segments, and a path that is not below the prefix stays as it is. Removing
/// or replacing follows `ReplacePrefixMatch` of the Gateway API: exactly one slash stands where
/// both parts meet, a final slash of the client's path stays, and the result is never empty.
#[must_use]
pub fn apply<'a>(rewrite: &'a Rewrite, path: &'a str) -> Cow<'a, str> {
    match rewrite {
        Rewrite::StripPrefix(prefix) => replace_prefix(path, prefix, ""),
        Rewrite::ReplacePrefix { prefix, with } => replace_prefix(path, prefix, with),
        Rewrite::ReplacePath(with) => Cow::Borrowed(with),
    }
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
    use super::apply;
    use crate::config::model::Rewrite;

    #[track_caller]
    fn replaced(path: &str, prefix: &str, with: &str, expected: &str) {
        let rewrite = Rewrite::ReplacePrefix { prefix: prefix.to_owned(), with: with.to_owned() };
        assert_eq!(apply(&rewrite, path), expected, "{path}: {prefix} by {with}");
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
            assert_eq!(apply(&rewrite, path), expected, "{path}");
        }
        assert_eq!(apply(&Rewrite::StripPrefix("/".to_owned()), "/a"), "/a");
    }

    #[test]
    fn a_whole_path_is_replaced() {
        assert_eq!(apply(&Rewrite::ReplacePath("/status".to_owned()), "/a/b"), "/status");
    }
}
