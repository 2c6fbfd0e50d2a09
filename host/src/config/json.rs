//! A plugin's `config` table as JSON, and where each value of it is.

use serde_json::{Map, Number, Value as Json};

use super::Location;
use super::tree::Kind;
use super::value::Value;

/// Converts the value and all below it; `places` gets each by its JSON Pointer (RFC 6901).
///
/// Date-times become strings as in RFC 3339.
pub(super) fn convert(
    value: &Value<'_>,
    pointer: &str,
    places: &mut Vec<(String, Location)>,
) -> Option<Json> {
    places.push((pointer.to_owned(), value.at().clone()));
    match &value.node.kind {
        Kind::Text(_) => Some(Json::String(value.text()?.value.into_owned())),
        Kind::Integer(Some(number)) => Some(Json::from(*number)),
        Kind::Integer(None) => value.refuse(value.finding("the integer has more than 64 bits")),
        Kind::Float(number) => match number.and_then(Number::from_f64) {
            Some(number) => Some(Json::Number(number)),
            None => {
                let finding = value.finding("JSON has no infinite numbers and no NaN");
                value.refuse(finding.label("a plugin is given its `config` as JSON"))
            }
        },
        Kind::Boolean(value) => Some(Json::Bool(*value)),
        Kind::Datetime(text) => Some(Json::String(text.clone())),
        Kind::Array(_) => array(value, pointer, places),
        Kind::Table(_) => object(value, pointer, places),
    }
}

fn array(value: &Value<'_>, pointer: &str, places: &mut Vec<(String, Location)>) -> Option<Json> {
    let mut all = Some(Vec::new());
    for (index, item) in value.items()?.iter().enumerate() {
        let item = convert(item, &format!("{pointer}/{index}"), places);
        all = all.zip(item).map(|(mut all, item)| {
            all.push(item);
            all
        });
    }
    all.map(Json::Array)
}

fn object(value: &Value<'_>, pointer: &str, places: &mut Vec<(String, Location)>) -> Option<Json> {
    let mut all = Some(Map::new());
    for entry in value.entries()? {
        let key = entry.key.replace('~', "~0").replace('/', "~1");
        let member = convert(&entry.value, &format!("{pointer}/{key}"), places);
        all = all.zip(member).map(|(mut all, member)| {
            all.insert(entry.key.to_owned(), member);
            all
        });
    }
    all.map(Json::Object)
}
