//! The table `canary` of a plugin.

use http::HeaderName;

use super::check::Check;
use super::tree::Kind;
use super::value::Value;
use super::{Canary, CanaryKey, Plugin, Secret, Selection, Share, Version, pin, plugin};

/// Reads the table beside the plugin that it is another version of.
pub(super) fn read(value: &Value<'_>, stable: &Plugin, check: &Check<'_>) -> Option<Canary> {
    let mut table = value.table()?;
    let component_at = table.take("component");
    let component = component_at
        .as_ref()
        .map_or_else(|| Some(stable.component.clone()), |value| plugin::component(value, check));
    let config_at = table.take("config");
    let mut places = Vec::new();
    let config = config_at.as_ref().map_or_else(
        || Some(stable.config.clone()),
        |value| plugin::object(value, &mut places).map(Secret::new),
    );
    let share = table.need("percent", "5").and_then(|value| percent(&value));
    let by = table.or("by", CanaryKey::Request, key);
    let force_header = table.or("force_header", None, |value| header(value).map(Some));
    let shadow = table.or("shadow", false, Value::boolean);
    let pin = pin::read(&mut table, check, &stable.pin.trusted_keys);
    table.end();
    let (component, config) = (component?, config?);
    let (mut pin, [sha256_at, signature_at]) = pin?;
    if component == stable.component && config.expose() == stable.config.expose() {
        let finding = value.finding("the canary is the same as the plugin");
        return value.refuse(finding.hint("give it another `component` or `config`"));
    }
    // Of another file they say nothing.
    if component == stable.component {
        pin.sha256 = pin.sha256.or_else(|| stable.pin.sha256.clone());
        pin.signature = pin.signature.or_else(|| stable.pin.signature.clone());
    }
    let mut other = Plugin { component, pin, config, version: Version::Canary, ..stable.clone() };
    if let Some(value) = &component_at {
        other.at.component = value.at().clone();
        other.at.sha256 = value.at().clone();
        other.at.signature = value.at().clone();
    }
    if let Some(at) = sha256_at {
        other.at.sha256 = at;
    }
    if let Some(at) = signature_at {
        other.at.signature = at;
    }
    if config_at.is_some() {
        places.sort_by(|(one, _), (other, _)| one.cmp(other));
        other.at.config = places;
    }
    let selection = Selection { share: share?, by: by?, force_header: force_header? };
    Some(Canary { plugin: other, selection, shadow: shadow? })
}

/// A number from 0 to 100 with two decimals at most.
pub(super) fn percent(value: &Value<'_>) -> Option<Share> {
    let number = match &value.node.kind {
        Kind::Integer(Some(number)) => number.to_string(),
        Kind::Float(Some(number)) => number.to_string(),
        _ => return value.wrong("a number from 0 to 100"),
    };
    let (whole, decimals) = number.split_once('.').unwrap_or((&number, "0"));
    let hundredths = (decimals.len() <= 2)
        .then(|| format!("{whole}{decimals:0<2}").parse::<u32>().ok())
        .flatten()
        .map(Share)
        .filter(|share| *share <= Share::ALL);
    hundredths.or_else(|| {
        let message = format!("`{}` must be from 0 to 100, with two decimals at most", value.name);
        value.refuse(value.finding(message))
    })
}

fn key(value: &Value<'_>) -> Option<CanaryKey> {
    if let Kind::Table(_) = value.node.kind {
        let mut table = value.table()?;
        let name = table.need("header", "\"x-user\"");
        table.end();
        return header(&name?).map(CanaryKey::Header);
    }
    value.one_of(&[("request", Key::Request), ("client", Key::Client)]).map(|key| match key {
        Key::Request => CanaryKey::Request,
        Key::Client => CanaryKey::Client,
    })
}

/// The keys that are words.
#[derive(Clone, Copy)]
enum Key {
    Request,
    Client,
}

pub(super) fn header(value: &Value<'_>) -> Option<HeaderName> {
    let text = value.text()?;
    HeaderName::from_bytes(text.value.as_bytes()).ok().or_else(|| {
        let finding = value.finding(format!("{} is not the name of a header", text.quoted()));
        value.refuse(finding)
    })
}
