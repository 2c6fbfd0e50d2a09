//! What plugins may rely on in their own tests.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{
    Edit, Exchange, configure, reset, run_handler, run_log, run_request, run_response, schema,
    summary,
};
use crate::answer::HeaderError;
use crate::answer_stream::StreamError;
use crate::body::BodyError;
use crate::exchange::{AlternativeName, Attribute, Certificate, Tls};
use crate::{
    Answer, ConfigError, Handled, Handler, Header, NoConfig, OnLog, OnRequest, OnResponse, Plugin,
    RequestAction, ResponseAction, Source, Summary, answer_stream, body, exchange, kv, log, output,
    request, response,
};

/// A plugin whose phases do what the test says.
struct Act<F>(F);

impl<F: 'static> Plugin for Act<F> {
    type Config = NoConfig;

    const SUMMARY: &'static str = "does what the test says";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Err(ConfigError::whole("made by the test"))
    }
}

impl<F: Fn() -> RequestAction + 'static> OnRequest for Act<F> {
    fn on_request(&self) -> RequestAction {
        self.0()
    }
}

impl<F: Fn() -> ResponseAction + 'static> OnResponse for Act<F> {
    fn on_response(&self) -> ResponseAction {
        self.0()
    }
}

impl<F: Fn(&Summary) + 'static> OnLog for Act<F> {
    fn on_complete(&self, summary: &Summary) {
        self.0(summary);
    }
}

impl<F: Fn() -> Handled + 'static> Handler for Act<F> {
    fn handle(&self) -> Handled {
        self.0()
    }
}

/// The text of the panic in a request phase that does this.
fn panic_of<R>(act: impl Fn() -> R + 'static) -> String {
    let plugin = Act(move || {
        act();
        RequestAction::Forward
    });
    let result = catch_unwind(AssertUnwindSafe(|| run_request(&plugin, Exchange::get("/"))));
    *result.unwrap_err().downcast::<String>().unwrap()
}

#[test]
fn a_phase_sees_the_request_that_the_test_describes() {
    let plugin = Act(|| {
        let target = (request::method(), request::path(), request::query());
        assert_eq!(target, ("PUT".into(), "/users".into(), Some("x=1?".into())));
        let asked = (request::scheme(), request::host(), request::version());
        assert_eq!(asked, ("https".into(), "example.test".into(), "HTTP/2".into()));
        assert_eq!(request::header("Cookie").as_deref(), Some("a=1"));
        assert_eq!(request::header_values("cookie"), [b"a=1", b"b=2"]);
        assert_eq!(request::header("absent"), None);
        assert_eq!(request::header("binary"), None);
        assert_eq!(request::header_values("binary"), [[0xff]]);
        RequestAction::Forward
    });
    let exchange = Exchange::new("PUT", "/users?x=1?")
        .scheme("https")
        .host("example.test")
        .version("HTTP/2")
        .header("cookie", "a=1")
        .header("Cookie", "b=2")
        .header("binary", [0xff]);
    assert_eq!(run_request(&plugin, exchange).action, RequestAction::Forward);
}

#[test]
fn a_phase_sees_the_facts_that_the_test_describes() {
    let tls = Tls {
        version: "TLSv1.3".to_owned(),
        cipher_suite: "TLS13_AES_256_GCM_SHA384".to_owned(),
        server_name: None,
        alpn: Some("h2".to_owned()),
    };
    let expected = tls.clone();
    let certificate = Certificate {
        subject: "CN=ann".to_owned(),
        names: vec![AlternativeName::Uri("spiffe://example/ann".to_owned())],
        fingerprint: "00".repeat(32),
        serial: "01".to_owned(),
    };
    let shown = certificate.clone();
    let plugin = Act(move || {
        assert_eq!((exchange::id(), exchange::route()), ("request-7".into(), "users".into()));
        let client = exchange::client();
        assert_eq!(
            (client.address.as_str(), client.peer_address.as_str()),
            ("10.0.0.1", "10.9.9.9")
        );
        assert_eq!(exchange::tls().as_ref(), Some(&expected));
        assert_eq!(exchange::client_certificate().as_ref(), Some(&shown));
        assert_eq!(request::scheme(), "https");
        assert_eq!(exchange::text_attribute("consumer").as_deref(), Some("ann"));
        assert_eq!(exchange::attribute("tier"), Some(Attribute::Integer(2)));
        assert_eq!(exchange::text_attribute("tier"), None);
        RequestAction::Forward
    });
    let exchange = Exchange::get("/")
        .tls(tls)
        .client_certificate(certificate)
        .id("request-7")
        .route("users")
        .client("10.0.0.1")
        .peer("10.9.9.9")
        .attribute("consumer", "ann")
        .attribute("tier", 2);
    assert_eq!(run_request(&plugin, exchange).action, RequestAction::Forward);
}

#[test]
fn what_a_request_phase_changes_is_in_the_outcome() {
    let plugin = Act(|| {
        request::set_header("X-A", "1").unwrap();
        request::append_header("x-a", "2").unwrap();
        request::remove_header("x-old").unwrap();
        request::default_header("X-B", "8").unwrap();
        request::default_header("x-c", "8").unwrap();
        request::set_path("/v2/a%20b").unwrap();
        request::set_query(None).unwrap();
        exchange::set_attribute("consumer", "ann").unwrap();
        log::info("changed");
        RequestAction::Delay(5)
    });
    let exchange = Exchange::get("/a?b").header("x-a", "0").header("x-old", "").header("x-b", "9");
    let outcome = run_request(&plugin, exchange);
    assert_eq!(outcome.action, RequestAction::Delay(5));
    assert_eq!(outcome.path(), "/v2/a%20b");
    assert_eq!(outcome.query(), None);
    assert_eq!(outcome.request_header_values("x-a"), [b"1", b"2"]);
    assert_eq!(outcome.request_header("x-old"), None);
    assert_eq!(outcome.request_header_values("x-b"), [b"9"]);
    assert_eq!(outcome.request_header_values("x-c"), [b"8"]);
    assert_eq!(outcome.request_headers().len(), 4);
    assert_eq!(outcome.text_attribute("consumer"), Some("ann"));
    assert_eq!(outcome.logged(log::Level::Info), ["changed"]);
}

#[test]
fn headers_that_the_gateway_would_refuse_are_refused() {
    let plugin = Act(|| {
        use request::set_header;
        assert_eq!(set_header("a b", ""), Err(HeaderError::InvalidName));
        assert_eq!(set_header("", ""), Err(HeaderError::InvalidName));
        assert_eq!(set_header("a", "x\r\ny: z"), Err(HeaderError::InvalidValue));
        assert_eq!(set_header("a", "tab\there"), Ok(()));
        assert_eq!(set_header("Host", "other"), Err(HeaderError::Forbidden));
        assert_eq!(request::remove_header("connection"), Err(HeaderError::Forbidden));
        assert_eq!(response::append_header("content-length", "1"), Err(HeaderError::Forbidden));
        assert_eq!(set_header("a", "x".repeat(40_000)), Err(HeaderError::TooLarge));
        RequestAction::Forward
    });
    let outcome = run_request(&plugin, Exchange::get("/"));
    assert_eq!(outcome.request_header("a").as_deref(), Some("tab\there"));
    assert!(outcome.edits().is_empty());
}

#[test]
fn paths_and_queries_have_to_be_encoded() {
    let plugin = Act(|| {
        assert!(request::set_path("users").is_err());
        assert!(request::set_path("/a b").is_err());
        assert!(request::set_path("/a?b").is_err());
        assert!(request::set_path("/100%").is_err());
        assert!(request::set_query(Some("a#b")).is_err());
        assert_eq!(request::set_query(Some("a=/?")), Ok(()));
        RequestAction::Forward
    });
    assert_eq!(run_request(&plugin, Exchange::get("/")).path(), "/");
}

#[test]
fn a_request_phase_changes_the_response_that_is_to_come() {
    let plugin = Act(|| {
        response::set_header("server", "hidden").unwrap();
        response::append_header("vary", "origin").unwrap();
        response::remove_header("x-debug").unwrap();
        response::default_header("server", "unknown").unwrap();
        response::default_header("x-frame-options", "DENY").unwrap();
        RequestAction::Forward
    });
    let exchange = Exchange::get("/")
        .response_header("server", "nginx")
        .response_header("vary", "accept")
        .response_header("x-debug", "1");
    let outcome = run_request(&plugin, exchange);
    let server = Header { name: "server".to_owned(), value: b"hidden".to_vec() };
    assert_eq!(outcome.edits().first(), Some(&Edit::Set(server)));
    assert_eq!(outcome.response_header("server").as_deref(), Some("hidden"));
    assert_eq!(outcome.response_header_values("vary"), [b"accept".as_slice(), b"origin"]);
    assert_eq!(outcome.response_header("x-frame-options").as_deref(), Some("DENY"));

    let later = Act(|| {
        assert_eq!(response::header("server").as_deref(), Some("hidden"));
        assert_eq!(response::header("x-debug"), None);
        ResponseAction::Forward
    });
    let after = run_response(&later, outcome.exchange);
    assert!(after.edits().is_empty());
    assert_eq!(after.response_header_values("vary").len(), 2);
}

#[test]
fn a_response_phase_changes_the_response_at_once() {
    let plugin = Act(|| {
        assert_eq!((response::status(), response::source()), (502, Source::Gateway));
        assert!(response::set_status(204).is_err());
        assert!(response::set_status(199).is_err());
        response::set_status(503).unwrap();
        response::set_header("retry-after", "1").unwrap();
        Answer::new(503).text("later\n").into()
    });
    let outcome = run_response(&plugin, Exchange::get("/").status(502).source(Source::Gateway));
    assert_eq!(outcome.status(), 503);
    assert_eq!(outcome.response_header("retry-after").as_deref(), Some("1"));
    assert_eq!(outcome.answer().unwrap().body_text(), "later\n");
}

#[test]
fn the_log_phase_is_told_what_came_of_the_exchange() {
    let plugin = Act(|told: &Summary| {
        assert_eq!((told.status, told.source), (404, Source::Plugin));
        assert_eq!(response::status(), 404);
        assert_eq!(request::path(), "/gone");
        log::warn(format!("{} µs", told.duration_us));
    });
    let exchange = Exchange::get("/gone").status(404).source(Source::Plugin);
    assert_eq!(run_log(&plugin, exchange.clone()).logged(log::Level::Warn), ["5000 µs"]);
    let told = Summary { status: 404, source: Source::Plugin, duration_us: 7, ..summary() };
    let outcome = run_log(&plugin, exchange.summary(told));
    assert_eq!(outcome.logged(log::Level::Warn), ["7 µs"]);
}

#[test]
fn a_function_outside_its_phases_panics_as_the_host_traps() {
    let text = panic_of(response::status);
    assert_eq!(text, "`response.status` does not work in the request phase");
    let text = panic_of(|| response::set_status(500));
    assert_eq!(text, "`response.set-status` does not work in the request phase");
    let outside = catch_unwind(request::path).unwrap_err();
    let text = "`request.path` does not work outside an exchange";
    assert_eq!(outside.downcast_ref::<String>().map(String::as_str), Some(text));
}

#[test]
fn a_panic_in_a_phase_does_not_harm_the_next_exchange() {
    assert_eq!(panic_of(|| panic!("{}", "broken")), "broken");
    let plugin = Act(|| RequestAction::Forward);
    assert_eq!(run_request(&plugin, Exchange::get("/")).messages, []);
}

/// Does in `configure` what only a phase may.
struct Eager;

impl Plugin for Eager {
    type Config = Which;

    const SUMMARY: &'static str = "cannot wait";

    fn configure(which: Which) -> Result<Self, ConfigError> {
        log::info(output::names().join(","));
        match which.read {
            Read::Path => drop(request::path()),
            Read::Value => drop(kv::get("a")),
            Read::Nothing => {}
        }
        Ok(Self)
    }
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// What to read.
    read: Read,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Read {
    Path,
    Value,
    Nothing,
}

#[test]
fn configure_may_use_little_of_the_host() {
    reset();
    let panic = |json: &'static str| {
        let result = catch_unwind(|| configure::<Eager>(json).is_ok());
        *result.unwrap_err().downcast::<String>().unwrap()
    };
    assert_eq!(panic(r#"{"read": "path"}"#), "`request.path` does not work in `configure`");
    assert_eq!(panic(r#"{"read": "value"}"#), "`kv.get` does not work in `configure`");
    reset();
    assert!(configure::<Eager>(serde_json::json!({"read": "nothing"})).is_ok());
    assert_eq!(super::log::take()[0].text, "stderr,stdout");
}

#[test]
fn a_schema_describes_the_configuration() {
    let schema = schema::<Eager>();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["properties"]["read"]["description"], "What to read.");
    assert_eq!(schema["required"], serde_json::json!(["read"]));
}

#[test]
fn attributes_are_bounded() {
    let plugin = Act(|| {
        assert!(exchange::set_attribute("big", "x".repeat(64 * 1024)).is_err());
        for n in 0..128 {
            exchange::set_attribute(&format!("a{n}"), n).unwrap();
        }
        assert!(exchange::set_attribute("one-more", true).is_err());
        exchange::set_attribute("a0", 0.5).unwrap();
        assert_eq!(exchange::attributes()[0], ("a0".to_owned(), Attribute::Decimal(0.5)));
        RequestAction::Forward
    });
    assert_eq!(run_request(&plugin, Exchange::get("/")).attributes().len(), 128);
}

#[test]
fn messages_are_cut_and_counted_as_the_gateway_does() {
    let plugin = Act(|| {
        (0..70).for_each(|_| log::debug("ä".repeat(4000)));
        RequestAction::Forward
    });
    let outcome = run_request(&plugin, Exchange::get("/"));
    assert_eq!(outcome.messages.len(), 64);
    assert_eq!(outcome.messages[0].text.len(), 4096);
}

#[test]
fn a_handler_reads_the_body_and_answers() {
    let plugin = Act(|| {
        assert_eq!(body::trailers(), []);
        assert_eq!(body::read(), Ok(Some(b"one".to_vec())));
        assert_eq!(body::read_all(6), Ok(b"twoend".to_vec()));
        assert_eq!(body::read(), Ok(None));
        let names: Vec<String> = body::trailers().into_iter().map(|line| line.name).collect();
        Answer::new(200).text(names.join(",")).into()
    });
    let exchange = Exchange::post("/").body_part("one").body_part("two").body_part("end");
    let outcome = run_handler(&plugin, exchange.trailer("X-Sum", "9"));
    assert_eq!(outcome.answer().map(Answer::body_text), Some("x-sum".to_owned()));
    assert_eq!(outcome.streamed(), None);
}

#[test]
fn a_body_that_is_too_long_or_breaks_off_stays_so() {
    let plugin = Act(|| {
        assert_eq!(body::read_all(2), Err(BodyError::TooLarge));
        assert_eq!(body::read(), Err(BodyError::TooLarge));
        Answer::new(413).into()
    });
    let _outcome = run_handler(&plugin, Exchange::post("/").body_part("abc"));
    let plugin = Act(|| {
        assert_eq!(body::read_all(9), Err(BodyError::Timeout));
        Answer::new(408).into()
    });
    let exchange = Exchange::post("/").body_part("abc").broken_body(BodyError::Timeout);
    let _outcome = run_handler(&plugin, exchange);
}

#[test]
fn a_streamed_answer_keeps_the_order_of_its_calls() {
    let plugin = Act(|| {
        assert_eq!(answer_stream::write("early"), Err(StreamError::NotStarted));
        assert_eq!(answer_stream::start(99, &[]), Err(StreamError::InvalidStatus));
        assert_eq!(exchange::set_attribute("before", true), Ok(()));
        answer_stream::start(200, &[]).unwrap();
        assert_eq!(answer_stream::start(200, &[]), Err(StreamError::Started));
        assert!(exchange::set_attribute("after", true).is_err());
        answer_stream::write("one ").unwrap();
        answer_stream::write("two").unwrap();
        Handled::Streamed
    });
    let outcome = run_handler(&plugin, Exchange::get("/"));
    let streamed = outcome.streamed().unwrap();
    assert_eq!((streamed.status, streamed.text()), (200, "one two".to_owned()));
    assert_eq!(outcome.answer(), None);
}
