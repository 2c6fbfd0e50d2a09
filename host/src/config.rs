//! From gateway.toml to a checked [`Config`].
//!
//! ```text
//! files --document--> TOML with places --check--> Config --build--> snapshot
//! ```
//!
//! Everything behind [`load`] may assume that names resolve and numbers are in range. A wrong
//! file gives every [`Finding`] at once, each where it is, with the way out.

mod admission;
mod balancing;
mod breaker;
mod canary;
mod check;
mod compression;
mod condition;
mod consumer;
mod destination;
mod document;
mod endpoints;
mod environment;
pub mod finding;
pub mod fixture;
mod gateway;
mod grants;
mod header_edits;
mod health;
mod host;
mod json;
mod limits;
mod listener;
mod matcher;
mod mirror;
pub mod model;
mod names;
mod origin;
mod output;
mod path;
mod pin;
mod pipeline;
mod plugin;
mod retry;
mod rewrite;
mod route;
mod secret;
mod source;
mod split;
pub mod suggest;
mod table;
mod template;
mod tree;
mod units;
mod upgrade;
mod upstream;
mod value;

use std::path::Path;

pub use finding::{Finding, Findings, Level};
pub use grants::scope_example;
pub use model::*;
pub use source::{Location, Sources, Watched};

use check::Checked;
use document::Document;

/// A configuration with what is needed to speak about it later.
#[derive(Debug)]
pub struct Loaded {
    /// What the files say.
    pub config: Config,
    /// The files themselves, to show later findings in them.
    pub sources: Sources,
    /// What works, but is hardly meant. Sorted by place.
    pub warnings: Vec<Finding>,
}

/// Reads and checks the file at `path` and all that it includes.
///
/// `environment` looks up the variables that `${NAME}` refers to.
///
/// # Errors
///
/// All findings at once, sorted by file and place. A syntax error ends the list of its file,
/// because nothing after it can be trusted.
pub fn load(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Findings> {
    finish(Document::read(path, environment), environment)
}

/// Checks `text` as if it were a file called `name` in the working directory, without includes.
///
/// # Errors
///
/// As [`load`].
pub fn load_text(
    name: &str,
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Loaded, Findings> {
    finish(Document::of_text(name, text), environment)
}

fn finish(
    document: Document,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Loaded, Findings> {
    let Checked { config, findings, warnings, read } = check::run(&document, environment);
    let mut sources = document.into_sources();
    sources.watch_files(read);
    match (config, Findings::new(findings, sources.watched().clone())) {
        (Some(config), None) => Ok(Loaded { config, sources, warnings }),
        (_, Some(findings)) => Err(findings),
        (None, None) => unreachable!("what could not be read has left a finding"),
    }
}

#[cfg(test)]
mod tests;
