//! Uses the capability that the last segment of the path names, and answers with what it got.

use std::time::Duration;

use tidegate_plugin::counter::{Claim, Rule, Window};
use tidegate_plugin::crypto::{Hash, Key, SignatureAlgorithm};
use tidegate_plugin::exchange::AlternativeName;
use tidegate_plugin::serde_json::{Value, json};
use tidegate_plugin::{
    Answer, ConfigError, NoConfig, OnRequest, Plugin, RequestAction, clock, counter, crypto,
    exchange, kv, metrics, output, request,
};

struct Capabilities;

impl Plugin for Capabilities {
    type Config = NoConfig;

    const SUMMARY: &'static str = "answers with what a capability gave";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl OnRequest for Capabilities {
    fn on_request(&self) -> RequestAction {
        let path = request::path();
        let got = match path.rsplit('/').next().unwrap_or_default() {
            "clock" => clock(),
            "counter" => counter(),
            "crypto" => crypto(),
            "exchange" => exchange(),
            "kv" => kv(),
            "metrics" => metrics(),
            "output" => output(),
            _ => return RequestAction::Forward,
        };
        Answer::json(200, &got).into()
    }
}

fn clock() -> Value {
    json!({ "unix_ms": clock::unix_ms() })
}

fn counter() -> Value {
    let claim = |key: &str, limit| {
        Claim::new(key, Rule::FixedWindow(Window { limit, window_ms: 31_536_000_000 }), 1)
    };
    match counter::take(&[claim("a", 2), claim("b", 100)]) {
        Ok(verdicts) => verdicts
            .iter()
            .map(|verdict| json!({ "admitted": verdict.admitted, "remaining": verdict.remaining }))
            .collect(),
        Err(error) => json!(error.name()),
    }
}

fn crypto() -> Value {
    let mac = crypto::hmac(Hash::Sha256, b"Jefe", b"what do ya want for nothing?");
    let key = Key::Secret(b"Jefe".to_vec());
    let message = b"what do ya want for nothing?";
    let verify =
        |signature: &[u8]| crypto::verify(SignatureAlgorithm::Hs256, &key, message, signature);
    json!({
        "hmac": hex(&mac),
        "digest": hex(&crypto::digest(Hash::Sha256, b"abc")),
        "good": verify(&mac),
        "bad": verify(b"short"),
        "equal": crypto::equal(b"a", b"a") && !crypto::equal(b"a", b"b"),
        "random": hex(&crypto::random(16)),
        "most": crypto::random(u32::MAX).len(),
    })
}

fn exchange() -> Value {
    let client = exchange::client();
    json!({
        "id": exchange::id(),
        "route": exchange::route(),
        "address": client.address,
        "peer": client.peer_address,
        "tls": exchange::tls().map(|tls| json!([tls.version, tls.server_name, tls.alpn])),
        "client_certificate": exchange::client_certificate().map(|certificate| {
            json!([certificate.fingerprint, certificate.subject, names(certificate.names)])
        }),
        "method": request::method(),
        "scheme": request::scheme(),
        "host": request::host(),
        "version": request::version(),
        "path": request::path(),
        "query": request::query(),
    })
}

fn names(names: Vec<AlternativeName>) -> Vec<String> {
    let shown = names.into_iter().map(|name| match name {
        AlternativeName::Dns(host) => format!("dns {host}"),
        AlternativeName::Uri(uri) => format!("uri {uri}"),
        AlternativeName::Email(mail) => format!("email {mail}"),
        AlternativeName::Address(address) => format!("address {address}"),
    });
    shown.collect()
}

fn kv() -> Value {
    let before = kv::get("visits").map_or(0, |entry| entry.value.len());
    let version = kv::set("visits", vec![b'x'; before + 1], Some(Duration::from_secs(3600)));
    let conflict = kv::compare_and_set("visits", None, b"", None);
    let deleted = kv::delete("no such key");
    json!({
        "before": before,
        "written": version.is_ok(),
        "conflict": conflict.err().map(|error| error.name()),
        "deleted": deleted,
    })
}

fn metrics() -> Value {
    let word = |result: Result<(), metrics::MetricError>| match result {
        Ok(()) => "ok",
        Err(error) => error.name(),
    };
    json!([
        word(metrics::add("guest_calls", &[("kind", "a")], 2.0)),
        word(metrics::observe("guest_seconds", &[], 0.25)),
        word(metrics::add("Bad Name", &[], 1.0)),
        word(metrics::add("guest_seconds", &[], 1.0)),
        word(metrics::add("guest_calls", &[("kind", "a")], -1.0)),
    ])
}

fn output() -> Value {
    let word = |result: Result<(), output::OutputError>| match result {
        Ok(()) => "ok",
        Err(error) => error.name(),
    };
    json!({
        "names": output::names(),
        "written": word(output::write("lines", "a line of capabilities")),
        "unknown": word(output::write("nowhere", "")),
        "long": word(output::write("lines", vec![b'x'; 65 * 1024])),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

tidegate_plugin::export!(Capabilities: OnRequest);
