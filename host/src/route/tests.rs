//! Precedence by example, and against a naive router.

use std::net::IpAddr;

use fastrand::Rng;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use regex::Regex;

use super::{Head, Router};
use crate::config::model::{
    HeaderMatcher, HostMatcher, Matcher, PathMatcher, Pattern, QueryMatcher, Segment, ValueMatcher,
};

/// A matcher in a short notation: host, path (`=` exact, `@` pattern, `~` regex, `^` start, else
/// prefix), then methods, `header:value`, `query=value`, `client network` and `sni name`.
fn matcher(host: &str, path: &str, conditions: &[&str]) -> Matcher {
    let mut matcher = Matcher {
        hosts: match host.strip_prefix('*') {
            Some("") => Vec::new(),
            Some(suffix) => vec![HostMatcher::Suffix(suffix.to_owned())],
            None => vec![HostMatcher::Exact(host.to_owned())],
        },
        path: match path.split_at(1) {
            ("=", exact) => PathMatcher::Exact(exact.to_owned()),
            ("@", text) => PathMatcher::Pattern(pattern(text)),
            ("^", text) => PathMatcher::Start { text: text.to_owned(), bare: false },
            ("~", regex) => PathMatcher::Regex(Regex::new(&format!(r"\A(?:{regex})\z")).unwrap()),
            _ => PathMatcher::Prefix(path.to_owned()),
        },
        methods: Vec::new(),
        headers: Vec::new(),
        query: Vec::new(),
        clients: Vec::new(),
        snis: Vec::new(),
    };
    for condition in conditions {
        if let Some(network) = condition.strip_prefix("client ") {
            matcher.clients.push(network.parse().unwrap());
        } else if let Some(name) = condition.strip_prefix("sni ") {
            matcher.snis.push(HostMatcher::Exact(name.to_owned()));
        } else if let Some((name, value)) = condition.split_once(':') {
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

fn pattern(text: &str) -> Pattern {
    let segment = |part: &str| match part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
        None => Segment::Literal(part.to_owned()),
        Some(name) => match name.strip_suffix('+') {
            Some(name) => Segment::Rest(name.to_owned()),
            None => Segment::Parameter(name.to_owned()),
        },
    };
    Pattern::new(text.split('/').skip(1).map(segment).collect())
}

/// A request with everything that a [`Head`] borrows.
struct Asked {
    method: Method,
    host: String,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
    client: Option<IpAddr>,
    server_name: Option<&'static str>,
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
            client: None,
            server_name: None,
        }
    }

    fn head(&self) -> Head<'_> {
        Head {
            host: &self.host,
            path: &self.path,
            method: &self.method,
            headers: &self.headers,
            query: self.query.as_deref(),
            client: self.client,
            server_name: self.server_name,
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
fn patterns_come_behind_exact_paths_and_the_more_literal_one_first() {
    let routes = [
        ("exact", matcher("*", "=/users/me", &[])),
        ("posts", matcher("*", "@/users/{id}/posts", &[])),
        ("user", matcher("*", "@/users/{id}", &[])),
        ("mine", matcher("*", "@/{kind}/mine", &[])),
        ("any", matcher("*", "@/{kind}/{id}", &[])),
        ("deep", matcher("*", "@/users/{rest+}", &[])),
        ("regex", matcher("*", "~/users/[0-9]+/.*", &[])),
        ("prefix", matcher("*", "/users/1/posts", &[])),
    ];
    check(&routes, "GET a/users/me", &[], Some("exact"));
    check(&routes, "GET a/users/1/posts", &[], Some("posts"));
    check(&routes, "GET a/users/1", &[], Some("user"));
    // One literal each; the first segment tells them apart.
    check(&routes, "GET a/users/mine", &[], Some("user"));
    check(&routes, "GET a/orders/mine", &[], Some("mine"));
    check(&routes, "GET a/orders/1", &[], Some("any"));
    check(&routes, "GET a/users/1/", &[], Some("deep"));
    check(&routes, "GET a/users/1/posts/2", &[], Some("deep"));
    check(&routes, "GET a/users/", &[], None);
    check(&routes, "GET a/users", &[], None);
}

#[test]
fn a_prefix_that_ends_within_a_segment_stands_among_prefixes_by_its_length() {
    let routes = [
        ("start", matcher("*", "^/api/us", &[])),
        ("slash", matcher("*", "^/api/users/", &[])),
        ("prefix", matcher("*", "/api/users", &[])),
        ("all", matcher("*", "/api", &[])),
    ];
    check(&routes, "GET a/api/usage", &[], Some("start"));
    check(&routes, "GET a/api/users", &[], Some("prefix"));
    check(&routes, "GET a/api/users/1", &[], Some("slash"));
    check(&routes, "GET a/api/usersx", &[], Some("start"));
    check(&routes, "GET a/api/u", &[], Some("all"));
    check(&routes, "GET a/apiusers", &[], None);
}

#[test]
fn a_client_and_a_server_name_come_last() {
    let routes = [
        ("query", matcher("*", "/", &["q=1"])),
        ("both", matcher("*", "/", &["client 10.0.0.0/8", "sni a.example"])),
        ("inside", matcher("*", "/", &["client 10.0.0.0/8"])),
        ("sni", matcher("*", "/", &["sni a.example"])),
        ("plain", matcher("*", "/", &[])),
    ];
    let found = |client: &str, server_name, target: &str| {
        let asked = Asked { client: client.parse().ok(), server_name, ..Asked::new(target, &[]) };
        let found = router(&routes).find(&asked.head()).map(|index| routes[index].0);
        assert_eq!(router(&routes).explain(&asked.head()).chosen.map(|at| routes[at].0), found);
        found
    };
    assert_eq!(found("10.1.2.3", Some("a.example"), "GET a/?q=1"), Some("query"));
    assert_eq!(found("10.1.2.3", Some("a.example"), "GET a/"), Some("both"));
    assert_eq!(found("10.1.2.3", Some("b.example"), "GET a/"), Some("inside"));
    assert_eq!(found("192.0.2.1", Some("a.example"), "GET a/"), Some("sni"));
    assert_eq!(found("192.0.2.1", None, "GET a/"), Some("plain"));
    assert_eq!(found("", None, "GET a/"), Some("plain"));
}

#[test]
fn an_explanation_tells_of_clients_and_server_names() {
    let routes = [
        ("inside", matcher("*", "/", &["client 10.0.0.0/8"])),
        ("sni", matcher("*", "@/{id}", &["sni a.example"])),
    ];
    let mut asked = Asked::new("GET a/1", &[]);
    let told = router(&routes).explain(&asked.head()).to_string();
    assert_eq!(
        told,
        "\
1. `sni` (any host, pattern /{id}): does not match: there is no server name of TLS (wanted is a.example)
2. `inside` (any host, any path): does not match: the client's address is not known (wanted is 10.0.0.0/8)
"
    );
    asked.client = Some(IpAddr::from([192, 0, 2, 1]));
    asked.server_name = Some("b.example");
    let told = router(&routes).explain(&asked.head()).to_string();
    assert_eq!(
        told,
        "\
1. `sni` (any host, pattern /{id}): does not match: the server name of TLS is b.example, not a.example
2. `inside` (any host, any path): does not match: the client is 192.0.2.1, not in 10.0.0.0/8
"
    );
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

/// Literal segments, then whether there is no rest, then which segments are literal, as digits.
fn pattern_score(pattern: &Pattern) -> usize {
    let literal = |segment: &Segment| matches!(segment, Segment::Literal(_));
    let (mut literals, mut shape) = (0, 0);
    for index in 0..5 {
        let is_literal = pattern.segments().get(index).is_some_and(literal);
        literals += usize::from(is_literal);
        shape = shape * 2 + usize::from(is_literal);
    }
    let has_rest = matches!(pattern.segments().last(), Some(Segment::Rest(_)));
    2_000 + literals * 10_000 + usize::from(!has_rest) * 1_000 + shape
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
            PathMatcher::Exact(path) => (*path == asked.path).then_some(9_000_000),
            PathMatcher::Pattern(pattern) => {
                pattern.matches(&asked.path).then(|| pattern_score(pattern))
            }
            PathMatcher::Regex(regex) => regex.is_match(&asked.path).then_some(1_000),
            PathMatcher::Start { text, .. } => asked.path.starts_with(text).then_some(text.len()),
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
    let regexes = ["~/a/.*", "~/[ab]/b", "~(/a|/b)/a", "~/a(/b)?", "~/ab/.*|/b", "~/a\\.b/?.*"];
    let patterns =
        ["@/{x}", "@/a/{x}", "@/{x}/b", "@/{x}/{y}", "@/a/{x+}", "@/{x}/b/{y+}", "@/{x}/"];
    let starts = ["^/a", "^/ab", "^/a/", "^/a/b", "^/"];
    let path = match random.usize(..9) {
        0 => format!("={}", random_path(random)),
        6 | 7 => {
            let path = *random.choice(&patterns).unwrap();
            return with_conditions(random, path);
        }
        8 => {
            let path = *random.choice(&starts).unwrap();
            return with_conditions(random, path);
        }
        1 | 2 => (*random.choice(&regexes).unwrap()).to_owned(),
        _ => random_path(random),
    };
    let path = match path.trim_end_matches('/') {
        trimmed if path.starts_with('/') && !trimmed.is_empty() => trimmed.to_owned(),
        "" => "/".to_owned(),
        _ => path,
    };
    with_conditions(random, &path)
}

fn with_conditions(random: &mut Rng, path: &str) -> Matcher {
    let hosts = ["*", "*", "a.b.c", "b.c", "*.b.c", "*.c", "*.a.b.c"];
    let all = ["GET", "PUT", "x:1", "y:1", "p=1", "q=1"];
    let conditions: Vec<&str> = all.into_iter().filter(|_| random.usize(..6) == 0).collect();
    let mut matcher = matcher(random.choice(&hosts).unwrap(), path, &conditions);
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
