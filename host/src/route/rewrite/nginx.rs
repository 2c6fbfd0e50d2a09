//! Paths as nginx replaces them, for those who come from there (`proxy_pass` with a path).

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};

/// What a path does not hold plainly (RFC 3986 section 3.3), and `%`, because all is decoded before.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Replaces `prefix`, to the character, in a canonical path that begins with it.
///
/// All escapes are decoded first, `%2F` too, and slashes in a row become one; what is left behind the
/// prefix is encoded again. No slash is put in between.
pub(super) fn replace(prefix: &str, with: &str, path: &str) -> String {
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    let merged = merge_slashes(&decoded);
    let prefix: Cow<'_, [u8]> = percent_decode_str(prefix).into();
    let rest = merged.strip_prefix(&*prefix).unwrap_or_default();
    [with, &percent_encode(rest, ENCODED).to_string()].concat()
}

fn merge_slashes(path: &[u8]) -> Vec<u8> {
    let mut merged: Vec<u8> = Vec::with_capacity(path.len());
    for byte in path {
        if *byte != b'/' || merged.last() != Some(&b'/') {
            merged.push(*byte);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use crate::config::model::{HostMatcher, Matcher, PathMatcher, Rewrite};
    use crate::route::{Head, Router, path, rewrite};

    /// Location and `proxy_pass`: `/a/`→`http://u/`, `/b/`→`http://u`, `/c/`→`http://u/x`,
    /// `/d`→`http://u/`, `/e/`→`http://u/y/`.
    const LOCATIONS: [(&str, Option<&str>); 5] = [
        ("/a/", Some("/")),
        ("/b/", None),
        ("/c/", Some("/x")),
        ("/d", Some("/")),
        ("/e/", Some("/y/")),
    ];

    /// What the client sends, and what the upstream sees, a redirect to a place or `404`.
    const CELLS: [(&str, &str); 22] = [
        ("/a/", "/"),
        ("/a/u/1", "/u/1"),
        ("/a", "301 /a/"),
        ("/a/%2e%2e/z", "404"),
        ("/a/b%2Fc", "/b/c"),
        ("/a//x", "/x"),
        ("/a/b%20c", "/b%20c"),
        ("/a/%41", "/A"),
        ("/a/b%3Fc", "/b%3Fc"),
        ("/e/foo", "/y/foo"),
        ("/A/x", "404"),
        ("/b/b%2Fc", "/b/b%2Fc"),
        ("/b//x", "/b//x"),
        ("/b/%2e%2e/b/z", "/b/%2e%2e/b/z"),
        ("/c/", "/x"),
        ("/c/foo", "/xfoo"),
        ("/d", "/"),
        ("/d/", "//"),
        ("/dfoo", "/foo"),
        ("/d/foo", "//foo"),
        ("/e", "301 /e/"),
        // Beyond the table.
        ("/a/%25", "/%25"),
    ];

    fn matcher(location: &str) -> Matcher {
        let text = location.to_owned();
        let bare = text.ends_with('/');
        Matcher {
            hosts: Vec::<HostMatcher>::new(),
            path: PathMatcher::Start { text, bare },
            methods: Vec::new(),
            headers: Vec::new(),
            query: Vec::new(),
            clients: Vec::new(),
            snis: Vec::new(),
        }
    }

    #[test]
    fn prefixes_are_replaced_as_by_nginx() {
        let matchers = LOCATIONS.map(|(location, _)| matcher(location));
        let router = Router::of(matchers.iter().map(|matcher| ("route", matcher)));
        let (method, headers) = (http::Method::GET, http::HeaderMap::new());
        for (sent, expected) in CELLS {
            let canonical = path::canonical(sent).expect(sent);
            let head = Head {
                host: "a",
                path: &canonical.path,
                method: &method,
                headers: &headers,
                query: None,
                client: None,
                server_name: None,
            };
            let got = match router.find(&head).map(|index| LOCATIONS[index]) {
                None => "404".to_owned(),
                Some((location, _)) if matcher(location).path.bare() == Some(&*canonical.path) => {
                    format!("301 {}/", canonical.path)
                }
                // The exchange sends what was received.
                Some((_, None)) => sent.to_owned(),
                Some((location, Some(with))) => {
                    let (prefix, with) = (location.to_owned(), with.to_owned());
                    let rewrite = Rewrite::Nginx { prefix, with };
                    rewrite::apply(&rewrite, &canonical.path).expect(sent).into_owned()
                }
            };
            assert_eq!(got, expected, "{sent}");
        }
    }
}
