//! How a line looks.

use serde_json::{Value, json};
use tidegate_plugin::exchange::Tls;
use tidegate_plugin::fake::{self, Exchange};
use tidegate_plugin::{Source, Summary};

use super::{line, plugin, summary};

fn exchange() -> Exchange {
    let tls = Tls {
        version: "TLSv1.3".to_owned(),
        cipher_suite: "TLS13_AES_256_GCM_SHA384".to_owned(),
        server_name: None,
        alpn: None,
    };
    Exchange::post("/users/1?a=b&token=s3cret")
        .id("req-7")
        .route("users")
        .client("203.0.113.9")
        .host("api.example.com")
        .version("HTTP/2")
        .tls(tls)
        .header("user-agent", "curl/8")
        .header("referer", "https://app.example/login?code=s3cret")
        .attribute("consumer", "alice")
        .summary(summary())
}

#[test]
fn a_json_line_has_every_fact_under_its_name() {
    let expected = concat!(
        r#"{"time":"2026-11-21T03:51:29.042Z","request_id":"req-7","route":"users","#,
        r#""client":"203.0.113.9","method":"POST","scheme":"https","host":"api.example.com","#,
        r#""path":"/users/1","query":"a=b&token=REDACTED","version":"HTTP/2","status":201,"#,
        r#""source":"upstream","duration_ms":12.345,"upstream_ms":9.001,"request_bytes":17,"#,
        r#""response_bytes":2048,"upstream":"users","endpoint":"10.0.0.5:9001","attempts":1,"#,
        r#""consumer":"alice","user_agent":"curl/8","#,
        r#""referer":"https://app.example/login?code=REDACTED","complete":true,"tls":"TLSv1.3"}"#,
    );
    assert_eq!(line(&json!({}), exchange()), expected);
}

#[test]
fn what_an_exchange_does_not_have_is_left_out() {
    let failed = Summary {
        status: 502,
        source: Source::Gateway,
        upstream_us: None,
        upstream: None,
        endpoint: None,
        attempts: 0,
        failure: Some("connection_refused".to_owned()),
        complete: false,
        ..summary()
    };
    let exchange = Exchange::get("/").host("").summary(failed);
    let expected = concat!(
        r#"{"time":"2026-11-21T03:51:29.042Z","request_id":"request-1","route":"route","#,
        r#""client":"192.0.2.1","method":"GET","scheme":"http","path":"/","version":"HTTP/1.1","#,
        r#""status":502,"source":"gateway","failure":"connection_refused","duration_ms":12.345,"#,
        r#""request_bytes":17,"response_bytes":2048,"attempts":0,"complete":false}"#,
    );
    assert_eq!(line(&json!({}), exchange), expected);
}

#[test]
fn the_operator_chooses_members_and_their_order() {
    let config = json!({
        "fields": ["status", "time_local", "request"],
        "request_headers": ["X-Tenant", "cookie", "accept"],
        "response_headers": ["location", "set-cookie"],
        "attributes": ["ratelimit.remaining", "ratelimit.refused", "score", "auth.subject", "none"]
    });
    let exchange = exchange()
        .header("x-tenant", "a")
        .header("x-tenant", "b")
        .header("cookie", "session=s3cret")
        .response_header("location", "/cb#access_token=s3cret")
        .response_header("set-cookie", "session=s3cret")
        .attribute("ratelimit.remaining", 7_i64)
        .attribute("ratelimit.refused", false)
        .attribute("score", 0.5)
        .attribute("auth.subject", "u1");
    let expected = concat!(
        r#"{"status":201,"time_local":"21/Nov/2026:03:51:29 +0000","#,
        r#""request":"POST /users/1?a=b&token=REDACTED HTTP/2.0","#,
        r#""request_headers":{"x-tenant":"a, b","cookie":"REDACTED"},"#,
        r##""response_headers":{"location":"/cb#access_token=REDACTED","set-cookie":"REDACTED"},"##,
        r#""attributes":{"ratelimit.remaining":7,"ratelimit.refused":false,"score":0.5,"#,
        r#""auth.subject":"u1"}}"#,
    );
    assert_eq!(line(&config, exchange), expected);
}

#[test]
fn objects_without_members_are_left_out() {
    let only = |name: &str| json!({ "fields": [], name: ["x-a"] });
    assert_eq!(line(&only("request_headers"), Exchange::get("/")), "{}");
    let with = Exchange::get("/").header("x-a", "1");
    assert_eq!(line(&only("request_headers"), with), r#"{"request_headers":{"x-a":"1"}}"#);
}

#[test]
fn a_json_line_is_json_and_one_line_whatever_a_client_sends() {
    let bytes: Vec<u8> = (0..=255).collect();
    let exchange =
        exchange().header("user-agent", bytes).attribute("consumer", "a\"\n{\u{2028}\u{0}");
    let line = line(&json!({ "request_headers": ["user-agent"] }), exchange);
    assert!(!line.contains('\n'));
    let read: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(read["consumer"], "a\"\n{\u{2028}\u{0}");
    let agent = read["request_headers"]["user-agent"].as_str().unwrap();
    assert!(agent.starts_with("curl/8, \0\u{1}"));
}

#[test]
fn combined_is_nginxs_line() {
    let expected = concat!(
        r#"203.0.113.9 - alice [21/Nov/2026:03:51:29 +0000] "#,
        r#""POST /users/1?a=b&token=REDACTED HTTP/2.0" 201 2048 "#,
        r#""https://app.example/login?code=REDACTED" "curl/8""#,
    );
    assert_eq!(line(&json!({ "format": "combined" }), exchange()), expected);
    let bare = Exchange::get("/").summary(summary()).header("user-agent", "a\"\n\u{fc}");
    assert_eq!(
        line(&json!({ "format": "combined" }), bare),
        r#"192.0.2.1 - - [21/Nov/2026:03:51:29 +0000] "GET / HTTP/1.1" 201 2048 "-" "a\x22\x0A\xC3\xBC""#
    );
}

#[test]
fn a_template_shows_what_it_names() {
    let template = "$client $method $path $status ${duration_ms}ms $header_user-agent \
                    $header_authorization $response_header_x-none $attribute_consumer $$";
    let exchange = exchange().header("authorization", "Bearer s3cret");
    assert_eq!(
        line(&json!({ "template": template }), exchange),
        "203.0.113.9 POST /users/1 201 12.345ms curl/8 REDACTED - alice $"
    );
}

#[test]
fn an_empty_list_of_redacted_names_shows_everything() {
    let config = json!({
        "fields": ["query"], "request_headers": ["authorization"], "redact": []
    });
    let exchange = Exchange::get("/?token=a").header("authorization", "Bearer b");
    assert_eq!(
        line(&config, exchange),
        r#"{"query":"token=a","request_headers":{"authorization":"Bearer b"}}"#
    );
}

#[test]
fn more_names_are_redacted_beside_the_built_in_ones() {
    let config = json!({
        "fields": ["query"], "request_headers": ["X-Pin", "authorization"],
        "attributes": ["PIN"], "redact_also": ["pin", "x-pin"]
    });
    let exchange = Exchange::get("/?pin=1&jwt=2&q=3")
        .header("x-pin", "4")
        .header("authorization", "5")
        .attribute("PIN", "6");
    assert_eq!(
        line(&config, exchange),
        concat!(
            r#"{"query":"pin=REDACTED&jwt=REDACTED&q=3","#,
            r#""request_headers":{"x-pin":"REDACTED","authorization":"REDACTED"},"#,
            r#""attributes":{"PIN":"REDACTED"}}"#
        )
    );
}

#[test]
fn a_line_that_would_be_too_long_has_its_values_cut() {
    let long = "\u{1}".repeat(30_000);
    let exchange = exchange().attribute("consumer", long.as_str());
    let line = line(&json!({ "fields": ["consumer", "status"] }), exchange);
    let read: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(read, json!({ "consumer": format!("{}…", "\u{1}".repeat(256)), "status": 201 }));
}

#[test]
fn a_line_that_is_too_long_all_the_same_is_dropped_and_counted() {
    let names: Vec<_> = (0..60).map(|n| format!("x-{n}")).collect();
    let plugin = plugin(&json!({ "request_headers": names }));
    let wide = "\u{1}".repeat(2_000);
    let exchange =
        names.iter().fold(exchange(), |exchange, name| exchange.header(name, wide.as_bytes()));
    let outcome = fake::run_log(&plugin, exchange);
    assert_eq!(outcome.messages, []);
    assert_eq!(fake::output::take("stdout"), [""; 0]);
    let dropped = fake::metrics::counter("access_log_dropped", &[("reason", "too_large")]);
    assert_eq!(dropped.to_string(), "1");
}

#[test]
fn a_full_output_costs_lines_which_are_counted_and_nothing_else() {
    let plugin = plugin(&json!({ "format": "combined" }));
    fake::output::set_capacity(2);
    for _ in 0..5 {
        assert_eq!(fake::run_log(&plugin, exchange()).messages, []);
    }
    assert_eq!(fake::output::take("stdout").len(), 2);
    let dropped = fake::metrics::counter("access_log_dropped", &[("reason", "overflow")]);
    assert_eq!(dropped.to_string(), "3");
}

#[test]
fn an_instance_that_serves_again_begins_a_new_line() {
    let plugin = plugin(&json!({ "template": "$path" }));
    for path in ["/a/long/path", "/b"] {
        assert_eq!(fake::run_log(&plugin, Exchange::get(path)).messages, []);
    }
    assert_eq!(fake::output::take("stdout"), ["/a/long/path", "/b"]);
}
