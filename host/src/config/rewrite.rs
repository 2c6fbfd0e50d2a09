//! The table `rewrite` of a route, and the path of a redirect.

use super::destination::Known;
use super::table::Table;
use super::template::{self, Replacement, Words};
use super::tree::Kind;
use super::value::Value;
use super::{HostRewrite, Matcher, PathHandling, PathMatcher, PrefixMode, Rewrite, Template};
use super::{path, suggest, upstream};

/// Those for the path.
const PATH_KEYS: [&str; 5] =
    ["path_handling", "strip_prefix", "replace_prefix", "replace_path", "add_prefix"];

/// Those that say something only with `prefix_mode = "kong"`.
const KONG_KEYS: [&str; 2] = ["add_prefix", "path_handling"];

/// What a route does to path and host on the way to its upstream.
#[derive(Default)]
pub(super) struct Rewriting {
    pub(super) path: Option<Rewrite>,
    pub(super) host: Option<HostRewrite>,
}

/// What a rewrite has to fit to.
pub(super) struct Fit<'m> {
    /// The route's match, if it could be read.
    pub(super) matcher: Option<&'m Matcher>,
    /// Its condition for the path.
    pub(super) matched: Option<&'m PathMatcher>,
    pub(super) encoded_slash: bool,
    pub(super) mode: Option<PrefixMode>,
}

/// Reads `rewrite`, which fits to the route's path; absent, the rules of `prefix_mode` hold alone.
pub(super) fn read(value: Option<&Value<'_>>, fit: &Fit<'_>) -> Option<Rewriting> {
    let Some(value) = value else {
        return Some(Rewriting { path: by_mode(Vec::new(), fit)?.0, host: None });
    };
    let mut table = value.table()?;
    if matches!(&value.node.kind, Kind::Table(members) if members.is_empty()) {
        let finding = table.finding("there is nothing in `rewrite`");
        let keys = suggest::list(["strip_prefix", "replace_prefix", "replace_path", "host"]);
        return table.refuse(finding.hint(format!("add one of {keys}")));
    }
    let host = table.or("host", None, |value| host(value, fit.matcher).map(Some));
    let given: Vec<(&'static str, Value<'_>)> =
        PATH_KEYS.into_iter().filter_map(|key| Some((key, table.take(key)?))).collect();
    table.end();
    let path = match fit.mode {
        Some(_) => by_mode(given, fit)?.0,
        None => one_of(given, fit)?.0,
    };
    Some(Rewriting { path, host: host? })
}

/// A policy as that of an upstream, or a host with places for what was captured.
fn host(value: &Value<'_>, matcher: Option<&Matcher>) -> Option<HostRewrite> {
    let text = value.text()?;
    if !text.value.contains(['{', '}']) {
        return upstream::host_policy(value).map(HostRewrite::Policy);
    }
    let template = match template::words(value, matcher)? {
        Words::Template(template) => Some(template),
        Words::Plain(_) => None,
    };
    let fits = |template: &Template| upstream::host_and_port(&template.sample()).is_ok();
    template.filter(fits).map(HostRewrite::Made).or_else(|| {
        let finding = value.finding(format!("{} makes no host", text.quoted()));
        value.refuse(finding.hint("write a host such as `{name}.example.com`"))
    })
}

/// What became of keys that may be absent.
pub(super) struct Read(pub(super) Option<Rewrite>);

/// The keys exclude each other.
fn one_of(given: Vec<(&'static str, Value<'_>)>, fit: &Fit<'_>) -> Option<Read> {
    if let Some((key, value)) = given.iter().find(|(key, _)| KONG_KEYS.contains(key)) {
        let finding = value.finding(format!("`{key}` works only with `prefix_mode = \"kong\"`"));
        let hint = match *key {
            "add_prefix" => "`replace_prefix` puts another prefix in its place",
            _ => "without it exactly one slash stands where two parts meet",
        };
        return value.refuse(finding.hint(hint));
    }
    if let [(first, _), (second, place), ..] = given.as_slice() {
        let finding = place.finding(format!("`{first}` and `{second}` exclude each other"));
        return place.refuse(finding);
    }
    let Some((key, value)) = given.into_iter().next() else { return Some(Read(None)) };
    let slash = fit.encoded_slash;
    if key == "replace_path" {
        return replacement(&value, fit.matched, slash).map(Some).map(Read);
    }
    let prefix = whole_segments(&value, key, fit.matched)?;
    let rewrite = if key == "replace_prefix" {
        Rewrite::ReplacePrefix { prefix, with: path::prefix(&value, slash)? }
    } else {
        Rewrite::StripPrefix(strip(&value, &prefix, slash)?)
    };
    Some(Read(Some(rewrite)))
}

fn replacement(
    value: &Value<'_>,
    matched: Option<&PathMatcher>,
    encoded_slash: bool,
) -> Option<Rewrite> {
    Some(match template::read(value, matched, encoded_slash)? {
        Replacement::Plain(path) => Rewrite::ReplacePath(path),
        Replacement::Template(template) => Rewrite::Template(template),
    })
}

/// The prefix of the route, which `key` needs.
fn whole_segments(value: &Value<'_>, key: &str, matched: Option<&PathMatcher>) -> Option<String> {
    match matched? {
        PathMatcher::Prefix(prefix) => Some(prefix.clone()),
        PathMatcher::Exact(_)
        | PathMatcher::Regex(_)
        | PathMatcher::Pattern(_)
        | PathMatcher::Start { .. } => {
            let finding = value.finding(format!("`{key}` needs a route that matches a prefix"));
            value.refuse(finding.hint("`replace_path` works with every match"))
        }
    }
}

/// The keys as Kong and nginx combine them.
fn by_mode(given: Vec<(&'static str, Value<'_>)>, fit: &Fit<'_>) -> Option<Read> {
    let (Some(mode), Some(matched)) = (fit.mode, fit.matched) else { return Some(Read(None)) };
    let PathMatcher::Start { text: prefix, .. } = matched else {
        // The caller has left a finding.
        return None;
    };
    let (name, allowed): (&str, &[&str]) = match mode {
        PrefixMode::Kong => ("kong", &["strip_prefix", "add_prefix", "path_handling"]),
        PrefixMode::Nginx => ("nginx", &["replace_prefix"]),
    };
    let (mut strip, mut added, mut handling) = (false, None, PathHandling::default());
    for (key, value) in given {
        if !allowed.contains(&key) {
            let message = format!("`{key}` does not work with `prefix_mode = \"{name}\"`");
            let hint = format!("its keys are {}", suggest::list(allowed.iter().copied()));
            return value.refuse(value.finding(message).hint(hint));
        }
        match key {
            "strip_prefix" => strip = value.boolean()?,
            "path_handling" => {
                handling = value
                    .one_of(&[PathHandling::V0, PathHandling::V1].map(|it| (it.as_str(), it)))?;
            }
            _ => added = Some(path::read(&value, fit.encoded_slash)?),
        }
    }
    let prefix = prefix.clone();
    Some(Read(Some(match (mode, added) {
        (PrefixMode::Kong, base) => {
            let base = base.unwrap_or_else(|| "/".to_owned());
            Rewrite::Kong { prefix, strip, base, handling }
        }
        (PrefixMode::Nginx, Some(with)) => Rewrite::Nginx { prefix, with },
        (PrefixMode::Nginx, None) => Rewrite::Raw,
    })))
}

/// What is removed: the whole prefix of the route, or some of its first segments.
fn strip(value: &Value<'_>, prefix: &str, encoded_slash: bool) -> Option<String> {
    let stripped = match value.node.kind {
        Kind::Boolean(true) => prefix.to_owned(),
        Kind::Text(_) => path::prefix(value, encoded_slash)?,
        _ => return value.wrong("`true` or a path"),
    };
    if stripped == "/" {
        return value.refuse(value.finding("there is no prefix to strip"));
    }
    if path::behind(prefix, &stripped).is_none() {
        let finding = value.finding("the route does not match the prefix that is to be stripped");
        return value.refuse(finding.hint("`strip_prefix = true` strips what the route matches"));
    }
    Some(stripped)
}

/// The path of a redirect: `path`, or `replace_prefix`; without either it stays.
pub(super) fn of_redirect(table: &mut Table<'_>, known: Known<'_, '_>) -> Option<Read> {
    let (path, prefix) = (table.take("path"), table.take("replace_prefix"));
    if let (Some(_), Some(place)) = (&path, &prefix) {
        return place.refuse(place.finding("`path` and `replace_prefix` exclude each other"));
    }
    if let Some(value) = path {
        return replacement(&value, known.matched, known.encoded_slash).map(Some).map(Read);
    }
    let Some(value) = prefix else { return Some(Read(None)) };
    let prefix = match known.matched? {
        PathMatcher::Prefix(prefix) => prefix.clone(),
        PathMatcher::Exact(_)
        | PathMatcher::Regex(_)
        | PathMatcher::Pattern(_)
        | PathMatcher::Start { .. } => {
            let message = "`replace_prefix` needs a route that matches a prefix";
            return value.refuse(value.finding(message).hint("`path` works with every match"));
        }
    };
    let with = path::prefix(&value, known.encoded_slash)?;
    Some(Read(Some(Rewrite::ReplacePrefix { prefix, with })))
}
