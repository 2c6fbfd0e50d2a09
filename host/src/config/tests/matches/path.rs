//! Conditions for the path.

use crate::config::tests::check;

#[test]
fn a_path_begins_with_a_slash() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "users" }
respond = {}
"#,
        r#"
error: `users` is not a path: it must begin with `/`
 --> gateway.toml:3:18
  |
3 | match = { path = "users" }
  |                  ^^^^^^^
  = hint: write `/users`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_ends_in_no_star() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/users/*" }
respond = {}
"#,
        r#"
error: `/users/*` is not a path: it ends in a star
 --> gateway.toml:3:18
  |
3 | match = { path = "/users/*" }
  |                  ^^^^^^^^^^
  = hint: a prefix takes all paths below it: `path = "/users"`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_has_no_query() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/users?id=1" }
respond = {}
"#,
        r#"
error: `/users?id=1` is not a path: it has a query or fragment
 --> gateway.toml:3:18
  |
3 | match = { path = "/users?id=1" }
  |                  ^^^^^^^^^^^^^
  = hint: conditions for the query go into `match.query`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_has_no_dot_segments() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = { exact = "/users/../admin" } }
respond = {}
"#,
        r#"
error: `/users/../admin` is not a path: it has a dot segment
 --> gateway.toml:3:28
  |
3 | match = { path = { exact = "/users/../admin" } }
  |                            ^^^^^^^^^^^^^^^^^
  = hint: write the path it leads to

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_has_no_empty_segments() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = { prefix = "/users//1" } }
respond = {}
"#,
        r#"
error: `/users//1` is not a path: it has an empty segment
 --> gateway.toml:3:29
  |
3 | match = { path = { prefix = "/users//1" } }
  |                             ^^^^^^^^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_encodes_what_must_be_encoded() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/käse" }
respond = {}
"#,
        r#"
error: `/käse` is not a path: it has a character that must be percent-encoded
 --> gateway.toml:3:18
  |
3 | match = { path = "/käse" }
  |                  ^^^^^^^
  = hint: write `%C3%A4` in place of `ä`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_encodes_in_upper_case() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/k%c3%a4se" }
respond = {}
"#,
        r#"
error: `/k%c3%a4se` is not a path: a percent-encoding must be in upper case
 --> gateway.toml:3:18
  |
3 | match = { path = "/k%c3%a4se" }
  |                  ^^^^^^^^^^^^
  = hint: write `%C3`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_does_not_encode_what_needs_no_encoding() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/%75sers" }
respond = {}
"#,
        r#"
error: `/%75sers` is not a path: it encodes a character that needs no encoding
 --> gateway.toml:3:18
  |
3 | match = { path = "/%75sers" }
  |                  ^^^^^^^^^^
  = hint: write `u` in place of `%75`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_encodes_whole_bytes() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/100%" }
respond = {}
"#,
        r#"
error: `/100%` is not a path: `%` must be followed by two hexadecimal digits
 --> gateway.toml:3:18
  |
3 | match = { path = "/100%" }
  |                  ^^^^^^^
  = hint: write `%25` for the percent sign itself

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_has_no_encoded_slash_unless_allowed() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/a%2Fb" }
respond = {}
"#,
        r#"
error: `/a%2Fb` is not a path: it has an encoded slash
 --> gateway.toml:3:18
  |
3 | match = { path = "/a%2Fb" }
  |                  ^^^^^^^^
  = hint: such requests are refused, unless the route has `allow_encoded_slash = true`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_is_of_one_kind() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = { exact = "/a", prefix = "/a" } }
respond = {}
"#,
        r#"
error: `exact` and `prefix` exclude each other
 --> gateway.toml:3:43
  |
3 | match = { path = { exact = "/a", prefix = "/a" } }
  |                                           ^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_is_of_some_kind() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = {} }
respond = {}
"#,
        r#"
error: there is nothing in `path`
 --> gateway.toml:3:18
  |
3 | match = { path = {} }
  |                  ^^
  = hint: add one of `exact`, `prefix`, `pattern`, `regex`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_path_of_an_unknown_kind_is_refused_once() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = { perfix = "/a" } }
respond = {}
"#,
        r#"
error: unknown key `perfix` in `path`
 --> gateway.toml:3:20
  |
3 | match = { path = { perfix = "/a" } }
  |                    ^^^^^^
  = hint: did you mean `prefix`?

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_parameter_stands_in_a_pattern() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/users/{id}" }
respond = {}
"#,
        r#"
error: `/users/{id}` is not a path: it has a brace
 --> gateway.toml:3:18
  |
3 | match = { path = "/users/{id}" }
  |                  ^^^^^^^^^^^^^
  = hint: named parameters stand in `path = { pattern = "/users/{id}" }`, and a brace itself is `%7B` or `%7D`

1 error in gateway.toml
"#,
    );
}

/// The first line of what is said of a pattern.
#[track_caller]
fn pattern(pattern: &str, expected: &str) {
    let file = format!(
        "[[routes]]\nname = \"a\"\nmatch = {{ path = {{ pattern = {pattern:?} }} }}\nrespond = {{}}\n"
    );
    let findings = crate::config::tests::load(&file).expect_err(pattern).to_string();
    assert_eq!(findings.lines().next(), Some(expected), "{findings}");
}

#[test]
fn a_pattern_has_parameters_that_are_whole_segments_with_names_of_their_own() {
    pattern("/users", "error: a pattern has at least one parameter, such as `{id}`");
    pattern("/users/{id}.json", "error: a parameter is a whole segment, such as `/{id}/`");
    pattern("/users/{}", "error: `` cannot be the name of a parameter");
    pattern("/users/{1}", "error: `1` cannot be the name of a parameter");
    pattern("/{id}/{id}", "error: two parameters are called `id`");
    pattern("/{all+}/x", "error: `{name+}` stands for the rest of the path");
    pattern("users/{id}", "error: `users/{id}` is not a path: it must begin with `/`");
    pattern("/a//{id}", "error: `/a//{id}` is not a path: it has an empty segment");
}
