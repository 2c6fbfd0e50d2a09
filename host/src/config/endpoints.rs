//! Where an upstream's endpoints are written: the keys `endpoints` and `endpoints_file`.

use super::check::Check;
use super::document::Document;
use super::table::Table;
use super::tree::Kind;
use super::upstream::endpoints;
use super::value::Value;
use super::{Endpoint, Location};

/// A file of endpoints at most, in bytes; room for ten thousand of them.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The endpoints, and where gateway.toml speaks of them.
pub(super) struct Endpoints<'a> {
    pub(super) all: Option<Vec<Endpoint>>,
    pub(super) at: Option<&'a Location>,
}

/// Takes the one of both keys that is there.
pub(super) fn read<'a>(table: &mut Table<'a>) -> Endpoints<'a> {
    let Some(file) = table.take("endpoints_file") else {
        let place = table.need("endpoints", "[\"http://127.0.0.1:9001\"]");
        let all = place.as_ref().and_then(endpoints);
        return Endpoints { all, at: place.as_ref().map(|value| &value.node.at) };
    };
    let all = match table.take("endpoints") {
        None => of_file(&file),
        Some(_) => file.refuse(file.finding("`endpoints_file` and `endpoints` exclude each other")),
    };
    Endpoints { all, at: Some(&file.node.at) }
}

/// The key `endpoints` of another file. Its findings are shown there.
fn of_file(value: &Value<'_>) -> Option<Vec<Endpoint>> {
    let path = value.check.path(value)?;
    let name = path.display().to_string();
    let read = value.check.read_file(&path, FILE_BYTES_MAX);
    let text = read.and_then(|bytes| {
        String::from_utf8(bytes).map_err(|_error| "it is not in UTF-8".to_owned())
    });
    let text = match text {
        Ok(text) => text,
        Err(why) => {
            return value.refuse(value.finding(format!("the file `{name}` cannot be read: {why}")));
        }
    };
    let document = Document::of_text(&name, &text);
    let check = Check::new(&document, value.check.environment);
    let root = document.roots.first().and_then(|root| match &root.kind {
        Kind::Table(members) => {
            Some(Table::new(&check, "in a file of endpoints".to_owned(), members, &root.at))
        }
        _ => None,
    });
    let all = root.and_then(|mut table| {
        let all = table.need("endpoints", "[\"http://127.0.0.1:9001\"]");
        let all = all.as_ref().and_then(endpoints);
        table.end();
        all
    });
    let (findings, ..) = check.into_findings();
    let is_good = findings.is_empty() && document.findings.is_empty();
    for finding in findings.into_iter().chain(document.findings) {
        value.check.refuse(finding);
    }
    all.filter(|_| is_good)
}
