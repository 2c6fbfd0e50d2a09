//! The keys `retry`, `breaker`, `max_requests` and `exchanges`.

use super::check;

#[test]
fn what_retries_are_for_is_a_word_or_a_status() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
retry = { on = ["resets", 200, true], attempts = 11, methods = [] }
"#,
        r#"
error: `on[0]` cannot be `resets`
 --> gateway.toml:3:17
  |
3 | retry = { on = ["resets", 200, true], attempts = 11, methods = [] }
  |                 ^^^^^^^^
  = hint: did you mean `reset`?

error: `on[1]` must be from 400 to 599
 --> gateway.toml:3:27
  |
3 | retry = { on = ["resets", 200, true], attempts = 11, methods = [] }
  |                           ^^^

error: `on[2]` must be a status or one of `connect_failure`, `reset` and `timeout`, but is `true`
 --> gateway.toml:3:32
  |
3 | retry = { on = ["resets", 200, true], attempts = 11, methods = [] }
  |                                ^^^^

error: `attempts` must be from 0 to 10
 --> gateway.toml:3:50
  |
3 | retry = { on = ["resets", 200, true], attempts = 11, methods = [] }
  |                                                  ^^

error: `methods` is empty
 --> gateway.toml:3:64
  |
3 | retry = { on = ["resets", 200, true], attempts = 11, methods = [] }
  |                                                                ^^ list at least one

5 errors in gateway.toml
"#,
    );
}

#[test]
fn a_budget_is_a_percentage_and_a_number() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
retry = { budget = { percent = 101, min = 3 }, body = "17MiB", per_try_timeout = 3 }
"#,
        r#"
error: `percent` must be from 0 to 100
 --> gateway.toml:3:32
  |
3 | retry = { budget = { percent = 101, min = 3 }, body = "17MiB", per_try_timeout = 3 }
  |                                ^^^

error: unknown key `min` in `budget`
 --> gateway.toml:3:37
  |
3 | retry = { budget = { percent = 101, min = 3 }, body = "17MiB", per_try_timeout = 3 }
  |                                     ^^^
  = hint: the keys here are `percent`, `min_per_second`

error: `body` must be from 0B to 16MiB
 --> gateway.toml:3:55
  |
3 | retry = { budget = { percent = 101, min = 3 }, body = "17MiB", per_try_timeout = 3 }
  |                                                       ^^^^^^^

error: `per_try_timeout` needs a unit
 --> gateway.toml:3:82
  |
3 | retry = { budget = { percent = 101, min = 3 }, body = "17MiB", per_try_timeout = 3 }
  |                                                                                  ^
  = hint: write `3s` for seconds or `3ms` for milliseconds

4 errors in gateway.toml
"#,
    );
}

#[test]
fn pauses_between_tries_are_bounded() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
retry = { backoff = "11s", max_retry_after = "6m" }
"#,
        r#"
error: `backoff` must be from 0s to 10s
 --> gateway.toml:3:21
  |
3 | retry = { backoff = "11s", max_retry_after = "6m" }
  |                     ^^^^^

error: `max_retry_after` must be from 0s to 5m
 --> gateway.toml:3:46
  |
3 | retry = { backoff = "11s", max_retry_after = "6m" }
  |                                              ^^^^

2 errors in gateway.toml
"#,
    );
}

#[test]
fn retries_are_a_table_or_off() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
retry = true
breaker = false
"#,
        r#"
error: `retry` must be a table or `false`, but is `true`
 --> gateway.toml:3:9
  |
3 | retry = true
  |         ^^^^

error: `breaker` must be a table, but is `false`
 --> gateway.toml:4:11
  |
4 | breaker = false
  |           ^^^^^

2 errors in gateway.toml
"#,
    );
}

#[test]
fn a_breaker_counts_over_a_second_at_least() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
breaker = { errors = 0, window = "500ms", half_open = 0, slow = { percent = 50 } }
"#,
        r#"
error: `errors` must be from 1 to 100
 --> gateway.toml:3:22
  |
3 | breaker = { errors = 0, window = "500ms", half_open = 0, slow = { percent = 50 } }
  |                      ^

error: `window` must be from 1s to 1h
 --> gateway.toml:3:34
  |
3 | breaker = { errors = 0, window = "500ms", half_open = 0, slow = { percent = 50 } }
  |                                  ^^^^^^^

error: `half_open` must be from 1 to 1000
 --> gateway.toml:3:55
  |
3 | breaker = { errors = 0, window = "500ms", half_open = 0, slow = { percent = 50 } }
  |                                                       ^

error: the key `threshold` is missing in `slow`
 --> gateway.toml:3:65
  |
3 | breaker = { errors = 0, window = "500ms", half_open = 0, slow = { percent = 50 } }
  |                                                                 ^^^^^^^^^^^^^^^^
  = hint: add `threshold = "1s"`

4 errors in gateway.toml
"#,
    );
}

#[test]
fn a_queue_belongs_to_a_limit() {
    check(
        r#"
[limits]
exchanges_queue_timeout = "1s"

[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
queue = 5
"#,
        r#"
error: `exchanges_queue_timeout` has no effect without `exchanges`
 --> gateway.toml:2:27
  |
2 | exchanges_queue_timeout = "1s"
  |                           ^^^^
  = hint: add `exchanges = 100`, or leave this out

error: `queue` has no effect without `max_requests`
 --> gateway.toml:6:9
  |
6 | queue = 5
  |         ^
  = hint: add `max_requests = 100`, or leave this out

2 errors in gateway.toml
"#,
    );
}

#[test]
fn a_limit_lets_at_least_one_through() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
max_requests = 0
queue = -1
queue_timeout = "0s"
"#,
        r#"
error: `max_requests` must be from 1 to 10000000
 --> gateway.toml:3:16
  |
3 | max_requests = 0
  |                ^

error: `queue` must be from 0 to 1000000
 --> gateway.toml:4:9
  |
4 | queue = -1
  |         ^^

error: `queue_timeout` must be from 1ms to 1day
 --> gateway.toml:5:17
  |
5 | queue_timeout = "0s"
  |                 ^^^^

3 errors in gateway.toml
"#,
    );
}

#[test]
fn a_deadline_has_a_header_of_its_own() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
deadline_header = "Host"

[upstreams.orders]
endpoints = ["http://127.0.0.1:9001"]
deadline_header = "x deadline"
"#,
        r#"
error: the header `host` cannot hold a deadline
 --> gateway.toml:3:19
  |
3 | deadline_header = "Host"
  |                   ^^^^^^ the gateway takes care of it
  = hint: write a name of its own, such as `x-deadline-ms`, or `grpc-timeout`

error: `x deadline` is not the name of a header
 --> gateway.toml:7:19
  |
7 | deadline_header = "x deadline"
  |                   ^^^^^^^^^^^^

2 errors in gateway.toml
"#,
    );
}
