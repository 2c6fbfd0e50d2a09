//! The tools of those who write plugins: `tidegate plugin …`.
//!
//! They run a component as the gateway does, with the same engine, loader, pipeline and exchange, but
//! without sockets: the client and the upstream are within the process.

pub mod bench;
pub mod build;
pub mod create;
pub mod inspect;
mod judge;
mod subject;
pub mod test;
mod trial;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

pub use subject::{Crate, Subject};

use crate::config::fixture::{self, Fixture, Given};
use crate::config::{Finding, Findings, Loaded};
use crate::plugin::{Engine, Fault, Services, Trace};
use crate::server::{self, StartError};

/// Why a tool could not do its work.
#[derive(Debug)]
pub enum AuthorError {
    /// What the command line asks for does not exist or does not fit together.
    Usage(String),
    /// A fixture or a configuration cannot be used.
    Findings(Findings),
    /// The component cannot be loaded.
    Component(Vec<Fault>),
    /// The system refuses something.
    System {
        /// What was tried.
        what: String,
        /// Why not.
        why: String,
    },
}

impl AuthorError {
    /// Makes an error of what a system call says.
    fn system<E: fmt::Display>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |error| Self::System { what, why: error.to_string() }
    }
}

impl fmt::Display for AuthorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) => f.write_str(what),
            Self::Findings(findings) => findings.fmt(f),
            Self::System { what, why } => write!(f, "error: {what}: {why}"),
            Self::Component(faults) => {
                let mut between = "";
                for fault in faults {
                    write!(f, "{between}error: {}", fault.message)?;
                    if let Some(hint) = &fault.hint {
                        write!(f, "\n  = hint: {hint}")?;
                    }
                    between = "\n\n";
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for AuthorError {}

impl From<Findings> for AuthorError {
    fn from(findings: Findings) -> Self {
        Self::Findings(findings)
    }
}

impl From<Fault> for AuthorError {
    fn from(fault: Fault) -> Self {
        Self::Component(vec![fault])
    }
}

impl From<StartError> for AuthorError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Config(findings) => Self::Findings(findings),
            StartError::System { what, source } => {
                Self::System { what: what.to_owned(), why: source.to_string() }
            }
            // The tools trace nothing.
            other @ StartError::Untraceable { .. } => Self::Usage(other.to_string()),
        }
    }
}

/// Reads a fixture, or makes one of a component alone.
fn fixture(file: Option<&Path>, given: &Given<'_>) -> Result<Fixture, AuthorError> {
    let environment = |name: &str| std::env::var(name).ok();
    Ok(fixture::load(file, given, &environment)?)
}

/// What plugins run on.
fn parts(loaded: &Loaded) -> Result<(Arc<Engine>, Services), AuthorError> {
    Ok(server::parts(&loaded.config, Trace::default())?)
}

/// What is wrong with a component, as findings about it.
fn findings(file: &str, faults: &[Fault]) -> Vec<Finding> {
    let finding = |fault: &Fault| {
        let finding = Finding::about(file, fault.message.clone());
        match &fault.hint {
            Some(hint) => finding.hint(hint.clone()),
            None => finding,
        }
    };
    faults.iter().map(finding).collect()
}
