//! Files without findings.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::super::{
    Acme, AcmeChallenge, Admission, BalancePolicy, Balancing, Breaker, Budget, Certificate, Coding,
    Component, Compression, Consumer, Credential, Destination, Dns, Endpoint, ErrorRate,
    FixedResponse, Gateway, HashKey, HeaderEdits, HealthCheck, HostMatcher, HostPolicy, Identity,
    Isolation, Limits, Location, Mirror, NamedSecret, OnError, Outlier, PathMatcher, Pin, PluginId,
    Probe, Protocol, ProxyVersion, Redirect, Retry, RetryBudget, RetryFault, RetryOn, Rewrite,
    Route, RouteCompression, Scope, Secret, Share, SlowCalls, Split, SplitKey, SplitTarget,
    StatusRange, StickyCookie, Tls, TlsVersion, TrustedKey, Upgrade, UpstreamId, ValueMatcher,
    load_text,
};
use super::loaded;

/// Every key that there is, but `include`.
pub(super) const EVERY_KEY: &str = r#"
[gateway]
name = "edge-1"
workers = 2
trusted_proxies = ["10.0.0.0/8", "::1"]
drain_timeout = "1m 30s"
plugins_dir = "/srv/plugins"
cache_dir = false
tracing = { propagate = true }

[admin]
address = "127.0.0.1:9000"

[limits]
request_head = "64KiB"
request_headers = 50
request_body = "unlimited"
connections = 5000
header_timeout = "5s"
idle_timeout = "1m"
body_timeout = "500ms"
http2_streams = 64
counters = 1000
kv = 2000000
cache = "1MiB"
instances = 10
exchanges = 2000
exchanges_queue = 200
exchanges_queue_timeout = "2s"

[[listeners]]
address = "127.0.0.1:8080"
redirect_https = 8443

[[listeners]]
address = "[::1]:8443"
tls = { certificate = "cert.pem", key = "key.pem", ocsp = "ocsp.der" }
proxy_protocol = "required"
hsts = { max_age = "1y", include_subdomains = true, preload = true }

[[listeners]]
address = "[::1]:9443"
tls.certificates = [{ certificate = "a.pem", key = "a.key" }, { certificate = "b.pem", key = "b.key", hosts = ["B.example", "*.b.example"] }]
tls.min_version = "1.3"
tls.client_auth = { ca = "clients.pem", mode = "optional", forward = true }
tls.acme = { domains = ["C.example"], directory = "https://ca.example/dir", contact = ["mailto:a@b.example"], storage = "certs", ca = "acme.pem", challenge = "http-01" }
hsts = "180d"

[outputs.access]
file = "logs/access.log"
queue = 16

[upstreams.users]
endpoints = ["http://127.0.0.1", { url = "http://[::1]:9002/", weight = 3, priority = 1 }]
connect_timeout = "1s"
response_timeout = "2s"
idle_timeout = "3s"
host = "Users.Internal:9000"
balance = "least_connections"
health = { path = "/healthz?full", host = "Users", status = "200-299", body = "ok", interval = "1s", timeout = "500ms", rise = 1, fall = 5 }
outlier = { consecutive_errors = 3, error_rate = 40, min_requests = 10, interval = "5s", base_ejection = "10s", max_ejection = "1m", max_ejected = 30 }
panic_threshold = 20
slow_start = "30s"
max_connections = 100
dns = { refresh = "30s", servers = ["127.0.0.1", "[::1]:5353"], srv = true }
retry = { attempts = 2, on = ["timeout", 503, 429, "reset"], methods = ["GET", "POST"], budget = { percent = 25, min_per_second = 3 }, body = "64KiB", per_try_timeout = "1s" }
breaker = { errors = 30, min_requests = 9, window = "20s", slow = { threshold = "800ms", percent = 60 }, open = "7s", half_open = 4 }
max_requests = 100
queue = 20
queue_timeout = "250ms"

[upstreams.orders]
endpoints = ["http://orders:9001", "https://orders"]
host = "endpoint"
tls = { ca = "ca.pem", server_name = "Orders.Internal", certificate = "own.pem", key = "own.key" }
balance = { hash = { header = "X-User" } }
health = { tcp = true }
retry = false
deadline_header = "Grpc-Timeout"
protocol = "h2"
proxy_protocol = 2

[plugins.auth]
component = "jwt"
isolation = { pooled = { calls = 5, idle = 2 } }
on_error = "skip"
grants = ["kv", "crypto"]
limits = { memory = "1MiB", cpu = "5ms", wall = "10ms", instances = 3, queue = 0, calls = 2, calls_total = 4 }

[plugins.auth.config]
"a/b~c" = [1, 2.5, true, { at = 1979-05-27T07:32:00Z }]

[plugins.own]
component = "wasm/own.wasm"
isolation = "pooled"
sha256 = "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08"
signature = "wasm/own.sig"
trusted_keys = ["RWQRIjNEVWZ3iAdd7Ecvw1aSuPx+8N4eO1PfL7dm+lrVj4y4TyrQvVVQ"]

[plugins.own.grants]
cache = true
consumers = { kinds = ["key", "basic", "key"] }
counter = true
crypto = false
http-client = { upstreams = ["users"], hosts = ["https://API.example.com", "http://[::1]:9000/"] }
kv = { space = "sessions", prefixes = ["user:"] }
metrics = true
output = true
secret = ["hmac"]

[[routes]]
name = "users"
match.host = ["API.example.com", "*.example.org"]
match.path = "/users/"
match.methods = ["GET", "POST"]
match.headers = { X-Canary = "1", x-a = { regex = "a|b" }, x-b = true }
match.query = { v = "2" }
rewrite = { strip_prefix = true }
pipeline = ["own", "auth"]
upstream = "users"
timeout = "5s"
request_body = "1MiB"
allow_encoded_slash = true
upgrade = { protocols = ["WebSocket", "chat/2"], idle_timeout = "1h" }
compression = false

[[routes]]
name = "orders"
match = { path = { prefix = "/" } }
rewrite = { replace_prefix = "/v2/" }
upstream = "orders"

[[routes]]
name = "order"
match = { path = { regex = "/orders/[0-9]+" } }
rewrite = { replace_path = "/x/" }
upstream = "orders"
upgrade = false
compression = true

[[routes]]
name = "health"
match = { path = { exact = "/health/" } }
respond = { status = 503, headers = { X-A = "1", set-cookie = ["a=1", "b=2"] }, body = "down" }

[[routes]]
name = "moved"
match = { host = "old.example.com" }
redirect = { scheme = "https", host = "New.example.com", port = 8443, path = "/x", status = 308 }

[[routes]]
name = "item"
match = { path = { pattern = "/items/{id}/{rest+}" }, client = ["10.0.0.0/8"], sni = "*.Example.com" }
rewrite = { replace_path = "/i/{rest}/{id}", host = "Items.Internal" }
request_headers = { set = { X-A = "1" }, add = { x-b = ["2", "3"] }, remove = ["X-C"] }
response_headers = { remove = "server" }
upstream = [{ name = "users", weight = 9 }, "orders"]
split = { by = { cookie = "shop", path = "/items", ttl = "1h" }, force_header = "X-Version" }
mirror = { upstream = "orders", percent = 2.5, body = "1KiB", concurrency = 7 }

[[routes]]
name = "kong"
match = { path = "/kong/" }
prefix_mode = "kong"
rewrite = { strip_prefix = true, add_prefix = "/v1/" }
upstream = "users"

[[routes]]
name = "nginx"
match = { path = "/nginx/" }
prefix_mode = "nginx"
upstream = "users"

[[routes]]
name = "renamed"
match = { path = "/old" }
redirect = { replace_prefix = "/new" }

[consumers.alice]
groups = ["staff", "admin"]
credentials = [{ kind = "key", id = "${SECRET}" }, { kind = "basic", id = "alice", secret = "pw" }]
attributes = { plan = "gold", area = "eu" }

[secrets.hmac]
env = "SECRET"

[gateway.compression]
algorithms = ["gzip", "br"]
types = ["Text/*", "application/json"]
min_size = "2KiB"
level = 9
"#;

#[test]
fn the_process_is_as_the_file_says() {
    let config = loaded(EVERY_KEY).config;
    assert_eq!(
        config.gateway,
        Gateway {
            name: "edge-1".to_owned(),
            workers: Some(2),
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
            drain_timeout: Duration::from_secs(90),
            plugins_dir: PathBuf::from("/srv/plugins"),
            cache_dir: None,
            propagates_trace: true,
            compression: Some(Compression {
                codings: vec![Coding::Gzip, Coding::Brotli],
                types: vec!["text/*".to_owned(), "application/json".to_owned()],
                min_bytes: 2048,
                level: Some(9),
            }),
            trusted_keys: Vec::new(),
        }
    );
    assert_eq!(config.admin, Some("127.0.0.1:9000".parse().unwrap()));
    assert_eq!(
        config.limits,
        Limits {
            request_head_bytes: 65_536,
            request_headers: 50,
            request_body_bytes: u64::MAX,
            connections: 5000,
            header_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_millis(500),
            http2_streams: 64,
            counters: 1000,
            kv_bytes: 2_000_000,
            held_bodies_bytes: 256 << 20,
            cache_bytes: 1 << 20,
            instances: 10,
            exchanges: Some(Admission {
                at_once: 2000,
                queue: 200,
                queue_timeout: Duration::from_secs(2),
            }),
        }
    );
    let [output] = config.outputs.as_slice() else { panic!("one output") };
    assert_eq!(output.name, "access");
    assert_eq!(output.file, Path::new("./logs/access.log"));
    assert_eq!(output.queue, 16);
}

#[test]
fn the_listeners_are_as_the_file_says() {
    let config = loaded(EVERY_KEY).config;
    let [plain, one, two] = config.listeners.as_slice() else { panic!("three listeners") };
    assert_eq!((plain.address, &plain.tls), ("127.0.0.1:8080".parse().unwrap(), &None));
    assert_eq!((plain.redirect_https, &plain.hsts), (Some(8443), &None));

    let certificate = |name: &str, key: &str, hosts: &[&str]| Certificate {
        certificate: PathBuf::from(name),
        key: PathBuf::from(key),
        ocsp: None,
        hosts: hosts.iter().map(ToString::to_string).collect(),
        certificate_at: Location::default(),
        key_at: Location::default(),
    };
    assert_eq!(one.address, "[::1]:8443".parse().unwrap());
    let stapled = Certificate {
        ocsp: Some(PathBuf::from("./ocsp.der")),
        ..certificate("./cert.pem", "./key.pem", &[])
    };
    let tls = Tls {
        certificates: vec![stapled],
        acme: None,
        min_version: TlsVersion::V12,
        client_auth: None,
    };
    assert_eq!(one.tls, Some(tls));
    assert_eq!((plain.proxy_protocol, one.proxy_protocol), (false, true));
    let policy = HeaderValue::from_static("max-age=31557600; includeSubDomains; preload");
    assert_eq!((one.redirect_https, &one.hsts), (None, &Some(policy)));

    let tls = two.tls.as_ref().expect("a listener of TLS");
    assert_eq!(
        tls.certificates,
        [
            certificate("./a.pem", "./a.key", &[]),
            certificate("./b.pem", "./b.key", &["b.example", "*.b.example"]),
        ]
    );
    assert_eq!(tls.min_version, TlsVersion::V13);
    let auth = tls.client_auth.as_ref().expect("certificates of clients");
    assert_eq!(auth.ca, Path::new("./clients.pem"));
    assert!(!auth.is_required && auth.is_forwarded);
    let acme = Acme {
        domains: vec!["c.example".to_owned()],
        directory: "https://ca.example/dir".to_owned(),
        contact: vec!["mailto:a@b.example".to_owned()],
        storage: PathBuf::from("./certs"),
        ca: Some(PathBuf::from("./acme.pem")),
        challenge: AcmeChallenge::Http01,
    };
    assert_eq!(tls.acme, Some(acme));
    assert_eq!(two.hsts, Some(HeaderValue::from_static("max-age=15552000")));
    assert_eq!(tls.files().count(), 5);
}

#[test]
fn the_upstreams_are_as_the_file_says() {
    let config = loaded(EVERY_KEY).config;
    let [users, orders] = config.upstreams.as_slice() else { panic!("two upstreams") };
    assert_eq!(users.name, "users");
    assert_eq!(
        users.endpoints,
        [
            Endpoint {
                is_https: false,
                host: "127.0.0.1".to_owned(),
                port: 80,
                weight: 1,
                priority: 0
            },
            Endpoint {
                is_https: false,
                host: "::1".to_owned(),
                port: 9002,
                weight: 3,
                priority: 1
            },
        ]
    );
    assert_eq!(users.connect_timeout, Duration::from_secs(1));
    assert_eq!(users.response_timeout, Duration::from_secs(2));
    assert_eq!(users.idle_timeout, Duration::from_secs(3));
    assert_eq!(users.host, HostPolicy::Fixed(HeaderValue::from_static("users.internal:9000")));
    assert_eq!(orders.host, HostPolicy::Endpoint);
    assert_eq!((users.protocol, users.proxy_protocol), (Protocol::Http1, None));
    assert_eq!((orders.protocol, orders.proxy_protocol), (Protocol::Http2, Some(ProxyVersion::V2)));
    assert_eq!(orders.connect_timeout, Duration::from_secs(3));
    assert_eq!(orders.response_timeout, Duration::from_secs(30));
    assert_eq!(orders.idle_timeout, Duration::from_secs(60));
}

#[test]
fn the_encryption_to_upstreams_is_as_the_file_says() {
    let config = loaded(EVERY_KEY).config;
    let [users, orders] = config.upstreams.as_slice() else { panic!("two upstreams") };
    assert_eq!(users.tls, None);
    let endpoints = orders.endpoints.iter().map(|endpoint| (endpoint.is_https, endpoint.port));
    assert_eq!(endpoints.collect::<Vec<_>>(), [(false, 9001), (true, 443)]);
    let tls = orders.tls.as_ref().expect("an `https` endpoint");
    assert_eq!(tls.ca.as_deref(), Some(Path::new("./ca.pem")));
    assert_eq!(tls.server_name.as_deref(), Some("orders.internal"));
    let own = Identity { certificate: PathBuf::from("./own.pem"), key: PathBuf::from("./own.key") };
    assert_eq!(tls.identity, Some(own));
}

#[test]
fn the_balancing_is_as_the_file_says() {
    let config = loaded(EVERY_KEY).config;
    let [users, orders] = config.upstreams.as_slice() else { panic!("two upstreams") };
    assert_eq!(
        users.balancing,
        Balancing {
            policy: BalancePolicy::LeastConnections,
            health: Some(HealthCheck {
                probe: Probe::Http {
                    target: "/healthz?full".parse().unwrap(),
                    host: Some(HeaderValue::from_static("users")),
                    status: StatusRange { least: 200, most: 299 },
                    body: Some("ok".to_owned()),
                },
                interval: Duration::from_secs(1),
                timeout: Duration::from_millis(500),
                rise: 1,
                fall: 5,
            }),
            outlier: Some(Outlier {
                consecutive_errors: 3,
                error_rate: Some(ErrorRate {
                    percent: 40,
                    attempts_min: 10,
                    interval: Duration::from_secs(5),
                }),
                base_ejection: Duration::from_secs(10),
                max_ejection: Duration::from_secs(60),
                max_ejected_percent: 30,
            }),
            panic_percent: 20,
            slow_start: Some(Duration::from_secs(30)),
            exchanges_max: Some(100),
            dns: Some(Dns {
                refresh: Duration::from_secs(30),
                servers: vec!["127.0.0.1:53".parse().unwrap(), "[::1]:5353".parse().unwrap()],
                srv: true,
            }),
        }
    );
    let check = HealthCheck {
        probe: Probe::Tcp,
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(2),
        rise: 2,
        fall: 3,
    };
    let policy = BalancePolicy::Hash(HashKey::Header(HeaderName::from_static("x-user")));
    let expected = Balancing { policy, health: Some(check), ..Balancing::default() };
    assert_eq!(orders.balancing, expected);
}

#[test]
fn what_keeps_an_upstream_from_being_asked_too_much_is_as_the_file_says() {
    let config = loaded(EVERY_KEY).config;
    let [users, orders] = config.upstreams.as_slice() else { panic!("two upstreams") };
    assert_eq!(
        users.retry,
        Some(Retry {
            attempts: 2,
            on: RetryOn {
                faults: vec![RetryFault::Timeout, RetryFault::Reset],
                statuses: vec![StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS],
            },
            methods: vec![Method::GET, Method::POST],
            budget: RetryBudget { percent: 25, min_per_second: 3 },
            body_bytes: 64 << 10,
            per_try_timeout: Some(Duration::from_secs(1)),
        })
    );
    assert_eq!(
        users.breaker,
        Some(Breaker {
            errors: 30,
            min_requests: 9,
            window: Duration::from_secs(20),
            slow: Some(SlowCalls { threshold: Duration::from_millis(800), percent: 60 }),
            open: Duration::from_secs(7),
            half_open: 4,
        })
    );
    let queue_timeout = Duration::from_millis(250);
    assert_eq!(users.admission, Some(Admission { at_once: 100, queue: 20, queue_timeout }));
    assert_eq!((&orders.retry, &orders.breaker, orders.admission), (&None, &None, None));
    assert_eq!(users.deadline_header, None);
    assert_eq!(orders.deadline_header, Some(HeaderName::from_static("grpc-timeout")));
}

#[test]
fn an_upstream_retries_once_by_default_and_the_rest_is_asked_for() {
    let upstream = |keys: &str| {
        let text = format!("[upstreams.users]\nendpoints = [\"http://127.0.0.1:1\"]\n{keys}");
        loaded(&text).config.upstreams.remove(0)
    };
    let plain = upstream("");
    assert_eq!(
        plain.retry,
        Some(Retry {
            attempts: 1,
            on: RetryOn { faults: vec![RetryFault::Connect, RetryFault::Reset], statuses: vec![] },
            methods: vec![
                Method::GET,
                Method::HEAD,
                Method::OPTIONS,
                Method::PUT,
                Method::DELETE,
                Method::TRACE
            ],
            budget: RetryBudget { percent: 20, min_per_second: 10 },
            body_bytes: 0,
            per_try_timeout: None,
        })
    );
    assert_eq!((plain.breaker, plain.admission), (None, None));
    assert_eq!(upstream("retry = {}").retry, Some(Retry::default()));
    assert_eq!(
        upstream("breaker = { slow = { threshold = \"1s\" } }").breaker,
        Some(Breaker {
            errors: 50,
            min_requests: 20,
            window: Duration::from_secs(10),
            slow: Some(SlowCalls { threshold: Duration::from_secs(1), percent: 50 }),
            open: Duration::from_secs(5),
            half_open: 3,
        })
    );
    let queue_timeout = Duration::from_secs(1);
    assert_eq!(
        upstream("max_requests = 5").admission,
        Some(Admission { at_once: 5, queue: 0, queue_timeout })
    );
    assert_eq!(
        loaded("[limits]\nexchanges = 5").config.limits.exchanges,
        Some(Admission { at_once: 5, queue: 1000, queue_timeout })
    );
}

#[test]
fn the_consumers_and_secrets_are_as_the_file_says() {
    let config = loaded(EVERY_KEY).config;
    let text = |text: &str| text.to_owned();
    let credential = |kind, id, secret: Option<&str>| Credential {
        kind: text(kind),
        id: Secret::new(text(id)),
        secret: secret.map(|secret| Secret::new(text(secret))),
    };
    assert_eq!(
        config.consumers,
        [Consumer {
            name: text("alice"),
            groups: vec![text("staff"), text("admin")],
            credentials: vec![
                credential("key", "hunter 2/", None),
                credential("basic", "alice", Some("pw")),
            ],
            attributes: vec![(text("area"), text("eu")), (text("plan"), text("gold"))],
        }]
    );
    let value = Secret::new(b"hunter 2/".to_vec());
    assert_eq!(config.secrets, [NamedSecret { name: text("hmac"), value }]);
}

#[test]
fn the_plugins_are_as_the_file_says() {
    let loaded = loaded(EVERY_KEY);
    let [auth, own] = loaded.config.plugins.as_slice() else { panic!("two plugins") };
    assert_eq!(auth.component, Component::Named("jwt".to_owned()));
    assert_eq!(auth.config.expose(), r#"{"a/b~c":[1,2.5,true,{"at":"1979-05-27T07:32:00Z"}]}"#);
    assert_eq!(auth.isolation, Isolation::Pooled { calls: 5, idle: 2 });
    assert_eq!(auth.on_error, OnError::Skip);
    let whole = ["crypto", "kv"].map(|capability| (capability, Scope::Whole));
    assert_eq!(auth.grants, Some(whole.into_iter().collect()));
    assert_eq!(
        auth.budget,
        Budget {
            memory_bytes: 1 << 20,
            cpu: Duration::from_millis(5),
            wall: Duration::from_millis(10),
            instances: 3,
            queue: 0,
            body_bytes: 1 << 20,
            calls: 2,
            calls_total: 4,
        }
    );
    assert_eq!(own.component, Component::File(PathBuf::from("./wasm/own.wasm")));
    assert_eq!(own.config.expose(), "{}");
    assert_eq!(own.isolation, Isolation::Pooled { calls: 10_000, idle: 32 });
    assert_eq!(own.on_error, OnError::Deny);
    let key = "RWQRIjNEVWZ3iAdd7Ecvw1aSuPx+8N4eO1PfL7dm+lrVj4y4TyrQvVVQ";
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    assert_eq!(
        own.pin,
        Pin {
            sha256: Some(digest.to_owned()),
            trusted_keys: vec![TrustedKey::parse(key).expect("a key")],
            signature: Some(PathBuf::from("./wasm/own.sig")),
        }
    );
    assert_eq!(auth.pin, Pin::default());
    let grants = own.grants.as_ref().expect("a table");
    assert_eq!(
        serde_json::to_value(grants).expect("a value"),
        serde_json::json!({
            "cache": true,
            "consumers": { "kinds": ["basic", "key"] },
            "counter": true,
            "http-client": {
                "upstreams": ["users"],
                "hosts": ["https://api.example.com:443", "http://[::1]:9000"],
            },
            "kv": { "space": "sessions", "prefixes": ["user:"] },
            "metrics": true,
            "output": true,
            "secret": ["hmac"],
        })
    );
    assert_eq!(
        own.budget,
        Budget {
            memory_bytes: 64 << 20,
            cpu: Duration::from_millis(50),
            wall: Duration::from_secs(1),
            instances: 256,
            queue: 1024,
            body_bytes: 1 << 20,
            calls: 8,
            calls_total: 256,
        }
    );
}

#[test]
fn a_pointer_into_a_configuration_leads_to_the_place_in_the_file() {
    let loaded = loaded(EVERY_KEY);
    let at = |plugin: usize, pointer: &str| {
        let location = loaded.config.plugins[plugin].at.locate(pointer);
        loaded.sources.finding(location, "x").position()
    };
    assert_eq!(at(0, ""), "gateway.toml:89:1");
    assert_eq!(at(0, "/a~1b~0c/1"), "gateway.toml:90:15");
    assert_eq!(at(0, "/a~1b~0c/3/at"), "gateway.toml:90:33");
    assert_eq!(at(0, "/a~1b~0c/3/missing"), "gateway.toml:90:26");
    assert_eq!(at(0, "/a~1b~0c/9/x"), "gateway.toml:90:11");
    assert_eq!(at(0, "/missing"), "gateway.toml:89:1");
    assert_eq!(at(1, "/missing"), "gateway.toml:92:1");
    let places = &loaded.config.plugins[0].at;
    assert_eq!(loaded.sources.finding(&places.grants, "x").position(), "gateway.toml:86:10");
    assert_eq!(loaded.sources.finding(&places.component, "x").position(), "gateway.toml:83:13");
    assert_eq!(loaded.sources.finding(&places.table, "x").position(), "gateway.toml:82:1");
}

/// The routes of the file: `users`, `orders`, `order`, `health`, `moved`, `item`, `kong`, `nginx` and
/// `renamed`.
fn routes() -> [Route; 9] {
    loaded(EVERY_KEY).config.routes.try_into().expect("nine routes")
}

#[test]
fn a_matcher_is_as_the_file_says() {
    let [Route { matcher, .. }, ..] = routes();
    assert_eq!(
        matcher.hosts,
        [
            HostMatcher::Exact("api.example.com".to_owned()),
            HostMatcher::Suffix(".example.org".to_owned()),
        ]
    );
    assert!(matches!(&matcher.path, PathMatcher::Prefix(path) if path == "/users"));
    assert_eq!(matcher.methods, [Method::GET, Method::POST]);
}

#[test]
fn conditions_for_values_are_as_the_file_says() {
    let [Route { matcher, .. }, ..] = routes();
    let [canary, a, b] = matcher.headers.as_slice() else { panic!("three headers") };
    assert_eq!(canary.name, "x-canary");
    assert!(matches!(&canary.value, ValueMatcher::Exact(text) if text == "1"));
    assert!(matches!(&a.value, ValueMatcher::Regex(regex) if regex.as_str() == r"\A(?:a|b)\z"));
    assert!(matches!(&b.value, ValueMatcher::Present));
    assert_eq!(matcher.query[0].name, "v");
}

#[test]
fn a_forwarding_route_is_as_the_file_says() {
    let [users, ..] = routes();
    assert_eq!(users.rewrite, Some(Rewrite::StripPrefix("/users".to_owned())));
    let pipeline: Vec<PluginId> = users.pipeline.iter().map(|entry| entry.plugin).collect();
    assert_eq!(pipeline, [PluginId(1), PluginId(0)]);
    assert_eq!(users.destination, Destination::Upstream(UpstreamId(0)));
    assert_eq!(users.timeout, Duration::from_secs(5));
    assert_eq!(users.request_body_bytes, Some(1 << 20));
    assert!(users.allow_encoded_slash);
    assert_eq!(
        users.upgrade,
        Upgrade {
            protocols: vec!["websocket".to_owned(), "chat/2".to_owned()],
            idle_timeout: Duration::from_secs(3600),
        }
    );
    assert_eq!(users.compression, RouteCompression::Own(None));
}

#[test]
fn a_route_has_defaults_and_its_rewrite_is_canonical() {
    let [_, orders, order, ..] = routes();
    assert!(matches!(&orders.matcher.path, PathMatcher::Prefix(path) if path == "/"));
    let rewrite = Rewrite::ReplacePrefix { prefix: "/".to_owned(), with: "/v2".to_owned() };
    assert_eq!(orders.rewrite, Some(rewrite));
    assert_eq!(orders.timeout, Duration::from_secs(60));
    assert_eq!(orders.request_body_bytes, None);
    assert!(!orders.allow_encoded_slash);

    assert!(
        matches!(&order.matcher.path, PathMatcher::Regex(regex) if regex.is_match("/orders/1"))
    );
    assert_eq!(order.rewrite, Some(Rewrite::ReplacePath("/x/".to_owned())));
}

#[test]
fn a_route_has_the_upgrades_and_the_compression_of_the_file() {
    let [_, orders, order, ..] = routes();
    assert_eq!(
        orders.upgrade,
        Upgrade { protocols: vec!["websocket".to_owned()], idle_timeout: Duration::from_secs(300) }
    );
    assert_eq!(orders.compression, RouteCompression::Inherited);

    assert_eq!(order.upgrade.protocols, Vec::<String>::new());
    let RouteCompression::Own(Some(compression)) = order.compression else { panic!("its own") };
    assert_eq!(compression.codings, [Coding::Brotli, Coding::Zstd, Coding::Gzip]);
    assert_eq!((compression.min_bytes, compression.level), (1024, None));
    assert!(compression.types.iter().any(|name| name == "text/html"));
}

#[test]
fn answers_without_an_upstream_are_as_the_file_says() {
    let [_, _, _, health, moved, ..] = routes();
    assert!(matches!(&health.matcher.path, PathMatcher::Exact(path) if path == "/health/"));
    let header = |name, value| (HeaderName::from_static(name), HeaderValue::from_static(value));
    assert_eq!(
        health.destination,
        Destination::Fixed(FixedResponse {
            status: StatusCode::SERVICE_UNAVAILABLE,
            headers: vec![
                header("x-a", "1"),
                header("set-cookie", "a=1"),
                header("set-cookie", "b=2")
            ],
            body: "down".to_owned(),
        })
    );
    assert_eq!(
        moved.destination,
        Destination::Redirect(Redirect {
            status: StatusCode::PERMANENT_REDIRECT,
            scheme: Some("https".to_owned()),
            host: Some("new.example.com".to_owned()),
            port: Some(8443),
            path: Some(Rewrite::ReplacePath("/x".to_owned())),
        })
    );
    let [.., renamed] = routes();
    let Destination::Redirect(redirect) = renamed.destination else { panic!("a redirect") };
    let path = Rewrite::ReplacePrefix { prefix: "/old".to_owned(), with: "/new".to_owned() };
    assert_eq!(redirect.path, Some(path));
}

#[test]
fn a_pattern_and_what_is_made_of_it_are_as_the_file_says() {
    let [_, _, _, _, _, item, ..] = routes();
    let PathMatcher::Pattern(pattern) = &item.matcher.path else { panic!("a pattern") };
    assert_eq!(pattern.to_string(), "/items/{id}/{rest+}");
    assert_eq!(item.matcher.clients, ["10.0.0.0/8".parse().unwrap()]);
    assert_eq!(item.matcher.snis, [HostMatcher::Suffix(".example.com".to_owned())]);
    let Some(Rewrite::Template(template)) = &item.rewrite else { panic!("a template") };
    assert_eq!(template.to_string(), "/i/{rest}/{id}");
    assert_eq!(template.fill("/items/7/a/b"), "/i/a/b/7");
    assert_eq!(item.host, Some(HostPolicy::Fixed(HeaderValue::from_static("items.internal"))));

    let header = |name, value| (HeaderName::from_static(name), HeaderValue::from_static(value));
    let request = HeaderEdits {
        remove: vec![HeaderName::from_static("x-c")],
        set: vec![header("x-a", "1")],
        add: vec![header("x-b", "2"), header("x-b", "3")],
    };
    assert_eq!(item.request_headers, request);
    let remove = vec![HeaderName::from_static("server")];
    assert_eq!(item.response_headers, HeaderEdits { remove, ..HeaderEdits::default() });
}

#[test]
fn a_split_and_a_mirror_are_as_the_file_says() {
    let [_, _, _, _, _, item, ..] = routes();
    let target = |upstream, weight| SplitTarget { upstream: UpstreamId(upstream), weight };
    assert_eq!(
        item.destination,
        Destination::Split(Split {
            targets: vec![target(0, 9), target(1, 1)],
            by: SplitKey::Cookie(StickyCookie {
                name: "shop".to_owned(),
                path: "/items".to_owned(),
                ttl: Some(Duration::from_secs(3600)),
            }),
            force_header: Some(HeaderName::from_static("x-version")),
        })
    );
    let upstream = UpstreamId(1);
    let mirror = Mirror { upstream, share: Share(250), body_bytes: 1024, concurrency: 7 };
    assert_eq!(item.mirror, Some(mirror));
}

#[test]
fn prefixes_of_other_gateways_are_as_the_file_says() {
    let [.., kong, nginx, _] = routes();
    let start = |route: &Route, wanted: &str, with_bare: bool| {
        matches!(&route.matcher.path,
            PathMatcher::Start { text, bare } if text == wanted && *bare == with_bare)
    };
    assert!(start(&kong, "/kong/", false));
    let (prefix, base) = ("/kong/".to_owned(), "/v1/".to_owned());
    assert_eq!(kong.rewrite, Some(Rewrite::Kong { prefix, strip: true, base }));
    assert!(!kong.allow_encoded_slash);
    assert!(start(&nginx, "/nginx/", true));
    assert_eq!(nginx.rewrite, Some(Rewrite::Raw));
    assert!(nginx.allow_encoded_slash);
}

#[test]
fn what_is_absent_has_its_default() {
    let config = loaded("").config;
    assert_eq!(
        config.gateway,
        Gateway {
            name: "tidegate".to_owned(),
            workers: None,
            trusted_proxies: Vec::new(),
            drain_timeout: Duration::from_secs(30),
            plugins_dir: PathBuf::from("./plugins"),
            cache_dir: None,
            propagates_trace: false,
            compression: None,
            trusted_keys: Vec::new(),
        }
    );
    assert_eq!(config.admin, Some("127.0.0.1:9901".parse().unwrap()));
    assert_eq!(
        config.limits,
        Limits {
            request_head_bytes: 32 * 1024,
            request_headers: 100,
            request_body_bytes: 16 << 20,
            connections: 10_000,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(60),
            http2_streams: 128,
            counters: 1_000_000,
            kv_bytes: 64 << 20,
            held_bodies_bytes: 256 << 20,
            cache_bytes: 64 << 20,
            instances: 1000,
            exchanges: None,
        }
    );
    assert_eq!(loaded("admin = false").config.admin, None);
}

#[test]
fn a_redirect_is_temporary_and_an_answer_is_good_unless_said_otherwise() {
    let config = loaded(
        r#"
[[routes]]
name = "a"
match = { path = "/a" }
redirect = { scheme = "https" }

[[routes]]
name = "b"
match = { path = "/b" }
respond = {}
"#,
    )
    .config;
    let Destination::Redirect(redirect) = &config.routes[0].destination else { panic!("redirect") };
    assert_eq!(redirect.status, StatusCode::FOUND);
    let Destination::Fixed(answer) = &config.routes[1].destination else { panic!("answer") };
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""));
}

#[test]
fn some_first_segments_of_the_prefix_may_be_stripped() {
    let config = loaded(
        r#"
[upstreams.users]
endpoints = ["http://127.0.0.1:9001"]

[[routes]]
name = "users"
match = { path = "/api/users" }
rewrite = { strip_prefix = "/api/" }
upstream = "users"
"#,
    )
    .config;
    assert_eq!(config.routes[0].rewrite, Some(Rewrite::StripPrefix("/api".to_owned())));
}

#[test]
fn compiled_code_is_cached_where_the_user_keeps_caches() {
    let cache_dir = |variables: &[(&str, &str)]| {
        let environment = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let text = "[[listeners]]\naddress = '127.0.0.1:0'";
        load_text("gateway.toml", text, &environment).unwrap().config.gateway.cache_dir
    };
    assert_eq!(
        cache_dir(&[("XDG_CACHE_HOME", "/caches"), ("HOME", "/home/ada")]),
        Some(PathBuf::from("/caches/tidegate"))
    );
    assert_eq!(
        cache_dir(&[("XDG_CACHE_HOME", "relative"), ("HOME", "/home/ada")]),
        Some(PathBuf::from("/home/ada/.cache/tidegate"))
    );
    assert_eq!(cache_dir(&[]), None);
}

#[test]
fn any_free_port_may_be_asked_for_twice() {
    let listeners = "[[listeners]]\naddress = '127.0.0.1:0'\n".repeat(2);
    assert_eq!(loaded(&listeners).config.listeners.len(), 2);
}

#[test]
fn an_encoded_slash_may_be_matched_where_it_is_allowed() {
    let config = loaded(
        r#"
[[routes]]
name = "files"
match = { path = "/files/a%2Fb" }
allow_encoded_slash = true
respond = {}
"#,
    )
    .config;
    assert!(
        matches!(&config.routes[0].matcher.path, PathMatcher::Prefix(path) if path == "/files/a%2Fb")
    );
}
