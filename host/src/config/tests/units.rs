//! Durations, sizes and numbers.

use super::check;

#[test]
fn a_duration_needs_a_unit() {
    check(
        r#"
[limits]
idle_timeout = 75
"#,
        r#"
error: `idle_timeout` needs a unit
 --> gateway.toml:2:16
  |
2 | idle_timeout = 75
  |                ^^
  = hint: write `75s` for seconds or `75ms` for milliseconds

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_duration_in_quotes_needs_a_unit_as_well() {
    check(
        r#"
[limits]
idle_timeout = "75"
"#,
        r#"
error: `idle_timeout` needs a unit
 --> gateway.toml:2:16
  |
2 | idle_timeout = "75"
  |                ^^^^
  = hint: write `75s` for seconds or `75ms` for milliseconds

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_duration_needs_a_number() {
    check(
        r#"
[limits]
idle_timeout = "a while"
"#,
        r#"
error: `idle_timeout` is not a duration
 --> gateway.toml:2:16
  |
2 | idle_timeout = "a while"
  |                ^^^^^^^^^
  = hint: write a number and a unit, such as `500ms`, `2s` or `1m 30s`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_timeout_of_zero_is_refused() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
connect_timeout = "0s"
"#,
        r#"
error: `connect_timeout` must be from 1ms to 1day
 --> gateway.toml:3:19
  |
3 | connect_timeout = "0s"
  |                   ^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_size_needs_a_unit_that_exists() {
    check(
        r#"
[limits]
request_body = "16 apples"
"#,
        r#"
error: `request_body` is not a size
 --> gateway.toml:2:16
  |
2 | request_body = "16 apples"
  |                ^^^^^^^^^^^
  = hint: write a whole number and a unit, such as `512B` or `16MiB`

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_size_out_of_range_shows_the_range() {
    check(
        r#"
[limits]
request_head = "1KiB"
"#,
        r#"
error: `request_head` must be from 8KiB to 1MiB
 --> gateway.toml:2:16
  |
2 | request_head = "1KiB"
  |                ^^^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_size_may_not_be_negative() {
    check(
        r#"
[limits]
kv = -1
"#,
        r#"
error: `kv` must be from 1MiB to 64GiB
 --> gateway.toml:2:6
  |
2 | kv = -1
  |      ^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_size_of_another_type_is_refused() {
    check(
        r#"
[limits]
kv = true
"#,
        r#"
error: `kv` must be a size such as "16MiB", but is `true`
 --> gateway.toml:2:6
  |
2 | kv = true
  |      ^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_number_out_of_range_shows_the_range() {
    check(
        r#"
[gateway]
workers = 0
"#,
        r#"
error: `workers` must be from 1 to 1024
 --> gateway.toml:2:11
  |
2 | workers = 0
  |           ^

1 error in gateway.toml
"#,
    );
}

#[test]
fn a_number_may_not_be_negative() {
    check(
        r#"
[limits]
connections = -5
"#,
        r#"
error: `connections` must be from 1 to 1000000
 --> gateway.toml:2:15
  |
2 | connections = -5
  |               ^^

1 error in gateway.toml
"#,
    );
}
