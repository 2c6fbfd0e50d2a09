//! Does what the path says, with nothing but the crate `wasip2`.

#![allow(
    unsafe_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "as people write it"
)]

use std::io::Write as _;

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingRequest, Method, OutgoingBody, OutgoingRequest, OutgoingResponse,
    ResponseOutparam, Scheme,
};
use wasip2::io::streams::StreamError;

struct Component;

impl Guest for Component {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        match target.split('?').next().unwrap_or_default() {
            "/echo" => echo(&request, out),
            "/facts" => facts(&request, out),
            "/outgoing" => outgoing(&request, out),
            "/silent" => {}
            "/error" => ResponseOutparam::set(out, Err(ErrorCode::ConnectionTimeout)),
            "/never" => loop {
                std::hint::black_box(0);
            },
            "/traps" => panic!("before the answer"),
            "/traps-late" => traps_late(&request, out),
            "/length" => length(out),
            "/short" => short(out),
            "/prints" => {
                println!("printed by a guest");
                eprintln!("and to its standard error");
                text(out, 200, "printed");
            }
            _ => text(out, 404, "nothing here"),
        }
    }
}

fn text(out: ResponseOutparam, status: u16, text: &str) {
    let fields = Fields::new();
    fields.append("content-type", b"text/plain").unwrap();
    let response = OutgoingResponse::new(fields);
    response.set_status_code(status).unwrap();
    let body = response.body().unwrap();
    ResponseOutparam::set(out, Ok(response));
    let mut stream = body.write().unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    drop(stream);
    OutgoingBody::finish(body, None).unwrap();
}

/// Sends each part of the body back when it comes, and the trailers after it.
fn echo(request: &IncomingRequest, out: ResponseOutparam) {
    let fields = Fields::new();
    fields.append("x-echo", b"yes").unwrap();
    fields.append("trailer", b"x-check").unwrap();
    let response = OutgoingResponse::new(fields);
    let answer = response.body().unwrap();
    ResponseOutparam::set(out, Ok(response));

    let body = request.consume().unwrap();
    let (input, output) = (body.stream().unwrap(), answer.write().unwrap());
    loop {
        match input.blocking_read(4096) {
            Ok(bytes) => output.blocking_write_and_flush(&bytes).unwrap(),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => panic!("{}", error.to_debug_string()),
        }
    }
    drop((input, output));
    let trailers = wasip2::http::types::IncomingBody::finish(body);
    trailers.subscribe().block();
    let trailers = match trailers.get() {
        Some(Ok(Ok(trailers))) => trailers,
        Some(_) | None => None,
    };
    OutgoingBody::finish(answer, trailers.map(|trailers| trailers.clone())).unwrap();
}

/// What it knows of the request and of its own surroundings, one a line.
fn facts(request: &IncomingRequest, out: ResponseOutparam) {
    let method = match request.method() {
        Method::Get => "GET".to_owned(),
        Method::Post => "POST".to_owned(),
        Method::Other(other) => other,
        other => format!("{other:?}"),
    };
    let mut headers: Vec<String> = request
        .headers()
        .entries()
        .into_iter()
        .filter(|(name, _)| name.starts_with("x-probe") || name == "host")
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(&value)))
        .collect();
    headers.sort();
    let lines = [
        method,
        format!("{:?}", request.scheme().unwrap()),
        request.authority().unwrap_or_default(),
        request.path_with_query().unwrap_or_default(),
        headers.join(", "),
        format!("{} variables", std::env::vars().count()),
        format!("{} arguments", std::env::args().count()),
    ];
    text(out, 200, &lines.join("\n"));
}

/// Asks the origin that `x-origin` names for `/inner`, and passes on what it says.
fn outgoing(request: &IncomingRequest, out: ResponseOutparam) {
    let origin = request.headers().get("x-origin").pop().unwrap_or_default();
    let inner = OutgoingRequest::new(Fields::new());
    inner.set_scheme(Some(&Scheme::Http)).unwrap();
    inner.set_authority(Some(&String::from_utf8(origin).unwrap())).unwrap();
    inner.set_path_with_query(Some("/inner")).unwrap();
    let future = match outgoing_handler::handle(inner, None) {
        Ok(future) => future,
        Err(code) => return text(out, 502, &format!("{code:?}")),
    };
    future.subscribe().block();
    match future.get().unwrap().unwrap() {
        Ok(response) => {
            let body = response.consume().unwrap();
            let stream = body.stream().unwrap();
            let mut all = Vec::new();
            while let Ok(bytes) = stream.blocking_read(4096) {
                all.extend(bytes);
            }
            text(out, response.status(), &String::from_utf8_lossy(&all));
        }
        Err(code) => text(out, 502, &format!("{code:?}")),
    }
}

/// Traps when the request's body comes, half-way through its answer.
fn traps_late(request: &IncomingRequest, out: ResponseOutparam) {
    let response = OutgoingResponse::new(Fields::new());
    let answer = response.body().unwrap();
    ResponseOutparam::set(out, Ok(response));
    let output = answer.write().unwrap();
    output.blocking_write_and_flush(b"half of").unwrap();
    let body = request.consume().unwrap();
    drop(body.stream().unwrap().blocking_read(1));
    panic!("in the middle of the answer");
}

/// Announces as many bytes as it sends.
fn length(out: ResponseOutparam) {
    let fields = Fields::new();
    fields.append("content-length", b"5").unwrap();
    let response = OutgoingResponse::new(fields);
    let body = response.body().unwrap();
    ResponseOutparam::set(out, Ok(response));
    body.write().unwrap().blocking_write_and_flush(b"12345").unwrap();
    OutgoingBody::finish(body, None).unwrap();
}

/// Announces more bytes than it sends.
fn short(out: ResponseOutparam) {
    let fields = Fields::new();
    fields.append("content-length", b"9").unwrap();
    let response = OutgoingResponse::new(fields);
    let body = response.body().unwrap();
    ResponseOutparam::set(out, Ok(response));
    body.write().unwrap().blocking_write_and_flush(b"12345").unwrap();
    drop(OutgoingBody::finish(body, None));
}

wasip2::http::proxy::export!(Component);
