//! Pipelines, how they are composed, and conditions.

use http::HeaderName;

use super::{check, loaded};
use crate::config::{CanaryKey, Clause, Component, Owner, Selection, Share, UpstreamId};

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

#[test]
fn a_canary_is_the_plugin_with_another_component_or_configuration() {
    let loaded = loaded(
        r#"
[plugins.auth]
component = "jwt"
config = { leeway = 1 }
grants = ["crypto"]

[plugins.auth.canary]
component = "next.wasm"
percent = 0.25
by = { header = "X-User" }
force_header = "x-canary"

[plugins.limit]
component = "rate-limit"
shadow = true
canary = { config = { limit = 5 }, percent = 100, shadow = true }
"#,
    );
    let [auth, limit] = loaded.config.plugins.as_slice() else { panic!("two") };
    let canary = auth.canary.as_ref().expect("a canary");
    let expected = Selection {
        share: Share(25),
        by: CanaryKey::Header(HeaderName::from_static("x-user")),
        force_header: Some(HeaderName::from_static("x-canary")),
    };
    assert_eq!((&canary.selection, canary.selection.share.to_string()), (&expected, "0.25".into()));
    assert_eq!(canary.plugin.component, Component::File("./next.wasm".into()));
    assert_eq!(canary.plugin.config.expose(), auth.config.expose());
    assert_eq!(
        (canary.plugin.label(), &canary.plugin.grants),
        ("auth@canary".into(), &auth.grants)
    );
    assert!(!canary.shadow && !auth.shadow);

    let canary = limit.canary.as_ref().expect("a canary");
    assert_eq!(canary.plugin.component, limit.component);
    assert_eq!(canary.plugin.config.expose(), r#"{"limit":5}"#);
    let expected = Selection { share: Share::ALL, by: CanaryKey::Request, force_header: None };
    assert_eq!(canary.selection, expected);
    assert!(canary.shadow && limit.shadow);
}

#[test]
fn a_canary_says_how_many_exchanges_it_takes_and_differs_from_the_plugin() {
    check(
        r#"
[plugins.a]
component = "jwt"
canary = { component = "next", percent = 100.5, by = "consumer" }

[plugins.b]
component = "jwt"
canary = { config = { leeway = 1 }, force_header = "x canary" }

[plugins.c]
component = "jwt"
canary = { component = "jwt", percent = 5 }
"#,
        r#"
error: `percent` must be from 0 to 100, with two decimals at most
 --> gateway.toml:3:42
  |
3 | canary = { component = "next", percent = 100.5, by = "consumer" }
  |                                          ^^^^^

error: `by` cannot be `consumer`
 --> gateway.toml:3:54
  |
3 | canary = { component = "next", percent = 100.5, by = "consumer" }
  |                                                      ^^^^^^^^^^
  = hint: it can be `request`, `client`

error: the key `percent` is missing in `canary`
 --> gateway.toml:7:10
  |
7 | canary = { config = { leeway = 1 }, force_header = "x canary" }
  |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = hint: add `percent = 5`

error: `x canary` is not the name of a header
 --> gateway.toml:7:52
  |
7 | canary = { config = { leeway = 1 }, force_header = "x canary" }
  |                                                    ^^^^^^^^^^

error: the canary is the same as the plugin
  --> gateway.toml:11:10
   |
11 | canary = { component = "jwt", percent = 5 }
   |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   = hint: give it another `component` or `config`

5 errors in gateway.toml
"#,
    );
}
