//! Precedence by example, and against a naive router.

use fastrand::Rng;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use regex::Regex;

use super::{Head, Router};
use crate::config::model::{
    HeaderMatcher, HostMatcher, Matcher, PathMatcher, QueryMatcher, ValueMatcher,
};

/// A matcher in a short notation: host, path (`=` exact, `~` regex, else prefix), then methods,
/// `header:value` and `query=value`.
fn matcher(host: &str, path: &str, conditions: &[&str]) -> Matcher {
    let mut matcher = Matcher {
        hosts: match host.strip_prefix('*') {
            Some("") => Vec::new(),
            Some(suffix) => vec![HostMatcher::Suffix(suffix.to_owned())],
            None => vec![HostMatcher::Exact(host.to_owned())],
        },
        path: match path.split_at(1) {
            ("=", exact) => PathMatcher::Exact(exact.to_owned()),
            ("~", regex) => PathMatcher::Regex(Regex::new(&format!(r"\A(?:{regex})\z")).unwrap()),
            _ => PathMatcher::Prefix(path.to_owned()),
        },
        methods: Vec::new(),
        headers: Vec::new(),
        query: Vec::new(),
    };
    for condition in conditions {
        if let Some((name, value)) = condition.split_once(':') {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            matcher.headers.push(HeaderMatcher { name, value: ValueMatcher::Exact(value.into()) });
        } else if let Some((name, value)) = condition.split_once('=') {
            let value = ValueMatcher::Exact(value.to_owned());
            matcher.query.push(QueryMatcher { name: name.to_owned(), value });
        } else {
            matcher.methods.push(condition.parse().unwrap());
        }
    }
    matcher
}

/// A request with everything that a [`Head`] borrows.
struct Asked {
    method: Method,
    host: String,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
}

impl Asked {
    /// From `GET host/path?query` and `header:value`.
    fn new(text: &str, headers: &[&str]) -> Self {
        let (method, rest) = text.split_once(' ').unwrap();
        let (target, query) = match rest.split_once('?') {
            Some((target, query)) => (target, Some(query.to_owned())),
            None => (rest, None),
        };
        let (host, path) = target.split_at(target.find('/').unwrap());
        let mut map = HeaderMap::new();
        for header in headers {
            let (name, value) = header.split_once(':').unwrap();
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        Self {
            method: method.parse().unwrap(),
            host: host.to_owned(),
            path: path.to_owned(),
            query,
            headers: map,
        }
    }

    fn head(&self) -> Head<'_> {
        Head {
            host: &self.host,
            path: &self.path,
            method: &self.method,
            headers: &self.headers,
            query: self.query.as_deref(),
        }
    }
}

fn router(routes: &[(&str, Matcher)]) -> Router {
    Router::of(routes.iter().map(|(name, matcher)| (*name, matcher)))
}

/// Which route takes the request, whatever the order of the file.
#[track_caller]
fn check(routes: &[(&str, Matcher)], request: &str, headers: &[&str], expected: Option<&str>) {
    let asked = Asked::new(request, headers);
    for reverse in [false, true] {
        let mut routes = routes.to_vec();
        if reverse {
            routes.reverse();
        }
        let found = router(&routes).find(&asked.head()).map(|index| routes[index].0);
        assert_eq!(found, expected, "{request}");
    }
}

#[test]
fn the_most_specific_host_comes_first() {
    let routes = [
        ("exact", matcher("api.example.com", "/", &[])),
        ("long", matcher("*.b.example.com", "/", &[])),
        ("short", matcher("*.example.com", "/", &[])),
        ("any", matcher("*", "=/exact", &["GET", "a:1"])),
        ("rest", matcher("*", "/", &[])),
    ];
    check(&routes, "GET api.example.com/exact", &["a:1"], Some("exact"));
    check(&routes, "GET a.b.example.com/", &[], Some("long"));
    check(&routes, "GET a.a.b.example.com/", &[], Some("long"));
    check(&routes, "GET b.example.com/", &[], Some("short"));
    check(&routes, "GET example.com/", &[], Some("rest"));
    check(&routes, "GET .example.com/", &[], Some("rest"));
    check(&routes, "GET other/exact", &["a:1"], Some("any"));
    check(&routes, "GET /", &[], Some("rest"));
}

#[test]
fn a_less_specific_host_is_asked_if_no_route_of_a_more_specific_one_matches() {
    let routes = [
        ("exact", matcher("api.example.com", "/a", &[])),
        ("wild", matcher("*.example.com", "/b", &["POST"])),
        ("any", matcher("*", "/b", &[])),
    ];
    check(&routes, "POST api.example.com/b", &[], Some("wild"));
    check(&routes, "GET api.example.com/b", &[], Some("any"));
    check(&routes, "GET api.example.com/c", &[], None);
}

#[test]
fn an_exact_path_comes_before_a_regex_and_a_regex_before_the_longest_prefix() {
    let routes = [
        ("exact", matcher("*", "=/users/1", &[])),
        ("regex", matcher("*", "~/users/[0-9]+", &[])),
        ("long", matcher("*", "/users/1/posts", &[])),
        ("deep", matcher("*", "~/users/.*/posts/[0-9]+", &[])),
        ("short", matcher("*", "/users", &[])),
    ];
    check(&routes, "GET a/users/1", &[], Some("exact"));
    check(&routes, "GET a/users/2", &[], Some("regex"));
    check(&routes, "GET a/users/1/posts", &[], Some("long"));
    check(&routes, "GET a/users/1/posts/2", &[], Some("deep"));
    check(&routes, "GET a/users/1/", &[], Some("short"));
    check(&routes, "GET a/users/x", &[], Some("short"));
    check(&routes, "GET a/usersx", &[], None);
}

#[test]
fn methods_come_before_headers_and_headers_before_query() {
    let routes = [
        ("method", matcher("*", "/", &["GET"])),
        ("headers", matcher("*", "/", &["a:1", "b:2"])),
        ("header", matcher("*", "/", &["a:1", "q=1"])),
        ("queries", matcher("*", "/", &["q=1", "r=1"])),
        ("query", matcher("*", "/", &["q=1"])),
        ("plain", matcher("*", "/", &[])),
    ];
    check(&routes, "GET a/?q=1&r=1", &["a:1", "b:2"], Some("method"));
    check(&routes, "PUT a/?q=1&r=1", &["a:1", "b:2"], Some("headers"));
    check(&routes, "PUT a/?q=1&r=1", &["a:1"], Some("header"));
    check(&routes, "PUT a/?q=1&r=1", &[], Some("queries"));
    check(&routes, "PUT a/?q=1", &[], Some("query"));
    check(&routes, "PUT a/", &[], Some("plain"));
}

#[test]
fn the_order_of_the_file_breaks_ties() {
    let routes = [
        ("first", matcher("*", "~/a.*", &[])),
        ("second", matcher("*", "~/.*", &[])),
        ("third", matcher("*", "~/.*", &["GET"])),
    ];
    let found = |request| router(&routes).find(&Asked::new(request, &[]).head());
    assert_eq!(found("PUT x/ab"), Some(0));
    assert_eq!(found("PUT x/b"), Some(1));
    assert_eq!(found("GET x/ab"), Some(2));
}

#[test]
fn many_regexes_below_one_prefix_are_found() {
    let names: Vec<String> = (0..100).map(|number| format!("r{number}")).collect();
    let routes: Vec<(&str, Matcher)> = names
        .iter()
        .map(|name| (name.as_str(), matcher("*", &format!("~/.*/{name}"), &[])))
        .chain([("prefix", matcher("*", "/a", &[]))])
        .collect();
    check(&routes, "GET x/a/r17", &[], Some("r17"));
    check(&routes, "GET x/a/r98", &[], Some("r98"));
    check(&routes, "GET x/a/r100", &[], Some("prefix"));
    check(&routes, "GET x/b/r100", &[], None);
}

#[test]
fn an_explanation_names_the_winner_and_what_the_others_lack() {
    let routes = [
        ("users", matcher("*", "/users", &[])),
        ("orders", matcher("*", "/orders", &[])),
        ("create", matcher("*", "/users", &["POST", "PUT"])),
        ("beta", matcher("api.example.com", "/users", &["x-beta:1"])),
        ("debug", matcher("*.example.com", "/users", &["debug=on"])),
        ("other", matcher("other.example.com", "/users", &[])),
        ("number", matcher("*", "~/users/[0-9]{2}", &[])),
        ("all", matcher("*", "/", &[])),
    ];
    let asked = Asked::new("GET api.example.com/users/1", &["x-beta:2"]);
    let explanation = router(&routes).explain(&asked.head());
    assert_eq!(explanation.chosen, Some(0));
    assert_eq!(
        explanation.to_string(),
        "\
1. `beta` (api.example.com, /users and below): does not match: no header `x-beta` is `1`
2. `debug` (*.example.com, /users and below): does not match: no query parameter `debug` is `on`
3. `create` (any host, /users and below): does not match: the method is GET, not POST or PUT
4. `users` (any host, /users and below): matches, and comes first
5. `all` (any host, any path): matches too, but `users` comes first
6. `number` (any host, regex /users/[0-9]{2}): does not match: the path is /users/1
7. `other` (other.example.com, /users and below): does not match: the host is api.example.com
8. `orders` (any host, /orders and below): does not match: the path is /users/1
"
    );
}

#[test]
fn an_explanation_stays_short() {
    let names: Vec<String> = (0..30).map(|number| format!("/r{number}")).collect();
    let routes: Vec<(&str, Matcher)> =
        names.iter().map(|name| (name.as_str(), matcher("*", name, &[]))).collect();
    let explanation = router(&routes).explain(&Asked::new("GET a/r17x", &[]).head());
    assert_eq!((explanation.candidates.len(), explanation.left_out), (10, 20));
    assert_eq!(explanation.candidates[0].name, "/r17");
    assert_eq!(explanation.chosen, None);
    assert!(explanation.to_string().ends_with("and 20 more whose host or path does not match\n"));
}

/// Tries every route, and compares what can be compared.
fn naive(routes: &[Matcher], asked: &Asked) -> Option<usize> {
    let mut best: Option<(Vec<usize>, usize)> = None;
    for (index, route) in routes.iter().enumerate() {
        let host = route.hosts.iter().filter_map(|host| match host {
            HostMatcher::Exact(name) => (*name == asked.host).then_some(1_000),
            HostMatcher::Suffix(suffix) => (asked.host.len() > suffix.len()
                && asked.host.ends_with(suffix))
            .then_some(suffix.len()),
        });
        let host = if route.hosts.is_empty() { Some(0) } else { host.max() };
        let path = match &route.path {
            PathMatcher::Exact(path) => (*path == asked.path).then_some(2_000),
            PathMatcher::Regex(regex) => regex.is_match(&asked.path).then_some(1_000),
            PathMatcher::Prefix(prefix) if prefix == "/" => Some(1),
            PathMatcher::Prefix(prefix) => (asked.path == *prefix
                || asked.path.starts_with(&format!("{prefix}/")))
            .then_some(prefix.len()),
        };
        let conditions = super::condition::first_unmet(route, &asked.head()).is_none();
        if let (Some(host), Some(path), true) = (host, path, conditions) {
            let methods = usize::from(!route.methods.is_empty());
            let score = vec![host, path, methods, route.headers.len(), route.query.len()];
            if best.as_ref().is_none_or(|(before, _)| score > *before) {
                best = Some((score, index));
            }
        }
    }
    best.map(|(_, index)| index)
}

fn random_path(random: &mut Rng) -> String {
    let segments = ["/a", "/b", "/ab", "/", "/a.b"];
    let path: String =
        (0..random.usize(0..4)).map(|_| *random.choice(&segments).unwrap()).collect();
    if path.is_empty() { "/".to_owned() } else { path }
}

fn random_matcher(random: &mut Rng) -> Matcher {
    let hosts = ["*", "*", "a.b.c", "b.c", "*.b.c", "*.c", "*.a.b.c"];
    let regexes = ["~/a/.*", "~/[ab]/b", "~(/a|/b)/a", "~/a(/b)?", "~/ab/.*|/b", "~/a\\.b/?.*"];
    let path = match random.usize(..6) {
        0 => format!("={}", random_path(random)),
        1 | 2 => (*random.choice(&regexes).unwrap()).to_owned(),
        _ => random_path(random),
    };
    let path = match path.trim_end_matches('/') {
        trimmed if path.starts_with('/') && !trimmed.is_empty() => trimmed.to_owned(),
        "" => "/".to_owned(),
        _ => path,
    };
    let all = ["GET", "PUT", "x:1", "y:1", "p=1", "q=1"];
    let conditions: Vec<&str> = all.into_iter().filter(|_| random.usize(..6) == 0).collect();
    let mut matcher = matcher(random.choice(&hosts).unwrap(), &path, &conditions);
    if !matcher.hosts.is_empty() && random.bool() {
        matcher.hosts.push(HostMatcher::Suffix(".c".to_owned()));
    }
    matcher
}

#[test]
fn every_lookup_agrees_with_trying_all_routes_in_turn() {
    let mut random = Rng::with_seed(20);
    let mut taken = 0;
    for _ in 0..400 {
        let routes: Vec<Matcher> =
            (0..random.usize(1..60)).map(|_| random_matcher(&mut random)).collect();
        let router = Router::of(routes.iter().map(|matcher| ("route", matcher)));
        for _ in 0..25 {
            let host = random.choice(["a.b.c", "b.c", "x.b.c", "c", ".c", "", "d"]).unwrap();
            let method = random.choice(["GET", "PUT", "POST"]).unwrap();
            let query = random.choice(["", "?p=1", "?q=1", "?p=1&q=1"]).unwrap();
            let headers: Vec<&str> = ["x:1", "y:1"].into_iter().filter(|_| random.bool()).collect();
            let path = random_path(&mut random);
            let asked = Asked::new(&format!("{method} {host}{path}{query}"), &headers);

            let expected = naive(&routes, &asked);
            assert_eq!(router.find(&asked.head()), expected, "{method} {host}{path}{query}");
            assert_eq!(router.explain(&asked.head()).chosen, expected);
            taken += usize::from(expected.is_some());
        }
    }
    assert!(taken > 5_000, "most requests take a route, {taken} did");
}
