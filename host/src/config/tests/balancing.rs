//! How upstreams balance.

use super::super::{BalancePolicy, HashKey};
use super::folder::Folder;
use super::{check, load, loaded};

fn policy(balance: &str) -> BalancePolicy {
    let text = format!("[upstreams.users]\nendpoints = ['http://a']\nbalance = {balance}\n");
    loaded(&text).config.upstreams.remove(0).balancing.policy
}

#[test]
fn every_policy_has_a_word() {
    assert_eq!(policy("'round_robin'"), BalancePolicy::RoundRobin);
    assert_eq!(policy("'least_connections'"), BalancePolicy::LeastConnections);
    assert_eq!(policy("'peak_ewma'"), BalancePolicy::PeakEwma);
    assert_eq!(policy("'power_of_two'"), BalancePolicy::PowerOfTwo);
    assert_eq!(policy("'random'"), BalancePolicy::Random);
    let hash = |key: &str| match policy(&format!("{{ hash = {key} }}")) {
        BalancePolicy::Hash(key) => key,
        other => panic!("{other:?}"),
    };
    assert_eq!(hash("'ip'"), HashKey::Ip);
    assert_eq!(hash("'path'"), HashKey::Path);
    assert_eq!(hash("'consumer'"), HashKey::Consumer);
    assert_eq!(hash("{ header = 'X-User' }"), HashKey::Header("x-user".parse().unwrap()));
    assert_eq!(hash("{ cookie = 'Sid' }"), HashKey::Cookie("Sid".to_owned()));
}

#[test]
fn another_policy_is_refused() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
balance = "least_conections"

[upstreams.orders]
endpoints = ["http://127.0.0.1:9001"]
balance = "hash"

[upstreams.stock]
endpoints = ["http://127.0.0.1:9001"]
balance = { hash = "user" }
"#,
        r#"
error: `balance` cannot be `least_conections`
 --> gateway.toml:3:11
  |
3 | balance = "least_conections"
  |           ^^^^^^^^^^^^^^^^^^
  = hint: did you mean `least_connections`?

error: `balance` does not say what is hashed
 --> gateway.toml:7:11
  |
7 | balance = "hash"
  |           ^^^^^^
  = hint: write `balance = { hash = "ip" }`

error: `hash` cannot be `user`
  --> gateway.toml:11:20
   |
11 | balance = { hash = "user" }
   |                    ^^^^^^
   = hint: it can be `ip`, `path`, `consumer`, or a table such as `{ header = "x-user" }` or `{ cookie = "sid" }`

3 errors in gateway.toml
"#,
    );
}

#[test]
fn what_has_no_effect_is_refused() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
balance = { hash = "ip" }
slow_start = "10s"

[upstreams.orders]
endpoints = ["http://127.0.0.1:9001"]
panic_threshold = 20

[upstreams.stock]
endpoints = ["http://127.0.0.1:9001"]
health = { tcp = true, status = 200 }
"#,
        r#"
error: `slow_start` has no effect, because `balance` hashes
 --> gateway.toml:4:14
  |
4 | slow_start = "10s"
  |              ^^^^^ a value would change its endpoint while one warms up

error: `panic_threshold` has no effect without `health` or `outlier`
 --> gateway.toml:8:19
  |
8 | panic_threshold = 20
  |                   ^^
  = hint: add `health = { path = "/healthz" }`

error: `status` has no effect with `tcp`
  --> gateway.toml:12:33
   |
12 | health = { tcp = true, status = 200 }
   |                                 ^^^
   = hint: write `path` in place of `tcp`

3 errors in gateway.toml
"#,
    );
}

#[test]
fn a_check_says_what_it_asks_and_what_is_good() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
health = {}

[upstreams.orders]
endpoints = ["http://127.0.0.1:9001"]
health = { path = "healthz" }

[upstreams.stock]
endpoints = ["http://127.0.0.1:9001"]
health = { path = "/", status = "299-200" }

[upstreams.carts]
endpoints = ["http://127.0.0.1:9001"]
health = { path = "/", rise = 0 }
"#,
        r#"
error: `health` does not say what is asked
 --> gateway.toml:3:10
  |
3 | health = {}
  |          ^^
  = hint: add `path = "/healthz"` or `tcp = true`

error: `healthz` is not a path
 --> gateway.toml:7:19
  |
7 | health = { path = "healthz" }
  |                   ^^^^^^^^^
  = hint: a path begins with `/`, such as `/healthz`

error: `299-200` is no range of statuses
  --> gateway.toml:11:33
   |
11 | health = { path = "/", status = "299-200" }
   |                                 ^^^^^^^^^
   = hint: write `"200-299"`, or one status from 100 to 599

error: `rise` must be from 1 to 100
  --> gateway.toml:15:31
   |
15 | health = { path = "/", rise = 0 }
   |                               ^

4 errors in gateway.toml
"#,
    );
}

#[test]
fn a_factor_is_above_one_and_a_floor_needs_it() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
outlier = { latency_factor = 1.05 }

[upstreams.orders]
endpoints = ["http://127.0.0.1:9001"]
outlier = { latency_floor = "50ms" }

[upstreams.stock]
endpoints = ["http://127.0.0.1:9001"]
outlier = { latency_factor = "3x" }
"#,
        r#"
error: `latency_factor` must be from 1.1 to 100, with two decimals at most
 --> gateway.toml:3:30
  |
3 | outlier = { latency_factor = 1.05 }
  |                              ^^^^
  = hint: 3 is three times as slow as the others

error: `latency_floor` has no effect without `latency_factor`
 --> gateway.toml:7:29
  |
7 | outlier = { latency_floor = "50ms" }
  |                             ^^^^^^
  = hint: add `latency_factor = 3`

error: `latency_factor` must be a number from 1.1 to 100, but is a string
  --> gateway.toml:11:30
   |
11 | outlier = { latency_factor = "3x" }
   |                              ^^^^

3 errors in gateway.toml
"#,
    );
}

#[test]
fn a_check_asks_one_thing() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
health = { path = "/", grpc = true }
"#,
        r#"
error: `path` and `grpc` exclude each other
 --> gateway.toml:3:31
  |
3 | health = { path = "/", grpc = true }
  |                               ^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn ejections_grow_and_name_servers_are_addresses() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
outlier = { base_ejection = "1m", max_ejection = "10s" }
dns = { servers = ["ns.internal"] }

[upstreams.orders]
endpoints = ["http://127.0.0.1:9001"]
outlier = { min_requests = 5 }
"#,
        r#"
error: `max_ejection` is shorter than `base_ejection`
 --> gateway.toml:3:50
  |
3 | outlier = { base_ejection = "1m", max_ejection = "10s" }
  |                                                  ^^^^^

error: `ns.internal` is not the address of a name server
 --> gateway.toml:4:20
  |
4 | dns = { servers = ["ns.internal"] }
  |                    ^^^^^^^^^^^^^
  = hint: write `10.0.0.2`, or `10.0.0.2:53` with its port

error: `min_requests` has no effect without `error_rate` or `latency_factor`
 --> gateway.toml:8:28
  |
8 | outlier = { min_requests = 5 }
  |                            ^
  = hint: add `error_rate = 50`

3 errors in gateway.toml
"#,
    );
}

#[test]
fn endpoints_may_stand_in_a_file_of_their_own() {
    let gateway = "[[listeners]]\naddress = '127.0.0.1:0'\n\
                   [upstreams.users]\nendpoints_file = 'users.toml'\n";
    let with = |file: &str| Folder::with(&[("gateway.toml", gateway), ("users.toml", file)]).load();
    let good =
        with("endpoints = ['http://a', { url = 'http://b', priority = 2 }]\n").expect("good");
    let priorities = good.config.upstreams[0].endpoints.iter().map(|endpoint| endpoint.priority);
    assert_eq!(priorities.collect::<Vec<_>>(), [0, 2]);
    assert!(good.sources.watched().files.iter().any(|file| file.ends_with("users.toml")));

    let findings = with("endpoints = [\n  'a',\n]\nweight = 1\n").expect_err("bad").to_string();
    assert!(findings.contains("users.toml:2:3"), "{findings}");
    assert!(findings.contains("unknown key `weight` in a file of endpoints"), "{findings}");
    let findings = with("endpoints = [\n").expect_err("bad").to_string();
    assert!(findings.contains("users.toml:"), "{findings}");
    let folder = Folder::with(&[("gateway.toml", gateway)]);
    let findings = folder.load().expect_err("no file").to_string();
    assert!(findings.contains("users.toml` cannot be read: No such file"), "{findings}");
}

#[test]
fn endpoints_stand_in_one_place() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
endpoints_file = "users.toml"
"#,
        r#"
error: `endpoints_file` and `endpoints` exclude each other
 --> gateway.toml:3:18
  |
3 | endpoints_file = "users.toml"
  |                  ^^^^^^^^^^^^

1 error in gateway.toml
"#,
    );
}

#[test]
fn endpoints_are_bounded() {
    let of = |count: usize| {
        let endpoints = "'http://a',\n".repeat(count);
        load(&format!("[upstreams.users]\nendpoints = [\n{endpoints}]\n"))
    };
    assert_eq!(of(10_000).expect("as many as may be").config.upstreams[0].endpoints.len(), 10_000);
    let findings = of(10_001).expect_err("one too many").to_string();
    assert!(findings.contains("error: there are 10001 endpoints"), "{findings}");
}
