//! The key `grants` of a plugin: names of capabilities, or a table with their scopes.

use super::names::{self, Names};
use super::tree::Kind;
use super::value::{Value, each, quoted};
use super::{ConsumersScope, Finding, Grants, HttpClientScope, HttpOrigin, KvScope, Scope};
use super::{Location, TrustedKey, suggest};

/// Capabilities that need a grant, sorted.
pub(super) const GRANTS: [&str; 9] =
    ["cache", "consumers", "counter", "crypto", "http-client", "kv", "metrics", "output", "secret"];

/// Capabilities that every plugin has.
const UNGRANTED: [&str; 2] = ["clock", "log"];

/// In bytes; a kind is a word such as `key` or `basic`.
const KIND_BYTES_MAX: usize = 64;

/// What plugins may name, and what holds for all of them.
pub(super) struct Known<'a> {
    pub(super) trusted_keys: &'a [TrustedKey],
    pub(super) upstreams: &'a Names<'a>,
    pub(super) secrets: &'a Names<'a>,
}

/// An example of the line that grants a capability which has to have a scope.
pub fn scope_example(capability: &str) -> Option<&'static str> {
    match capability {
        "http-client" => Some("http-client = { hosts = [\"https://api.example.com\"] }"),
        "secret" => Some("secret = [\"name-of-a-secret\"]"),
        _ => None,
    }
}

pub(super) fn read(value: &Value<'_>, plugin: &str, known: &Known<'_>) -> Option<Grants> {
    match value.node.kind {
        Kind::Array(_) => listed(value, plugin),
        Kind::Table(_) => scoped(value, plugin, known),
        _ => value.wrong("an array of capabilities or a table with their scopes"),
    }
}

/// Names alone.
fn listed(value: &Value<'_>, plugin: &str) -> Option<Grants> {
    let mut granted: Vec<&'static str> = Vec::new();
    each(&value.items()?, |item| {
        let text = item.text()?;
        let Some(capability) = capability(&text.value) else {
            return item.refuse(unknown(item, item.at(), &text.value, &text.quoted()));
        };
        if let Some(example) = scope_example(capability) {
            return item.refuse(
                item.finding(format!("`{capability}` is granted by its scope, not by its name"))
                    .hint(format!(
                        "make a table `[plugins.{plugin}.grants]` of it, with `{example}`"
                    )),
            );
        }
        if granted.contains(&capability) {
            return item.refuse(item.finding(format!("{} is granted twice", text.quoted())));
        }
        granted.push(capability);
        Some(())
    })?;
    Some(granted.into_iter().map(|capability| (capability, Scope::Whole)).collect())
}

/// A table of scopes; `false` is as if the line were not there.
fn scoped(value: &Value<'_>, plugin: &str, known: &Known<'_>) -> Option<Grants> {
    let scopes = each(&value.entries()?, |entry| {
        let Some(capability) = capability(entry.key) else {
            let finding = unknown(value, entry.key_at, entry.key, &quoted(entry.key));
            return value.refuse(finding);
        };
        if let Kind::Boolean(false) = entry.value.node.kind {
            return Some(None);
        }
        scope(capability, &entry.value, plugin, known).map(|scope| Some((capability, scope)))
    })?;
    Some(scopes.into_iter().flatten().collect())
}

fn capability(name: &str) -> Option<&'static str> {
    GRANTS.into_iter().find(|known| *known == name)
}

fn unknown(value: &Value<'_>, at: &Location, name: &str, quoted: &str) -> Finding {
    let hint = if UNGRANTED.contains(&name) {
        Some("every plugin has it; leave it out".to_owned())
    } else {
        suggest::hint(name, GRANTS, "there are")
    };
    value.check.sources.finding(at, format!("there is no grant {quoted}")).maybe_hint(hint)
}

/// What is granted by a value other than `false`.
fn scope(capability: &str, value: &Value<'_>, plugin: &str, known: &Known<'_>) -> Option<Scope> {
    let example = scope_example(capability);
    match (&value.node.kind, capability) {
        (Kind::Boolean(true), _) if example.is_none() => Some(Scope::Whole),
        (Kind::Table(_), "consumers") => consumers(value).map(Scope::Consumers),
        (Kind::Table(_), "http-client") => http_client(value, plugin, known).map(Scope::HttpClient),
        (Kind::Table(_), "kv") => kv(value).map(Scope::Kv),
        (Kind::Array(_), "secret") => secrets(value, plugin, known).map(Scope::Secret),
        (_, "consumers" | "kv") => value.wrong("`true`, `false` or a table"),
        (_, _) => {
            let expected = match capability {
                "http-client" => "a table with `upstreams` or `hosts`",
                "secret" => "an array of names of secrets",
                _ => "`true` or `false`",
            };
            let hint = example.map(|example| format!("write `{example}`"));
            value.refuse(value.wrong_type(expected).maybe_hint(hint))
        }
    }
}

fn consumers(value: &Value<'_>) -> Option<ConsumersScope> {
    let mut table = value.table()?;
    let kinds = table
        .need("kinds", "[\"key\"]")
        .and_then(|value| each(&value.some_items()?, kind))
        .map(sorted);
    table.end();
    Some(ConsumersScope { kinds: kinds? })
}

/// The kind of a credential: `[a-z][a-z0-9-]*`.
pub(super) fn kind(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let first = text.value.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if first && text.value.len() <= KIND_BYTES_MAX && text.value.bytes().all(rest) {
        return Some(text.value.into_owned());
    }
    let finding = value.finding(format!("{} cannot be a kind of credentials", text.quoted()));
    value.refuse(finding.hint(format!(
        "a kind is a word such as `key` or `basic`: at most {KIND_BYTES_MAX} of `a-z`, `0-9` and \
         `-`, beginning with a letter"
    )))
}

fn http_client(value: &Value<'_>, plugin: &str, known: &Known<'_>) -> Option<HttpClientScope> {
    let mut table = value.table()?;
    let upstreams = table.or("upstreams", Vec::new(), |value| {
        each(&value.items()?, |item| {
            let sentence = format!("plugin `{plugin}` may send requests to");
            known.upstreams.find(item, &sentence)?;
            item.text().map(|text| text.value.into_owned())
        })
    });
    let hosts = table.or("hosts", Vec::new(), |value| each(&value.items()?, http_origin));
    table.end();
    let scope = HttpClientScope { upstreams: upstreams?, hosts: hosts? };
    if scope.upstreams.is_empty() && scope.hosts.is_empty() {
        let finding = value.finding("`http-client` is granted without upstreams and hosts");
        let hint = "name what it may send requests to, or leave the grant out";
        return value.refuse(finding.label("a grant of nothing").hint(hint));
    }
    Some(scope)
}

/// The findings do not quote the URL: it may hold a password that should not be there.
fn http_origin(value: &Value<'_>) -> Option<HttpOrigin> {
    let text = value.text()?;
    let refuse = |message: String| {
        value.refuse(value.finding(message).hint(
            "a host is written with its scheme, such as `https://api.example.com`, \
             `https://*.example.com` or `http://127.0.0.1:9000`, and without a path",
        ))
    };
    HttpOrigin::parse_granted(&text.value).map_or_else(refuse, Some)
}

fn kv(value: &Value<'_>) -> Option<KvScope> {
    let mut table = value.table()?;
    let space = table.or("space", None, |value| names::read(value, "a space").map(Some));
    let prefixes = table.or("prefixes", Vec::new(), |value| {
        each(&value.some_items()?, |item| {
            let text = item.text()?;
            if text.value.is_empty() {
                let finding = item.finding("an empty prefix allows every key");
                return item.refuse(finding.hint("leave out `prefixes` if that is meant"));
            }
            Some(text.value.into_owned())
        })
    });
    table.end();
    Some(KvScope { space: space?, prefixes: sorted(prefixes?) })
}

fn secrets(value: &Value<'_>, plugin: &str, known: &Known<'_>) -> Option<Vec<String>> {
    let items = value.items()?;
    if items.is_empty() {
        let finding = value.finding("`secret` is granted without names of secrets");
        let hint = "name those that it may read, or leave the grant out";
        return value.refuse(finding.label("a grant of nothing").hint(hint));
    }
    let sentence = format!("plugin `{plugin}` is granted the");
    let names = each(&items, |item| {
        known.secrets.find(item, &sentence)?;
        item.text().map(|text| text.value.into_owned())
    });
    names.map(sorted)
}

/// Each once, so that the order of the file makes no other plugin.
fn sorted(mut words: Vec<String>) -> Vec<String> {
    words.sort_unstable();
    words.dedup();
    words
}
