//! `tidegate plugin bench`: what a component costs, on the real runtime, without sockets.

mod calls;
mod figure;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

pub use figure::{Figure, Unit};

use super::{AuthorError, Subject, parts};
use crate::config::fixture::{Ask, Fixture, Given};
use crate::config::{Component, Loaded, scope_example};
use crate::plugin::{Engine, Loader, Plugin, Services};

/// How the plugin is benched.
#[derive(Debug, Clone)]
pub struct Options {
    /// The configuration and the request: of a fixture's first case.
    pub fixture: Option<PathBuf>,
    /// The configuration, in place of the fixture's.
    pub config: Option<Value>,
    /// Which instances are called.
    pub isolations: Vec<&'static str>,
    /// For all calls of one component together; loading comes on top.
    pub time: Duration,
}

/// What one component costs: rows with a name.
#[derive(Debug)]
pub struct Bench {
    /// Which component.
    pub subject: String,
    /// In the order in which they are shown.
    pub rows: Vec<(&'static str, Figure)>,
    /// Of one call of each phase: interfaces of the host, and how often they are called.
    pub host_calls: Vec<(&'static str, Vec<(&'static str, u64)>)>,
}

/// Benches a component; blocks.
///
/// # Errors
///
/// It cannot be loaded, or it fails when it is called.
pub fn bench(subject: &Subject, options: &Options) -> Result<Bench, AuthorError> {
    let component = subject.component()?;
    let needs = super::inspect::inspect(&component)?.inspection;
    let is_plain = |grant: &&str| scope_example(grant).is_none();
    let grants: Vec<String> =
        needs.grants().into_iter().filter(is_plain).map(str::to_owned).collect();
    let has_file = options.fixture.is_some();
    let given = |isolation: Option<&'static str>| Given {
        name: subject.name(),
        component: Some(&component),
        default_component: None,
        config: options.config.as_ref(),
        isolation,
        // A fixture says itself what is granted; without one everything is that has no scope.
        grants: (!has_file).then_some(grants.as_slice()),
    };
    let read = |isolation| super::fixture(options.fixture.as_deref(), &given(isolation));

    let mut first = read(None)?;
    // So that the first load is cold.
    first.loaded.config.gateway.cache_dir = None;
    let ask = first.cases.first().map_or_else(Ask::default, |case| case.ask.clone());
    let mut rows = vec![("component", Figure::exact(Unit::Bytes, needs.bytes as u64))];
    let load = Load::of(&first.loaded)?;
    let is_configured = has_file || options.config.is_some();
    let cold = load.plugin(&first.loaded).map_err(|error| hinted(error, is_configured))?;
    rows.extend(loading("load, cold", "compile, cold", &cold));
    let cached = load.plugin(&first.loaded)?;
    rows.extend(loading("load, cached", "compile, cached", &cached));
    rows.push(("configure", Figure::of(vec![cold.timing().configure, cached.timing().configure])));
    drop((cold, cached));

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(AuthorError::system("no runtime"))?;
    let phases = needs.exports().iter().filter(|name| calls::phase_of(name).is_some()).count();
    let shares = u32::try_from(1 + options.isolations.len() * phases).unwrap_or(1);
    let share = options.time / shares.max(1);
    let failed = |why: String| AuthorError::System { what: "the plugin failed".to_owned(), why };
    let fixture = read(Some("request"))?;
    let plugin = load.plugin(&fixture.loaded)?;
    let (memory, born) = runtime.block_on(calls::births(&plugin, share)).map_err(failed)?;
    rows.push(("instance memory", Figure::exact(Unit::Bytes, memory)));
    rows.push(("instantiate", born));
    let mut host_calls = Vec::new();
    for isolation in options.isolations.iter().copied() {
        let Fixture { loaded, .. } = read(Some(isolation))?;
        let plugin = load.plugin(&loaded)?;
        let measured = calls::phases(&plugin, &ask, &loaded.config.limits, share);
        let is_pooled = isolation == "pooled";
        host_calls.clear();
        for cost in runtime.block_on(measured).map_err(failed)? {
            rows.push((calls::row(cost.phase, is_pooled), cost.time));
            host_calls.push((cost.phase, cost.host_calls));
        }
    }
    Ok(Bench { subject: shown(subject, &component), rows, host_calls })
}

fn shown(subject: &Subject, component: &Component) -> String {
    match component {
        Component::File(file) => file.display().to_string(),
        Component::Named(_) => subject.name().to_owned(),
    }
}

fn loading(
    all: &'static str,
    compile: &'static str,
    plugin: &Plugin,
) -> [(&'static str, Figure); 2] {
    let timing = plugin.timing();
    [
        (all, Figure::of(vec![timing.compile + timing.start + timing.configure + timing.snapshot])),
        (compile, Figure::of(vec![timing.compile])),
    ]
}

/// An engine for the bench alone.
struct Load {
    loader: Loader,
}

impl Load {
    fn of(loaded: &Loaded) -> Result<Self, AuthorError> {
        let (engine, services): (Arc<Engine>, Services) = parts(loaded)?;
        let loader = Loader::new(engine, services).map_err(|error| AuthorError::System {
            what: "the contract".to_owned(),
            why: error.to_string(),
        })?;
        Ok(Self { loader })
    }

    fn plugin(&self, loaded: &Loaded) -> Result<Arc<Plugin>, AuthorError> {
        let config = &loaded.config;
        let plugin = config.plugins.first().expect("a fixture has one plugin");
        let bytes = config.limits.kv_bytes;
        let loaded = self.loader.load(plugin, &config.gateway.plugins_dir, bytes, None);
        loaded.map_err(AuthorError::Component)
    }
}

/// A table for people, with the ratio to `against` in each row; ends in a line feed.
#[must_use]
pub fn table(bench: &Bench, against: Option<&Bench>) -> String {
    let mut text = String::new();
    if let Some(against) = against {
        text.push_str(&format!("{} against {}\n", bench.subject, against.subject));
    } else {
        text.push_str(&format!("{}\n", bench.subject));
    }
    for (name, figure) in &bench.rows {
        let other = against.and_then(|against| against.row(name));
        let columns = match other {
            None => figure.to_string(),
            Some(other) => {
                let ratio = figure.ratio(other).map_or("-".to_owned(), |r| format!("{r:.2}"));
                format!("{:30} {:30} {ratio:>6}", figure.to_string(), other.to_string())
            }
        };
        text.push_str(&format!("{name:18} {}\n", columns.trim_end()));
    }
    for (phase, calls) in &bench.host_calls {
        let calls: Vec<String> =
            calls.iter().map(|(interface, calls)| format!("{interface} {calls}")).collect();
        let calls = if calls.is_empty() { "none".to_owned() } else { calls.join(", ") };
        text.push_str(&format!("host calls of one {phase} phase: {calls}\n"));
    }
    text
}

/// The same for programs.
#[must_use]
pub fn json(bench: &Bench, against: Option<&Bench>) -> Value {
    let calls = |bench: &Bench| -> Value {
        let phase = |(phase, calls): &(&str, Vec<(&str, u64)>)| {
            let calls: Value =
                calls.iter().map(|(name, calls)| ((*name).to_owned(), json!(calls))).collect();
            ((*phase).to_owned(), calls)
        };
        bench.host_calls.iter().map(phase).collect()
    };
    let rows = |bench: &Bench| -> Value {
        bench.rows.iter().map(|(name, figure)| ((*name).to_owned(), figure.json())).collect()
    };
    let ratios: Option<Value> = against.map(|against| {
        let both = bench.rows.iter().filter_map(|(name, figure)| {
            Some(((*name).to_owned(), json!(figure.ratio(against.row(name)?)?)))
        });
        both.collect()
    });
    let mut all = json!({
        "component": bench.subject,
        "rows": rows(bench),
        "host_calls": calls(bench),
    });
    if let (Some(against), Some(members)) = (against, all.as_object_mut()) {
        let other = json!({
            "component": against.subject,
            "rows": rows(against),
            "host_calls": calls(against),
        });
        members.insert("against".to_owned(), other);
        members.insert("ratios".to_owned(), ratios.unwrap_or_default());
    }
    all
}

impl Bench {
    fn row(&self, name: &str) -> Option<&Figure> {
        self.rows.iter().find(|(known, _)| *known == name).map(|(_, figure)| figure)
    }
}

/// Says how a plugin is configured here, if it was not and cannot be loaded.
fn hinted(mut error: AuthorError, is_configured: bool) -> AuthorError {
    if let AuthorError::Component(faults) = &mut error
        && !is_configured
    {
        for fault in faults {
            fault.hint.get_or_insert_with(|| {
                "without a configuration it has `{}`; give one with `--config`, `--config-json` or \
                 `--request FIXTURE.toml`"
                    .to_owned()
            });
        }
    }
    error
}

#[cfg(test)]
mod tests;
