use std::borrow::Cow;

use super::{PathError, below, canonical};

#[track_caller]
fn check(raw: &str, expected: &str) {
    let canonical = canonical(raw).expect(raw);
    assert_eq!((canonical.path.as_ref(), canonical.ambiguous), (expected, false), "{raw}");
}

#[track_caller]
fn refused(raw: &str, error: PathError) {
    assert_eq!(canonical(raw), Err(error), "{raw}");
}

#[test]
fn a_canonical_path_is_borrowed() {
    for raw in [
        "/",
        "/users/1",
        "/a//b/",
        "/a/.well-known/...",
        "/a.b/c..",
        "/%20%FF%E2%82%AC",
        "/!$&'()*+,;=:@-_~",
        "/a/..b",
        "/a;v=1/b",
    ] {
        let canonical = canonical(raw).expect(raw);
        assert!(matches!(canonical.path, Cow::Borrowed(text) if text == raw), "{raw}");
        assert!(!canonical.ambiguous, "{raw}");
    }
}

#[test]
fn dot_segments_are_resolved() {
    check("/.", "/");
    check("/./", "/");
    check("/a/.", "/a/");
    check("/a/..", "/");
    check("/a/b/..", "/a/");
    check("/a/b/../", "/a/");
    check("/a/b/c/./../../g", "/a/g");
    check("/mid/content=5/../6", "/mid/6");
    check("/a//../b", "/a/b");
    check("/a/%2e%2E/b", "/b");
    check("/a/.%2e/b", "/b");
    check("/a/%2e/b", "/a/b");
}

#[test]
fn leaving_the_root_is_refused() {
    refused("/..", PathError::AboveRoot);
    refused("/../a", PathError::AboveRoot);
    refused("/a/../../b", PathError::AboveRoot);
    refused("/%2e%2e/b", PathError::AboveRoot);
}

#[test]
fn escapes_are_normalised() {
    check("/%41%7a%30%2D%5f%7e", "/Az0-_~");
    check("/a%3fb%2cc", "/a%3Fb%2Cc");
    check("/%252f", "/%252f");
    check("/a b\"<>^`{|}", "/a%20b%22%3C%3E%5E%60%7B%7C%7D");
    check("/é€", "/%C3%A9%E2%82%AC");
    check("/%e0%a4%85", "/%E0%A4%85");
    check("/%ff%80", "/%FF%80");
}

#[test]
fn broken_escapes_and_characters_are_refused() {
    refused("/%", PathError::InvalidEscape);
    refused("/%4", PathError::InvalidEscape);
    refused("/%zz", PathError::InvalidEscape);
    refused("/%4/", PathError::InvalidEscape);
    refused("/%E0%8", PathError::InvalidEscape);
    refused("/a\\b", PathError::InvalidCharacter);
    refused("/a\tb", PathError::InvalidCharacter);
    refused("/a\u{7f}", PathError::InvalidCharacter);
    refused("/a?b", PathError::InvalidCharacter);
    refused("/a#b", PathError::InvalidCharacter);
    refused("/a%00", PathError::EncodedControl);
    refused("/a%0d%0a", PathError::EncodedControl);
    refused("/a%1F", PathError::EncodedControl);
    refused("/a%7F", PathError::EncodedControl);
    refused("", PathError::NotAbsolute);
    refused("*", PathError::NotAbsolute);
    refused("a/b", PathError::NotAbsolute);
}

#[test]
fn overlong_forms_are_refused() {
    for raw in ["/%c0%af", "/%C0%AE%C0%AE/", "/%c1%9c", "/%e0%80%af", "/%f0%80%80%af", "/%C0"] {
        refused(raw, PathError::Overlong);
    }
    check("/%E0", "/%E0");
    check("/%F0%90%80%80", "/%F0%90%80%80");
}

#[test]
fn an_encoded_slash_is_kept_and_left_to_the_route() {
    for (raw, expected) in [("/a%2fb", "/a%2Fb"), ("/a%5cb%2F", "/a%5Cb%2F")] {
        let canonical = canonical(raw).expect(raw);
        assert_eq!((canonical.path.as_ref(), canonical.ambiguous), (expected, true));
        assert_eq!(canonical.check(true), Ok(()));
        assert_eq!(canonical.check(false), Err(PathError::EncodedSlash));
    }
    assert_eq!(canonical("/a").expect("plain").check(false), Ok(()));
}

#[test]
fn a_dot_segment_cannot_hide_from_a_server_that_reads_more_separators() {
    for raw in
        ["/a/..;/b", "/a/.;x=1/b", "/a/..%2fb", "/a/x%2F..", "/%2e%2e%5cb", "/a/x%5C..;y%2fz"]
    {
        refused(raw, PathError::HiddenDotSegment);
    }
}

#[test]
fn the_canonical_form_is_its_own_canonical_form() {
    let mut random = fastrand::Rng::with_seed(7);
    let pieces =
        ["/", "a", ".", "..", "%2e", "%2F", "%c3%a9", "%", "%5c", ";", " ", "é", "%E0", "%80"];
    for _ in 0..20_000 {
        let mut raw = String::from("/");
        for _ in 0..random.usize(0..8) {
            raw.push_str(pieces[random.usize(..pieces.len())]);
        }
        if let Ok(once) = canonical(&raw) {
            let twice = canonical(&once.path).expect("canonical paths are accepted");
            assert_eq!(twice.path, once.path, "{raw}");
            assert!(once.ambiguous || !twice.ambiguous, "{raw}");
            assert!(matches!(twice.path, Cow::Borrowed(_)), "{raw}");
        }
    }
}

#[test]
fn a_prefix_matches_whole_segments_only() {
    assert_eq!(below("/users", "/users"), Some(""));
    assert_eq!(below("/users/", "/users"), Some("/"));
    assert_eq!(below("/users/1", "/users"), Some("/1"));
    assert_eq!(below("/users/1", "/users/"), Some("/1"));
    assert_eq!(below("/usersx", "/users"), None);
    assert_eq!(below("/user", "/users"), None);
    assert_eq!(below("/anything", "/"), Some("/anything"));
}
