//! Pipelines, how they are composed, and conditions.

use super::{check, loaded};
use crate::config::{Clause, Owner, UpstreamId};

const COMPOSED: &str = r#"
[gateway]
pipeline = ["log"]

[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
pipeline = [{ plugin = "sign", unless = { client = "10.0.0.0/8" } }]

[plugins.log]
component = "access-log"

[plugins.auth]
component = "jwt"
when = { methods = ["POST"], path = "/admin", groups = ["gold"], consumer = "mobile" }

[plugins.sign]
component = "sign.wasm"

[[routes]]
name = "all"
match = { path = "/" }
pipeline = ["auth"]
upstream = "users"

[[routes]]
name = "bare"
match = { path = "/bare" }
gateway_pipeline = false
upstream = "users"

[[routes]]
name = "fixed"
match = { path = "/fixed" }
respond = {}
"#;

fn composed(route: usize) -> Vec<(usize, Owner)> {
    let entries = &loaded(COMPOSED).config.routes[route].pipeline;
    entries.iter().map(|entry| (entry.plugin.0, entry.owner)).collect()
}

#[test]
fn the_gateways_pipeline_comes_first_and_the_upstreams_last() {
    let upstream = Owner::Upstream(UpstreamId(0));
    assert_eq!(composed(0), [(0, Owner::Gateway), (1, Owner::Route), (2, upstream)]);
    assert_eq!(composed(1), [(2, upstream)]);
    assert_eq!(composed(2), [(0, Owner::Gateway)]);
}

#[test]
fn conditions_of_a_plugin_and_of_its_place_are_as_the_file_says() {
    let loaded = loaded(COMPOSED);
    let [log, auth, sign] = loaded.config.routes[0].pipeline.as_slice() else { panic!("three") };
    assert!(log.clauses.is_empty());
    let [Clause::When(when)] = auth.clauses.as_slice() else { panic!("{:?}", auth.clauses) };
    assert_eq!(when.matcher.methods, ["POST"]);
    assert_eq!(when.matcher.path.to_string(), "/admin and below");
    assert_eq!(
        (&when.groups[..], &when.consumers[..]),
        (&["gold".into()][..], &["mobile".into()][..])
    );
    let [Clause::Unless(unless)] = sign.clauses.as_slice() else { panic!("{:?}", sign.clauses) };
    assert_eq!(unless.clients, ["10.0.0.0/8".parse().expect("a network")]);
    assert!(unless.matcher.path.is_any());
}

#[test]
fn a_plugin_runs_once_in_a_composed_pipeline_and_both_places_are_named() {
    check(
        r#"
[gateway]
pipeline = ["auth"]

[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
pipeline = ["sign"]

[plugins.auth]
component = "jwt"

[plugins.sign]
component = "sign.wasm"

[[routes]]
name = "users"
match = { path = "/users" }
pipeline = ["sign", { plugin = "auth", when = { methods = ["POST"] } }]
upstream = "users"

[[routes]]
name = "others"
match = { path = "/others" }
gateway_pipeline = false
pipeline = ["auth"]
upstream = "users"
"#,
        r#"
error: route `users` runs plugin `sign` twice
 --> gateway.toml:6:13
  |
6 | pipeline = ["sign"]
  |             ^^^^^^ the second, in the pipeline of the upstream
  = hint: the first is at gateway.toml:17, in the pipeline of the route; leave one out

error: route `users` runs plugin `auth` twice
  --> gateway.toml:17:21
   |
17 | pipeline = ["sign", { plugin = "auth", when = { methods = ["POST"] } }]
   |                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ the second, in the pipeline of the route
   = hint: the first is at gateway.toml:2, in the pipeline of the gateway; leave one out, or set `gateway_pipeline = false` in the route

2 errors in gateway.toml
"#,
    );
}

#[test]
fn a_place_in_a_pipeline_is_a_name_or_a_table_with_one() {
    check(
        r#"
[gateway]
pipeline = [1, { when = { methods = ["GET"] } }, { plugin = "none" }]
"#,
        r#"
error: `pipeline[0]` must be the name of a plugin, or a table with `plugin`, but is an integer
 --> gateway.toml:2:13
  |
2 | pipeline = [1, { when = { methods = ["GET"] } }, { plugin = "none" }]
  |             ^

error: the key `plugin` is missing in `pipeline[1]`
 --> gateway.toml:2:16
  |
2 | pipeline = [1, { when = { methods = ["GET"] } }, { plugin = "none" }]
  |                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = hint: add `plugin = "auth"`

error: the gateway runs plugin `none`, which is not defined
 --> gateway.toml:2:61
  |
2 | pipeline = [1, { when = { methods = ["GET"] } }, { plugin = "none" }]
  |                                                             ^^^^^^ no plugin has this name
  = hint: define it with `[plugins.none]`

3 errors in gateway.toml
"#,
    );
}

#[test]
fn a_condition_says_something_that_can_be_met() {
    check(
        r#"
[gateway]
pipeline = ["auth"]

[plugins.auth]
component = "jwt"
when = {}
unless = { groups = [" gold"], client = "10.0.0.1/8", user = "me" }
"#,
        r#"
error: `when` has no condition
 --> gateway.toml:6:8
  |
6 | when = {}
  |        ^^
  = hint: leave it out, or write such as `methods = ["POST"]`

error: `groups[0]` is empty or has spaces around it
 --> gateway.toml:7:22
  |
7 | unless = { groups = [" gold"], client = "10.0.0.1/8", user = "me" }
  |                      ^^^^^^^ it would never be met

error: `10.0.0.1/8` has bits set behind its prefix
 --> gateway.toml:7:41
  |
7 | unless = { groups = [" gold"], client = "10.0.0.1/8", user = "me" }
  |                                         ^^^^^^^^^^^^
  = hint: the network is `10.0.0.0/8`

error: unknown key `user` in `unless`
 --> gateway.toml:7:55
  |
7 | unless = { groups = [" gold"], client = "10.0.0.1/8", user = "me" }
  |                                                       ^^^^
  = hint: the keys here are `host`, `path`, `methods`, `headers`, `query`, `client`, `groups`, `consumer`

4 errors in gateway.toml
"#,
    );
}
