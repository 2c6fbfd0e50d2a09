//! `tidegate plugin inspect`: what a component is, needs and says of itself.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{AuthorError, findings, fixture, parts};
use crate::config::fixture::Given;
use crate::config::{Component, Finding, scope_example};
use crate::plugin::{Anatomy, Inspection, Loader, Origin, Snapshot};

/// An inspection, ready to be shown.
#[derive(Debug)]
pub struct Report {
    /// The file, or the name of an embedded component.
    pub file: String,
    /// What was found.
    pub inspection: Inspection,
}

/// Inspects a component; blocks while it compiles.
///
/// # Errors
///
/// There is no such component, or the engine cannot be started. Whatever else is wrong with the
/// component is part of the report.
pub fn inspect(component: &Component) -> Result<Report, AuthorError> {
    let given = Given { name: "plugin", component: Some(component), ..Given::default() };
    let loaded = fixture(None, &given)?.loaded;
    let (engine, services) = parts(&loaded)?;
    let loader = Loader::new(engine, services).map_err(|error| AuthorError::System {
        what: "the contract".into(),
        why: error.to_string(),
    })?;
    let plugin = loaded.config.plugins.first().ok_or_else(|| AuthorError::System {
        what: "the component".into(),
        why: "there is no plugin of it".to_owned(),
    })?;
    let inspection = loader.inspect(plugin, &loaded.config.gateway.plugins_dir)?;
    let file = match (&inspection.origin, component) {
        (Origin::Embedded, Component::Named(name)) => format!("{name} (part of the gateway)"),
        (Origin::File(found), Component::Named(_)) => found.display().to_string(),
        (_, Component::File(file)) => file.display().to_string(),
    };
    Ok(Report { file, inspection })
}

impl Report {
    /// Whether the component keeps the contract.
    #[must_use]
    pub const fn is_fit(&self) -> bool {
        self.inspection.faults.is_empty()
    }

    /// What keeps it from being loaded.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        findings(&self.file, &self.inspection.faults)
    }

    /// The JSON Schema of the configuration, if the component gives one.
    #[must_use]
    pub fn schema(&self) -> Option<Value> {
        let schema = &self.inspection.description.as_ref()?.config_schema;
        serde_json::from_str(schema).ok()
    }

    /// The line of gateway.toml that grants what it needs.
    #[must_use]
    pub fn grants_line(&self) -> String {
        let grants = self.inspection.grants();
        if grants.iter().all(|grant| scope_example(grant).is_none()) {
            let names: Vec<String> = grants.iter().map(|grant| format!("\"{grant}\"")).collect();
            return format!("grants = [{}]", names.join(", "));
        }
        let scopes = grants.iter().map(|grant| match scope_example(grant) {
            Some(example) => example.to_owned(),
            None => format!("{grant} = true"),
        });
        format!("grants = {{ {} }}", scopes.collect::<Vec<_>>().join(", "))
    }

    /// Size, exports and imports in one line.
    #[must_use]
    pub fn line(&self) -> String {
        let Inspection { bytes, .. } = self.inspection;
        let inspection = &self.inspection;
        let (exports, imports) = (inspection.exports(), inspection.imports());
        format!(
            "{}: {}, exports {}, imports {}",
            self.file,
            size(bytes as u64),
            list(&exports),
            list(&imports)
        )
    }

    /// For people; ends in a line feed.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let inspection = &self.inspection;
        let anatomy = &inspection.anatomy;
        if let Some(description) = &inspection.description {
            line(&mut text, "name", &format!("{} {}", description.name, description.version));
            line(&mut text, "summary", &description.summary);
        }
        line(&mut text, "file", &self.file);
        line(&mut text, "size", &size(inspection.bytes as u64));
        line(&mut text, "sha256", &inspection.digest);
        line(&mut text, "contract", &list(&inspection.contract_versions()));
        line(&mut text, "exports", &list(&inspection.exports()));
        line(&mut text, "imports", &list(&inspection.imports()));
        line(&mut text, "grants", &self.grants_line());
        line(&mut text, "others", &list(&inspection.foreign_imports()));
        let memories: Vec<String> = anatomy.memories.iter().map(|bytes| size(*bytes)).collect();
        line(&mut text, "modules", &anatomy.modules.to_string());
        line(&mut text, "memories", &list(&memories));
        line(&mut text, "snapshot", &snapshot(&inspection.snapshot));
        line(&mut text, "made by", &list(&anatomy.producers));
        line(&mut text, "backtrace", backtrace(anatomy));
        if let Some(schema) = self.schema() {
            let _infallible = writeln!(text, "\nconfig\n{schema:#}");
        }
        text
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let inspection = &self.inspection;
        let description = inspection.description.as_ref();
        json!({
            "name": description.map(|description| &description.name),
            "version": description.map(|description| &description.version),
            "summary": description.map(|description| &description.summary),
            "file": self.file,
            "bytes": inspection.bytes,
            "sha256": inspection.digest,
            "contract": inspection.contract_versions(),
            "exports": inspection.exports(),
            "imports": inspection.imports(),
            "grants": inspection.grants(),
            "other_imports": inspection.foreign_imports(),
            "modules": inspection.anatomy.modules,
            "memory_bytes": inspection.anatomy.memories,
            "snapshot": match &inspection.snapshot {
                Snapshot::Untried => Value::Null,
                Snapshot::Possible => Value::Bool(true),
                Snapshot::Impossible(_) => Value::Bool(false),
            },
            "producers": inspection.anatomy.producers,
            "function_names": inspection.anatomy.has_names,
            "line_numbers": inspection.anatomy.has_lines,
            "config_schema": self.schema(),
            "findings": self.findings(),
        })
    }
}

fn snapshot(snapshot: &Snapshot) -> String {
    match snapshot {
        Snapshot::Untried => "not tried".to_owned(),
        Snapshot::Possible => "yes, instances start configured".to_owned(),
        Snapshot::Impossible(why) => format!("no, each instance is configured: {why}"),
    }
}

const fn backtrace(anatomy: &Anatomy) -> &'static str {
    match (anatomy.has_names, anatomy.has_lines) {
        (_, true) => "with files and lines",
        (true, false) => "with function names",
        (false, false) => "without names",
    }
}

fn line(text: &mut String, name: &str, value: &str) {
    // Writing to a String does not fail.
    let _infallible = writeln!(text, "{name:10} {value}");
}

fn list<T: AsRef<str>>(words: &[T]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// In the largest unit of which there is one, with a tenth.
fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1024 => return format!("{bytes} B"),
        1024..1_048_576 => (1024, "KiB"),
        _ => (1_048_576, "MiB"),
    };
    format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit)
}

#[cfg(test)]
mod tests;
