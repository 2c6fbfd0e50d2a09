//! Keeps a response under the path: PUT keeps `x-value` (or `x-size` bytes) with `x-tag` until
//! `x-fresh` and `x-stale` milliseconds from now, GET looks it up, PATCH refreshes it, DELETE removes
//! it, or all with `x-tag`.

use tidegate_plugin::cache::Entry;
use tidegate_plugin::serde_json::{Value, json};
use tidegate_plugin::{
    Answer, ConfigError, Header, NoConfig, OnRequest, Plugin, RequestAction, cache, clock, request,
};

struct Remembers;

impl Plugin for Remembers {
    type Config = NoConfig;

    const SUMMARY: &'static str = "keeps responses";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl OnRequest for Remembers {
    fn on_request(&self) -> RequestAction {
        let key = request::path();
        let tag = request::header("x-tag");
        let said = match request::method().as_str() {
            "PUT" => match cache::put(&key, &entry(tag)) {
                Ok(()) => json!("kept"),
                Err(error) => json!(error.name()),
            },
            "PATCH" => {
                json!(cache::refresh(&key, &[validator()], after("x-fresh"), after("x-stale")))
            }
            "DELETE" => match tag {
                Some(tag) => json!(cache::delete_tag(&tag)),
                None => json!(cache::delete(&key)),
            },
            _ => cache::get(&key).map_or(Value::Null, |entry| shown(&entry)),
        };
        Answer::json(200, &said).into()
    }
}

fn entry(tag: Option<String>) -> Entry {
    let size = number("x-size").and_then(|size| usize::try_from(size).ok());
    let body = match size {
        Some(size) => vec![b'x'; size],
        None => request::header("x-value").unwrap_or_default().into_bytes(),
    };
    Entry {
        status: 203,
        headers: vec![validator(), Header { name: "x-kept".to_owned(), value: b"1".to_vec() }],
        body,
        stored_at_ms: clock::unix_ms(),
        fresh_until_ms: after("x-fresh"),
        stale_until_ms: after("x-stale"),
        tags: tag.into_iter().collect(),
    }
}

fn validator() -> Header {
    let value = request::header("x-etag").unwrap_or_default().into_bytes();
    Header { name: "etag".to_owned(), value }
}

fn shown(entry: &Entry) -> Value {
    let headers = entry.headers.iter();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    json!({
        "status": entry.status,
        "headers": headers.map(|line| (line.name.clone(), text(&line.value))).collect::<Vec<_>>(),
        "body": if entry.body.len() < 100 { text(&entry.body) } else { "long".to_owned() },
        "fresh": clock::unix_ms() < entry.fresh_until_ms,
        "tags": entry.tags,
    })
}

fn number(header: &str) -> Option<u64> {
    request::header(header)?.parse().ok()
}

/// So many milliseconds from now; an hour if the header is not there.
fn after(header: &str) -> u64 {
    clock::unix_ms() + number(header).unwrap_or(3_600_000)
}

tidegate_plugin::export!(Remembers: OnRequest);
