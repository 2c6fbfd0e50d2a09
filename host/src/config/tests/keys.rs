//! Keys, types and syntax.

use super::check;

#[test]
fn a_syntax_error_ends_the_list_of_its_file() {
    check(
        r#"
[gateway]
name = 
workers = "two"
"#,
        r#"
error: string values must be quoted, expected literal string
 --> gateway.toml:2:8
  |
2 | name =
  |        ^ not TOML

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_key_given_twice_is_a_syntax_error() {
    check(
        r#"
[gateway]
workers = 2
workers = 4
"#,
        r#"
error: duplicate key
 --> gateway.toml:3:1
  |
3 | workers = 4
  | ^^^^^^^ defined above

1 error in gateway.toml
"#,
    );
}

#[test]
fn an_unknown_key_is_shown_with_the_one_it_was_meant_to_be() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
[[routes]]
name = "users"
match = { path = "/users" }
upstream = "users"
timeuot = "5s"
"#,
        r#"
error: unknown key `timeuot` in `routes`
 --> gateway.toml:7:1
  |
7 | timeuot = "5s"
  | ^^^^^^^
  = hint: did you mean `timeout`?

1 error in gateway.toml
"#,
    );
}

#[test]
fn an_unknown_key_far_from_all_is_shown_with_those_that_exist() {
    check(
        r#"
[outputs.access]
file = "access.log"
rotation = "daily"
"#,
        r#"
error: unknown key `rotation` in `outputs.access`
 --> gateway.toml:3:1
  |
3 | rotation = "daily"
  | ^^^^^^^^
  = hint: the keys here are `file`, `queue`

1 error in gateway.toml
"#,
    );
}

#[test]
fn an_unknown_table_is_shown_with_the_one_it_was_meant_to_be() {
    check(
        r#"
[[listener]]
address = "127.0.0.1:80"
"#,
        r#"
error: unknown key `listener` at the top level
 --> gateway.toml:1:3
  |
1 | [[listener]]
  |   ^^^^^^^^
  = hint: did you mean `listeners`?

1 error in gateway.toml
"#,
    );
}

#[test]
fn an_unknown_key_in_braces_is_shown_within_them() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
[[routes]]
name = "users"
match = { pth = "/users" }
upstream = "users"
"#,
        r#"
error: unknown key `pth` in `match`
 --> gateway.toml:5:11
  |
5 | match = { pth = "/users" }
  |           ^^^
  = hint: did you mean `path`?

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_missing_key_is_shown_at_its_table() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
[[routes]]
upstream = "users"
"#,
        r#"
error: the key `name` is missing in `routes`
 --> gateway.toml:3:1
  |
3 | [[routes]]
  | ^^^^^^^^^^
  = hint: add `name = "users"`

error: the key `match` is missing in `routes`
 --> gateway.toml:3:1
  |
3 | [[routes]]
  | ^^^^^^^^^^
  = hint: add `match = { path = "/" }`

2 errors in gateway.toml
"#,
    );
}

#[test]
fn a_missing_key_in_braces_is_shown_at_them() {
    check(
        r#"
[upstreams.users]
endpoints = [{ weight = 3 }]
"#,
        r#"
error: the key `url` is missing in `endpoints[0]`
 --> gateway.toml:2:14
  |
2 | endpoints = [{ weight = 3 }]
  |              ^^^^^^^^^^^^^^
  = hint: add `url = "http://127.0.0.1:9001"`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_value_of_another_type_says_both_types() {
    check(
        r#"
[upstreams.users]
endpoints = [{ url = "http://127.0.0.1:9001", weight = "3" }]
"#,
        r#"
error: `weight` must be an integer, but is a string
 --> gateway.toml:2:56
  |
2 | endpoints = [{ url = "http://127.0.0.1:9001", weight = "3" }]
  |                                                        ^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn an_item_of_another_type_is_shown_alone() {
    check(
        r#"
[[routes]]
name = "users"
match = { methods = ["GET", 5] }
respond = {}
"#,
        r#"
error: `methods[1]` must be a string, but is an integer
 --> gateway.toml:3:29
  |
3 | match = { methods = ["GET", 5] }
  |                             ^

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_single_table_in_place_of_several_is_shown_with_the_right_brackets() {
    check(
        r#"
[listeners]
address = "127.0.0.1:80"
"#,
        r#"
error: `listeners` must be an array of tables, but is a table
 --> gateway.toml:1:1
  |
1 | [listeners]
  | ^^^^^^^^^^^
  = hint: write `[[listeners]]`

1 error in gateway.toml
"#,
    );
}

#[test]
fn several_tables_in_place_of_named_ones_are_shown_with_the_right_brackets() {
    check(
        r#"
[[upstreams]]
name = "users"
"#,
        r#"
error: `upstreams` must be a table of tables, but is an array
 --> gateway.toml:1:1
  |
1 | [[upstreams]]
  | ^^^^^^^^^^^^^
  = hint: write `[upstreams.<name>]`

1 error in gateway.toml
"#,
    );
}

#[test]
fn all_findings_are_shown_at_once_in_the_order_of_the_file() {
    check(
        r#"
[gateway]
workers = 0
name = "my gateway"

[limits]
header_timeout = 10

[[routes]]
name = "users"
match = { path = "users" }
pipeline = ["auth"]
upstream = "users"
"#,
        r#"
error: `workers` must be from 1 to 1024
 --> gateway.toml:2:11
  |
2 | workers = 0
  |           ^

error: `my gateway` cannot be the name of the gateway
 --> gateway.toml:3:8
  |
3 | name = "my gateway"
  |        ^^^^^^^^^^^^ not a token
  = hint: a letter, then letters, digits, `-`, `_` or `.`; at most 64

error: `header_timeout` needs a unit
 --> gateway.toml:6:18
  |
6 | header_timeout = 10
  |                  ^^
  = hint: write `10s` for seconds or `10ms` for milliseconds

error: `users` is not a path: it must begin with `/`
  --> gateway.toml:10:18
   |
10 | match = { path = "users" }
   |                  ^^^^^^^
   = hint: write `/users`

error: route `users` runs plugin `auth`, which is not defined
  --> gateway.toml:11:13
   |
11 | pipeline = ["auth"]
   |             ^^^^^^ no plugin has this name
   = hint: define it with `[plugins.auth]`

error: route `users` sends to upstream `users`, which is not defined
  --> gateway.toml:12:12
   |
12 | upstream = "users"
   |            ^^^^^^^ no upstream has this name
   = hint: define it with `[upstreams.users]`

6 errors in gateway.toml
"#,
    );
}

#[test]
fn a_long_text_is_not_repeated_whole() {
    check(
        r#"
[[routes]]
name = "users"
match = { host = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
respond = {}
"#,
        r#"
error: `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…` is not a host
 --> gateway.toml:3:18
  |
3 | match = { host = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
  |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ not a host name

1 error in gateway.toml
"#,
    );
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    check(
        r#"
[[routes]]
name = "users"
match = { path = "/\u001b[31m" }
respond = {}
"#,
        r#"
error: `/�[31m` is not a path: it has a control character, which no request may have
 --> gateway.toml:3:18
  |
3 | match = { path = "/\u001b[31m" }
  |                  ^^^^^^^^^^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn control_characters_of_keys_and_names_do_not_either() {
    check(
        r#"
[[routes]]
name = "\u001b"
match = { headers = { "\u001b" = 1 } }
pipeline = ["x"]

[plugins."\u001b"]
component = "a"
"#,
        r#"
error: route `�` leads nowhere
 --> gateway.toml:1:1
  |
1 | [[routes]]
  | ^^^^^^^^^^
  = hint: add one of `upstream`, `handler`, `respond`, `redirect`

error: `�` cannot be the name of a route
 --> gateway.toml:2:8
  |
2 | name = "\u001b"
  |        ^^^^^^^^
  = hint: a name has at most 64 of `a-z`, `0-9`, `-`, `_` and `.`, beginning with a letter or digit

error: `�` is not the name of a header
 --> gateway.toml:3:23
  |
3 | match = { headers = { "\u001b" = 1 } }
  |                       ^^^^^^^^

error: route `�` runs plugin `x`, which is not defined
 --> gateway.toml:4:13
  |
4 | pipeline = ["x"]
  |             ^^^ no plugin has this name
  = hint: defined are `�`

error: `�` cannot be the name of a plugin
 --> gateway.toml:6:10
  |
6 | [plugins."\u001b"]
  |          ^^^^^^^^
  = hint: a name has at most 64 of `a-z`, `0-9`, `-`, `_` and `.`, beginning with a letter or digit

5 errors in gateway.toml
"#,
    );
}

#[test]
fn tabs_and_wide_lines_keep_the_carets_in_place() {
    check(
        r#"
[upstreams.users]
	endpoints = [ "http://ä",	"ftp://b" ]
"#,
        r#"
error: the URL has no valid host: not ASCII; write its `xn--` form
 --> gateway.toml:2:16
  |
2 |  endpoints = [ "http://ä", "ftp://b" ]
  |                ^^^^^^^^^^

error: the scheme of an endpoint must be `http` or `https`
 --> gateway.toml:2:28
  |
2 |  endpoints = [ "http://ä", "ftp://b" ]
  |                            ^^^^^^^^^

2 errors in gateway.toml
"#,
    );
}
