//! What `wit/` promises to plugins.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tidegate_tests::guest::{self, Plugin};
use tidegate_tests::{client, gateway, origin};

fn sees(name: &str) -> Plugin {
    guest::sees().named(name).config(&format!("{{ name = {name:?} }}"))
}

#[tokio::test]
async fn request_phases_run_in_order_and_response_phases_in_reverse() {
    let origin = origin::replying("ok").await;
    let gateway =
        gateway::before(&origin).route("/", [sees("a"), sees("b"), sees("c")]).start().await;

    let reply = gateway.get("/").await;
    assert_eq!(reply.status(), 200);
    assert_eq!(origin.last().value("x-trace").as_deref(), Some("a,b,c"));
    assert_eq!(reply.header("x-trace"), Some("c,b,a"));
    assert_eq!(reply.header("x-attribute"), Some("a,b,c"), "attributes last until the response");
}

#[tokio::test]
async fn an_answer_runs_the_response_phases_of_those_whose_turn_had_come() {
    let origin = origin::replying("ok").await;
    let answers = guest::answers().config(r#"{ path = "/stop" }"#);
    let gateway =
        gateway::before(&origin).route("/", [sees("a"), answers, sees("z")]).start().await;

    let reply = gateway.get("/stop").await;
    assert_eq!((reply.status(), reply.text()), (403, "answered\n"));
    assert_eq!(reply.header("x-answered-by"), Some("answers"));
    assert_eq!(reply.header("x-trace"), Some("answers,a"), "it is the first, and `z` is left out");
    assert_eq!(reply.header("x-seen"), Some("403 plugin"));
    assert_eq!(origin.counts().requests, 0);

    let reply = gateway.get("/go").await;
    assert_eq!(reply.header("x-trace"), Some("z,answers,a"));
    assert_eq!(reply.header("x-seen"), Some("200 upstream"));
}

#[tokio::test]
async fn response_phases_run_for_what_the_gateway_itself_answers() {
    let nowhere = origin::nowhere().await;
    let gateway = gateway::at(&[&format!("http://{nowhere}")])
        .route("/down", [sees("a")])
        .route_with("/fixed", [sees("a")], "respond = { status = 418, body = \"tea\" }")
        .start()
        .await;

    let reply = gateway.get("/down").await;
    assert_eq!((reply.status(), reply.header("x-seen")), (502, Some("502 gateway")));
    let reply = gateway.get("/fixed").await;
    assert_eq!((reply.status(), reply.text()), (418, "tea"));
    assert_eq!(reply.header("x-seen"), Some("418 gateway"));
}

#[tokio::test]
async fn log_phases_run_once_for_every_exchange_whoever_answered() {
    let origin = origin::replying("ok").await;
    let reports = guest::reports().config(r#"{ output = "lines" }"#).grants("output");
    let answers = guest::answers().config(r#"{ path = "/stop" }"#);
    let gateway = gateway::before(&origin)
        .output("lines")
        .route("/", [sees("a"), reports, answers])
        .start()
        .await;

    assert_eq!(gateway.send(client::request("POST", "/go", &[], "12345")).await.status(), 200);
    let first: Value = serde_json::from_str(&gateway.lines("lines", 1).await[0]).unwrap();
    assert_eq!(first["route"], "root");
    assert_eq!(first["method"], "POST");
    assert_eq!(first["path"], "/go");
    assert_eq!(first["status"], 200);
    assert_eq!(first["source"], "upstream");
    assert_eq!(first["request_body_bytes"], 5);
    assert_eq!(first["response_body_bytes"], 2);
    assert_eq!(first["upstream"], "origin");
    assert_eq!(first["endpoint"], origin.address().to_string());
    assert_eq!(first["attempts"], 1);
    assert_eq!(first["failure"], Value::Null);
    assert_eq!(first["complete"], true);
    assert_eq!(first["attributes"], json!({ "trace": "a" }));
    assert_eq!(first["response_trace"], "answers,a");

    assert_eq!(gateway.get("/stop").await.status(), 403);
    let second: Value = serde_json::from_str(&gateway.lines("lines", 2).await[1]).unwrap();
    assert_eq!(second["status"], 403);
    assert_eq!(second["source"], "plugin");
    assert_eq!(second["upstream"], Value::Null);
    assert_eq!(second["attempts"], 0);
    assert_eq!(second["complete"], true);
}

#[tokio::test]
async fn values_that_are_not_utf_8_cross_the_boundary_unchanged() {
    let origin = origin::responding(
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-bytes: \xfe\xff\r\nx-bytes: two\r\n\r\n",
    )
    .await;
    let gateway = gateway::before(&origin).route("/", [guest::bytes()]).start().await;

    let mut client = gateway.raw().await;
    client.send(b"GET / HTTP/1.1\r\nhost: a\r\nx-bytes: caf\xe9\r\nX-Bytes: \x80\r\n\r\n").await;
    let response = client.response().await;
    assert_eq!(response.values("x-copied"), [b"\xfe\xff".to_vec(), b"two".to_vec()]);
    assert_eq!(origin.last().values("x-copied"), [b"caf\xe9".to_vec(), b"\x80".to_vec()]);
    assert_eq!(origin.last().values("x-bytes"), [b"caf\xe9".to_vec(), b"\x80".to_vec()]);
}

#[tokio::test]
async fn three_header_operations_reach_the_upstream() {
    let origin = origin::replying("ok").await;
    let gateway = gateway::before(&origin).route("/", [guest::headers()]).start().await;

    assert_eq!(gateway.get_with("/", &[("user-agent", "curl")]).await.status(), 200);
    assert_eq!(origin.last().value("x-agent-known").as_deref(), Some("yes"));
    assert_eq!(origin.last().value("x-policy").as_deref(), Some("headers"));
}

#[tokio::test]
async fn a_delayed_request_goes_on_after_its_time() {
    let origin = origin::replying("ok").await;
    let delays = guest::delays().config("{ ms = 150 }");
    let gateway = gateway::before(&origin).route("/", [delays]).start().await;

    let asked = Instant::now();
    assert_eq!(gateway.get("/").await.text(), "ok");
    assert!(asked.elapsed() >= Duration::from_millis(150), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn delayed_requests_hold_no_instance() {
    let origin = origin::replying("ok").await;
    let delays = guest::delays().config("{ ms = 200 }").limits("{ instances = 1, queue = 20 }");
    let gateway =
        gateway::before(&origin).setting("workers = 1").route("/", [delays]).start().await;

    let asked = Instant::now();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let address = gateway.address();
        clients.spawn(async move { client::http1(address).await.get("/").await.status() });
    }
    assert!(clients.join_all().await.iter().all(|status| *status == 200));
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn a_plugin_knows_who_asked_for_what() {
    let origin = origin::replying("ok").await;
    let all = guest::capabilities().grants("counter crypto kv metrics output");
    let gateway = gateway::before(&origin)
        .output("lines")
        .route("/facts", [all])
        .setting("trusted_proxies = [\"127.0.0.1\"]")
        .start()
        .await;

    let headers =
        [("host", "API.example:8080"), ("x-forwarded-for", "203.0.113.9"), ("x-request-id", "r-1")];
    let facts = gateway.get_with("/facts/./exchange?a=b", &headers).await.json();
    assert_eq!(
        facts,
        json!({
            "id": "r-1",
            "route": "facts",
            "address": "203.0.113.9",
            "peer": "127.0.0.1",
            "tls": null,
            "client_certificate": null,
            "method": "GET",
            "scheme": "http",
            "host": "api.example",
            "version": "HTTP/1.1",
            "path": "/facts/exchange",
            "query": "a=b",
        })
    );
    let facts = gateway.http2().await.get("/facts/exchange").await.json();
    assert_eq!(facts["version"], "HTTP/2");
    assert_eq!(facts["host"], "127.0.0.1");
}

#[tokio::test]
async fn capabilities_do_what_their_interfaces_say() {
    let origin = origin::replying("ok").await;
    let all = guest::capabilities().grants("counter crypto kv metrics output");
    let gateway = gateway::before(&origin).output("lines").route("/", [all]).start().await;

    let verdict = |admitted: [bool; 2], remaining: [u32; 2]| {
        json!([
            { "admitted": admitted[0], "remaining": remaining[0] },
            { "admitted": admitted[1], "remaining": remaining[1] },
        ])
    };
    assert_eq!(gateway.get("/counter").await.json(), verdict([true, true], [1, 99]));
    assert_eq!(gateway.get("/counter").await.json(), verdict([true, true], [0, 98]));
    let refused = gateway.get("/counter").await.json();
    assert_eq!(refused, verdict([false, true], [0, 98]), "all claims or none");

    let crypto = gateway.get("/crypto").await.json();
    // RFC 4231 section 4.3, test case 2.
    let mac = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(crypto["hmac"], mac);
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(crypto["digest"], digest);
    assert_eq!(crypto["good"], json!({ "Ok": true }));
    assert_eq!(crypto["bad"], json!({ "Ok": false }));
    assert_eq!(crypto["equal"], true);
    assert_eq!(crypto["most"], 65_536);
    let again = gateway.get("/crypto").await.json();
    assert_ne!(again["random"], crypto["random"]);

    let kv = |before: u32| json!({ "before": before, "written": true, "conflict": "conflict", "deleted": false });
    assert_eq!(gateway.get("/kv").await.json(), kv(0));
    assert_eq!(gateway.get("/kv").await.json(), kv(1), "the value outlives the instance");

    let metrics = gateway.get("/metrics").await.json();
    let expected = ["ok", "ok", "invalid-name", "kind-mismatch", "invalid-value"];
    assert_eq!(metrics, json!(expected));
    let series = r#"tidegate_plugin_guest_calls_total{plugin="capabilities",kind="a"}"#;
    assert!((gateway.metric(series).await - 2.0).abs() < f64::EPSILON);

    let output = gateway.get("/output").await.json();
    assert_eq!(
        output,
        json!({
            "names": ["lines", "stderr", "stdout"],
            "written": "ok",
            "unknown": "unknown",
            "long": "too-large",
        })
    );
    assert_eq!(gateway.lines("lines", 1).await, ["a line of capabilities"]);
}

#[tokio::test]
async fn the_example_that_newcomers_copy_does_what_it_says() {
    let origin = origin::replying("ok").await;
    let hello = guest::hello().config(r#"{ value = "world", block = ["/admin"] }"#);
    let gateway = gateway::before(&origin).route("/", [hello]).start().await;

    assert_eq!(gateway.get("/orders").await.text(), "ok");
    assert_eq!(origin.last().value("x-hello").as_deref(), Some("world"));
    let reply = gateway.get("/admin/users").await;
    assert_eq!((reply.status(), reply.text()), (403, "this path is blocked\n"));
}
