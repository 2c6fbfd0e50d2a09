//! The end of a route: does what the last segment of the path says.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use tidegate_plugin::body::BodyError;
use tidegate_plugin::serde_json::json;
use tidegate_plugin::{
    Answer, ConfigError, Handled, Handler, Header, NoConfig, OnRequest, Plugin, RequestAction,
    answer_stream, body, exchange, log, request, response,
};

struct Handles;

impl Plugin for Handles {
    type Config = NoConfig;

    const SUMMARY: &'static str = "answers as the path says";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

static CALLS: AtomicU32 = AtomicU32::new(0);

impl OnRequest for Handles {
    fn on_request(&self) -> RequestAction {
        RequestAction::Forward
    }
}

impl Handler for Handles {
    fn handle(&self) -> Handled {
        let path = request::path();
        match path.rsplit('/').next().unwrap_or_default() {
            "echo" => echo(),
            "parts" => parts(),
            "limited" => Answer::new(200).text(read_all(8)).into(),
            "calls" => Answer::new(200).text(count().to_string()).into(),
            "bad-status" => Answer::new(99).into(),
            "bad-header" => Answer::new(200).header("connection", "close").into(),
            "nothing-started" => Handled::Streamed,
            "never" => turn_for_ever(),
            "writes-request" => {
                let refused = request::set_header("x-late", "1").is_err();
                Answer::new(200).text(refused.to_string()).into()
            }
            "reads-response" => Answer::new(response::status()).into(),
            "stream" => stream(),
            "upload" => upload(),
            "flood" => flood(),
            "traps-late" => traps_late(),
            "answers-late" => answers_late(),
            "misuse" => misuse(),
            other => Answer::new(404).text(format!("no {other}")).into(),
        }
    }
}

fn count() -> u32 {
    CALLS.fetch_add(1, Ordering::Relaxed) + 1
}

fn echo() -> Handled {
    let body = read_all(1 << 20);
    let lines = |fields: Vec<Header>| -> Vec<String> {
        let text =
            |field: Header| format!("{}: {}", field.name, String::from_utf8_lossy(&field.value));
        fields.into_iter().map(text).collect()
    };
    let trailers = lines(body::trailers());
    if let Err(error) = exchange::set_attribute("handled", true) {
        log::error(error);
    }
    let seen = json!({
        "method": request::method(),
        "path": request::path(),
        "query": request::query(),
        "x-probe": request::header("x-probe"),
        "prefix": request::header("x-forwarded-prefix"),
        "attribute": exchange::text_attribute("trace"),
        "body": body,
        "trailers": trailers,
    });
    Answer::json(200, &seen).header("x-handled", "yes").into()
}

fn read_all(max_bytes: u64) -> String {
    match body::read_all(max_bytes) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => name(error).to_owned(),
    }
}

const fn name(error: BodyError) -> &'static str {
    match error {
        BodyError::TooLarge => "too-large",
        BodyError::Timeout => "timeout",
        BodyError::Broken => "broken",
    }
}

/// The length of each part, and what ended the body.
fn parts() -> Handled {
    let mut lengths = Vec::new();
    let end = loop {
        match body::read() {
            Ok(Some(part)) => lengths.push(part.len()),
            Ok(None) => break "end",
            Err(error) => break name(error),
        }
    };
    let most = lengths.iter().max().copied().unwrap_or_default();
    let all: usize = lengths.iter().sum();
    Answer::json(200, &json!({ "bytes": all, "most": most, "end": end })).into()
}

fn begin() {
    let content_type =
        Header { name: "content-type".to_owned(), value: b"text/event-stream".to_vec() };
    answer_stream::start(200, &[content_type]).expect("nothing was started");
}

/// Answers each part of the body with an event, as it comes.
fn stream() -> Handled {
    begin();
    let refused = exchange::set_attribute("late", true).is_err();
    if let Err(error) = answer_stream::write(format!("late attribute refused: {refused}\n")) {
        log::info(format!("write: {}", error.name()));
    }
    while let Ok(Some(part)) = body::read() {
        let event = [b"data: ", part.as_slice(), b"\n\n"].concat();
        answer_stream::write(event).expect("the client reads");
    }
    Handled::Streamed
}

/// Counts the bytes of a body of many parts, with a wait before most of them.
fn upload() -> Handled {
    let mut bytes = 0;
    while let Ok(Some(part)) = body::read() {
        bytes += part.len();
    }
    Answer::new(200).text(bytes.to_string()).into()
}

/// Writes for as long as somebody reads.
fn flood() -> Handled {
    begin();
    let part = vec![b'x'; 65_536];
    while answer_stream::write(&part).is_ok() {}
    Handled::Streamed
}

#[expect(clippy::panic, reason = "that is what it is for")]
fn traps_late() -> Handled {
    begin();
    answer_stream::write("half of").expect("the client reads");
    // The client has the first half by then.
    drop(body::read());
    panic!("in the middle of an answer");
}

fn answers_late() -> Handled {
    begin();
    Answer::new(200).into()
}

/// The errors of a stream, as their names.
fn misuse() -> Handled {
    let connection = Header { name: "connection".to_owned(), value: b"close".to_vec() };
    let errors = [
        answer_stream::write("too early"),
        answer_stream::start(600, &[]),
        answer_stream::start(200, &[connection]),
        answer_stream::start(200, &[]),
        answer_stream::start(200, &[]),
    ];
    let names: Vec<_> =
        errors.iter().map(|error| error.map_or_else(|e| e.name(), |()| "ok")).collect();
    answer_stream::write(names.join(" ")).expect("the client reads");
    Handled::Streamed
}

fn turn_for_ever() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

tidegate_plugin::export!(Handles: OnRequest, Handler);
