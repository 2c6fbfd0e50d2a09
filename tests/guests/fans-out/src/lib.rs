//! Sends requests of its own, as the last segment of the path and the fields `x-to`, `x-path` and
//! `x-timeout` say, and answers with what came of them.

use std::cell::RefCell;
use std::time::Duration;

use tidegate_plugin::http_client::{
    Call, ClientError, Destination, Request, origin, upstream, wait_all, wait_any,
};
use tidegate_plugin::serde_json::{Value, json};
use tidegate_plugin::{
    Answer, ConfigError, NoConfig, OnLog, OnRequest, OnResponse, Plugin, RequestAction,
    ResponseAction, Summary, log, request, response,
};

/// More than any test sends.
const BODY_BYTES_MAX: u32 = 1 << 20;

thread_local! {
    /// What was left open.
    static LEFT: RefCell<Option<Call>> = const { RefCell::new(None) };
}

struct FansOut;

impl Plugin for FansOut {
    type Config = NoConfig;

    const SUMMARY: &'static str = "answers with what other requests brought";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl OnRequest for FansOut {
    fn on_request(&self) -> RequestAction {
        let path = request::path();
        let got = match path.rsplit('/').next().unwrap_or_default() {
            "send" => send(),
            "both" => both(),
            "first" => first(),
            "many" => many(),
            "stream" => stream(),
            "leave" => leave(),
            "left" => left(),
            "hold" => loop {
                // It does not take no for an answer.
                drop(ask().send(BODY_BYTES_MAX));
            },
            "none" => Ok(json!(wait_any(&[]))),
            _ => return RequestAction::Forward,
        };
        let got = got.unwrap_or_else(|error| json!({ "error": name(&error) }));
        Answer::json(200, &got).into()
    }
}

impl OnResponse for FansOut {
    fn on_response(&self) -> ResponseAction {
        if request::header("x-to").is_some() && request::path().ends_with("/response") {
            let said = match ask().send(BODY_BYTES_MAX) {
                Ok(whole) => String::from_utf8_lossy(&whole.body).into_owned(),
                Err(error) => name(&error),
            };
            if let Err(error) = response::set_header("x-said", said) {
                log::error(error.name());
            }
        }
        ResponseAction::Forward
    }
}

impl OnLog for FansOut {
    fn on_complete(&self, summary: &Summary) {
        if request::path().ends_with("/log") {
            let report = Request::post(to(), "/report").body(summary.status.to_string());
            if let Err(error) = report.send(BODY_BYTES_MAX) {
                log::error(error.to_string());
            }
        }
    }
}

fn field(name: &str) -> Option<String> {
    request::header(name)
}

/// `x-to` is an origin or the name of an upstream.
fn to() -> Destination {
    let to = field("x-to").unwrap_or_default();
    if to.contains("://") { origin(to) } else { upstream(to) }
}

fn ask() -> Request {
    let method = field("x-method").unwrap_or_else(|| "GET".to_owned());
    let path = field("x-path").unwrap_or_else(|| "/asked?by=guest".to_owned());
    let mut asking = Request::new(method, to(), path).header("x-from", "fans-out");
    if let Some(line) = field("x-add") {
        asking = asking.header(line, "1");
    }
    if let Some(ms) = field("x-timeout").and_then(|ms| ms.parse().ok()) {
        asking = asking.timeout(Duration::from_millis(ms));
    }
    asking
}

fn send() -> Result<Value, ClientError> {
    let most = field("x-most").and_then(|most| most.parse().ok()).unwrap_or(BODY_BYTES_MAX);
    let whole = ask().send(most)?;
    let names: Vec<&str> = whole.headers.iter().map(|line| line.name.as_str()).collect();
    Ok(json!({
        "status": whole.status,
        "headers": names,
        "body": String::from_utf8_lossy(&whole.body),
    }))
}

fn both() -> Result<Value, ClientError> {
    let (one, two) = (ask().start()?, ask().start()?);
    wait_all(&[&one, &two]);
    Ok(json!([one.response()?.status, two.response()?.status]))
}

/// The first of three calls is to nobody who answers.
fn first() -> Result<Value, ClientError> {
    let slow = Request::get(to(), "/slow").start()?;
    let one = Request::get(to(), "/one").start()?;
    let two = Request::get(to(), "/two").start()?;
    let index = wait_any(&[&slow, &two, &one]);
    Ok(json!({ "index": index, "again": wait_any(&[&slow, &two, &one]) }))
}

/// Starts as many as it may.
fn many() -> Result<Value, ClientError> {
    let mut calls = Vec::new();
    let error = loop {
        match ask().start() {
            Ok(call) => calls.push(call),
            Err(error) => break error,
        }
    };
    Ok(json!({ "started": calls.len(), "then": name(&error) }))
}

/// Sends three parts and reads what comes, part by part.
fn stream() -> Result<Value, ClientError> {
    let call = ask().streamed().start()?;
    for part in ["one ", "two ", "three"] {
        call.write(part)?;
    }
    call.end()?;
    let late = call.write("four").err().map(|error| name(&error));
    let status = call.response()?.status;
    let mut parts = Vec::new();
    while let Some(part) = call.read()? {
        parts.push(String::from_utf8_lossy(&part).into_owned());
    }
    let trailers: Vec<_> = call.trailers().into_iter().map(|line| line.name).collect();
    Ok(json!({ "status": status, "body": parts.concat(), "trailers": trailers, "late": late }))
}

/// Keeps a call that is under way.
fn leave() -> Result<Value, ClientError> {
    let call = ask().start()?;
    LEFT.set(Some(call));
    Ok(json!("left"))
}

/// Asks for the response of the call that was kept.
fn left() -> Result<Value, ClientError> {
    let call = LEFT.take().ok_or(ClientError::UnknownUpstream)?;
    Ok(json!(call.response()?.status))
}

/// In the contract's words.
fn name(error: &ClientError) -> String {
    match error {
        ClientError::Denied(why) => format!("denied: {why}"),
        ClientError::Invalid(why) => format!("invalid: {why}"),
        ClientError::UnknownUpstream => "unknown-upstream".to_owned(),
        ClientError::TooMany => "too-many".to_owned(),
        ClientError::Timeout => "timeout".to_owned(),
        ClientError::Connection(why) => format!("connection: {why}"),
        ClientError::Tls(why) => format!("tls: {why}"),
        ClientError::Protocol(why) => format!("protocol: {why}"),
        ClientError::TooLarge => "too-large".to_owned(),
    }
}

tidegate_plugin::export!(FansOut: OnRequest, OnResponse, OnLog);
