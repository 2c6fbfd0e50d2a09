//! What a route does to requests on their way: rewriting, splitting, mirroring, headers.

use super::{check, load};

/// What is said of a route of this match and these lines; two upstreams are there, `v1` and `v2`.
#[track_caller]
fn first(route: &str, expected: &str) {
    let text = format!(
        "[upstreams.v1]\nendpoints = ['http://127.0.0.1:9001']\n\
         [upstreams.v2]\nendpoints = ['http://127.0.0.1:9002']\npipeline = ['log']\n\
         [plugins.log]\ncomponent = 'access-log'\n\
         [[routes]]\nname = 'shop'\n{route}\n"
    );
    let shown = match load(&text) {
        Ok(_) => "ok".to_owned(),
        Err(findings) => findings.to_string(),
    };
    assert_eq!(shown.lines().next(), Some(expected), "{shown}");
}

#[test]
fn a_template_uses_what_the_path_captures() {
    let route = |path: &str, template: &str| {
        format!(
            "match = {{ path = {path} }}\nrewrite = {{ replace_path = '{template}' }}\nupstream = 'v1'"
        )
    };
    let regex = "{ regex = '/u/(?<id>[0-9]+)/(.*)' }";
    let pattern = "{ pattern = '/u/{id}' }";
    first(&route(regex, "/x/{id}/{2}"), "ok");
    first(&route(pattern, "/x/{id}"), "ok");
    first(&route(regex, "/x/{3}"), "error: the route's path captures no `3`");
    first(&route(pattern, "/x/{ID}"), "error: the route's path captures no `ID`");
    first(&route("'/u'", "/x/{id}"), "error: the route's path captures nothing");
    first(&route(pattern, "/x/{id"), "error: a brace has no other one");
    first(&route(pattern, "/x/id}"), "error: a brace has no other one");
    first(&route(pattern, "x{id}"), "error: `x{id}` is not a path: it must begin with `/`");
}

#[test]
fn an_unknown_parameter_is_shown_with_those_that_there_are() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
[[routes]]
name = "users"
match = { path = { pattern = "/users/{id}" } }
rewrite = { replace_path = "/u/{user}" }
upstream = "users"
"#,
        r#"
error: the route's path captures no `user`
 --> gateway.toml:6:28
  |
6 | rewrite = { replace_path = "/u/{user}" }
  |                            ^^^^^^^^^^^
  = hint: it captures `id`

1 error in gateway.toml
"#,
    );
}

#[test]
fn fields_of_the_connection_cannot_be_edited() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]
[[routes]]
name = "users"
match = { path = "/" }
request_headers = { set = { Host = "a" }, add = { x-a = "1\n2" }, remove = ["TE", "a b"] }
response_headers = {}
upstream = "users"
"#,
        r#"
error: the header `host` cannot be set
 --> gateway.toml:6:29
  |
6 | request_headers = { set = { Host = "a" }, add = { x-a = "1\n2" }, remove = ["TE", "a b"] }
  |                             ^^^^ the gateway takes care of it

error: not the value of a header
 --> gateway.toml:6:57
  |
6 | request_headers = { set = { Host = "a" }, add = { x-a = "1\n2" }, remove = ["TE", "a b"] }
  |                                                         ^^^^^^ it has a control character

error: the header `te` cannot be removed
 --> gateway.toml:6:77
  |
6 | request_headers = { set = { Host = "a" }, add = { x-a = "1\n2" }, remove = ["TE", "a b"] }
  |                                                                             ^^^^ the gateway takes care of it

error: `a b` is not the name of a header
 --> gateway.toml:6:83
  |
6 | request_headers = { set = { Host = "a" }, add = { x-a = "1\n2" }, remove = ["TE", "a b"] }
  |                                                                                   ^^^^^

error: there is nothing in `response_headers`
 --> gateway.toml:7:20
  |
7 | response_headers = {}
  |                    ^^
  = hint: add one of `set`, `add`, `remove`

5 errors in gateway.toml
"#,
    );
}

#[test]
fn a_split_has_several_upstreams_with_a_weight() {
    let route = |rest: &str| format!("match = {{ path = '/' }}\n{rest}");
    first(&route("upstream = []"), "error: `upstream` is empty");
    first(&route("upstream = [{ name = 'v1', weight = 0 }]"), "error: every upstream has weight 0");
    first(&route("upstream = ['v1', 'v1']"), "error: route `shop` sends to an upstream twice");
    first(
        &route("upstream = ['v1', 'v3']"),
        "error: route `shop` sends to upstream `v3`, which is not defined",
    );
    first(
        &route("upstream = ['v1', 3]"),
        "error: `upstream[1]` must be the name of an upstream, or a table of `name` and `weight`, but is an integer",
    );
    first(
        &route("upstream = 'v1'\nsplit = { by = 'client' }"),
        "error: `split` works only with several upstreams",
    );
    first(
        &route("upstream = ['v1', 'v2']"),
        "error: route `shop` splits its requests over upstreams with other pipelines",
    );
}

#[test]
fn a_split_stays_by_one_thing() {
    let route =
        |by: &str| format!("match = {{ path = '/' }}\nupstream = ['v1']\nsplit = {{ by = {by} }}");
    first(&route("'client'"), "ok");
    first(&route("{ header = 'x-user' }"), "ok");
    first(&route("{ cookie = 'v' }"), "ok");
    first(&route("'cookie'"), "error: `by` cannot be `cookie`");
    first(&route("{}"), "error: there is nothing to stay by");
    first(
        &route("{ header = 'a', cookie = 'b' }"),
        "error: `header` and `cookie` exclude each other",
    );
    first(&route("{ header = 'a', ttl = '1h' }"), "error: `ttl` is that of a cookie");
    first(&route("{ cookie = 'a=b' }"), "error: `a=b` is not the name of a cookie");
    first(&route("{ cookie = 'a', ttl = '500ms' }"), "error: `ttl` must be from 1s to 1year");
}

#[test]
fn a_mirror_is_beside_an_upstream() {
    let route = |rest: &str| format!("match = {{ path = '/' }}\n{rest}");
    first(
        &route("respond = {}\nmirror = { upstream = 'v1' }"),
        "error: `mirror` works only with `upstream`",
    );
    first(
        &route("upstream = 'v1'\nmirror = { upstream = 'v9' }"),
        "error: route `shop` is mirrored to upstream `v9`, which is not defined",
    );
    first(
        &route("upstream = 'v1'\nmirror = { upstream = 'v1', percent = 101 }"),
        "error: `percent` must be from 0 to 100, with two decimals at most",
    );
    first(
        &route("upstream = 'v1'\nmirror = { upstream = 'v1', body = '17MiB' }"),
        "error: `body` must be from 0B to 16MiB",
    );
    first(
        &route("upstream = 'v1'\nmirror = { upstream = 'v1', concurrency = 0 }"),
        "error: `concurrency` must be from 1 to 10000",
    );
}

#[test]
fn headers_and_hosts_use_what_path_and_host_capture() {
    let route = |matched: &str, value: &str| {
        format!(
            "match = {{ {matched} }}\nrequest_headers.set = {{ x-a = '{value}' }}\nupstream = 'v1'"
        )
    };
    let pattern = "path = { pattern = '/t/{tenant}' }";
    let starred = "host = ['*.a.example', '*.b.example'], path = '/t'";
    first(&route(pattern, "t-{tenant}"), "ok");
    first(&route("path = { regex = '/t/(?<tenant>[a-z]+)/(.)' }", "{tenant}{2}"), "ok");
    first(&route(starred, "{*}"), "ok");
    first(&route("path = '/t'", "{{\"a\": 1}}"), "ok");
    first(&route(pattern, "{name}"), "error: the route's path captures no `name`");
    first(&route("path = '/t'", "{tenant}"), "error: the route's path captures no `tenant`");
    first(&route(pattern, "{*}"), "error: `{*}` needs a star in each host of the route");
    let mixed = "host = ['*.a.example', 'b.example']";
    first(&route(mixed, "{*}"), "error: `{*}` needs a star in each host of the route");
    first(&route(pattern, "{tenant"), "error: a brace has no other one");
    first(&route(pattern, "tenant}"), "error: a brace has no other one");

    let host = |host: &str| {
        format!("match = {{ {pattern} }}\nrewrite = {{ host = '{host}' }}\nupstream = 'v1'")
    };
    first(&host("{tenant}.internal:81"), "ok");
    first(&host("{tenant}:x"), "error: `{tenant}:x` makes no host");
    first(&host("{{tenant}}"), "error: `{{tenant}}` makes no host");
    first(&host("{tenent}.internal"), "error: the route's path captures no `tenent`");
}

#[test]
fn a_name_that_nothing_captures_is_shown_where_it_is() {
    check(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]

[[routes]]
name = "users"
match = { path = { pattern = "/{tenant}/users/{id}" } }
request_headers = { add = { x-tenant = ["{tenent}", "b"] } }
response_headers = { set = { nel = '{"report_to":"default"}' } }
upstream = "users"
"#,
        r#"
error: the route's path captures no `tenent`
 --> gateway.toml:7:41
  |
7 | request_headers = { add = { x-tenant = ["{tenent}", "b"] } }
  |                                         ^^^^^^^^^^
  = hint: did you mean `tenant`?

error: the route's path captures no `"report_to":"default"`
 --> gateway.toml:8:36
  |
8 | response_headers = { set = { nel = '{"report_to":"default"}' } }
  |                                    ^^^^^^^^^^^^^^^^^^^^^^^^^
  = hint: it captures `tenant`, `id`; write `{{` and `}}` for braces themselves

2 errors in gateway.toml
"#,
    );
}

#[test]
fn rules_of_other_gateways_have_their_own_keys() {
    let route = |path: &str, mode: &str, rewrite: &str| {
        format!(
            "match = {{ path = {path} }}\nprefix_mode = '{mode}'\nrewrite = {{ {rewrite} }}\nupstream = 'v1'"
        )
    };
    first(&route("'/a'", "kong", "add_prefix = '/b/'"), "ok");
    first(&route("'/a'", "kong", "add_prefix = '/b/', path_handling = 'v1'"), "ok");
    first(&route("'/a'", "kong", "path_handling = 'v2'"), "error: `path_handling` cannot be `v2`");
    first(
        &route("'/a/'", "nginx", "path_handling = 'v1'"),
        "error: `path_handling` does not work with `prefix_mode = \"nginx\"`",
    );
    first(&route("'/a/'", "nginx", "replace_prefix = '/b/', host = 'a'"), "ok");
    first(
        &route("'/a'", "nginx", "strip_prefix = true"),
        "error: `strip_prefix` does not work with `prefix_mode = \"nginx\"`",
    );
    first(
        &route("'/a'", "kong", "replace_path = '/b'"),
        "error: `replace_path` does not work with `prefix_mode = \"kong\"`",
    );
    first(
        &route("{ exact = '/a' }", "kong", "strip_prefix = true"),
        "error: `prefix_mode` needs a route that matches a prefix",
    );
    first(&route("'/a'", "apache", "host = 'a'"), "error: `prefix_mode` cannot be `apache`");
    first(
        "match = { path = '/a' }\nrewrite = { add_prefix = '/b' }\nupstream = 'v1'",
        "error: `add_prefix` works only with `prefix_mode = \"kong\"`",
    );
    first(
        "match = { path = '/a' }\nrewrite = { strip_prefix = true, path_handling = 'v1' }\nupstream = 'v1'",
        "error: `path_handling` works only with `prefix_mode = \"kong\"`",
    );
    first(
        "match = { path = '/a' }\nrewrite = {}\nupstream = 'v1'",
        "error: there is nothing in `rewrite`",
    );
}

#[test]
fn clients_and_server_names_are_networks_and_names() {
    let route = |conditions: &str| format!("match = {{ {conditions} }}\nrespond = {{}}");
    first(&route("client = '10.0.0.0/8'"), "ok");
    first(&route("client = ['10.0.0.1/8']"), "error: `10.0.0.1/8` has bits set behind its prefix");
    first(&route("sni = ['*.example.com', 'a.example']"), "ok");
    first(&route("sni = '192.0.2.1'"), "error: clients do not tell an address by SNI");
    first(&route("sni = '*'"), "error: `*` is not a host");
}

#[test]
fn a_redirect_replaces_the_prefix_that_matched() {
    let route = |path: &str, redirect: &str| {
        format!("match = {{ path = {path} }}\nredirect = {{ {redirect} }}")
    };
    first(&route("'/a'", "replace_prefix = '/b'"), "ok");
    first(&route("{ pattern = '/a/{id}' }", "path = '/b/{id}'"), "ok");
    first(
        &route("{ exact = '/a' }", "replace_prefix = '/b'"),
        "error: `replace_prefix` needs a route that matches a prefix",
    );
    first(
        &route("'/a'", "replace_prefix = '/b', path = '/c'"),
        "error: `path` and `replace_prefix` exclude each other",
    );
}
