//! What stands behind `tidegate plugin`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::rollback::Rollback;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Make a crate to begin with: code, tests, fixtures.
    New(New),
    /// Build a crate's component and check that it keeps the contract.
    Build(Build),
    /// Show what a component is, exports and needs, also of one that cannot be loaded.
    Inspect(Inspect),
    /// Try requests on a component as a gateway would, without a network, and compare what comes.
    Test(Test),
    /// Measure what a component costs, fresh and pooled, without a network.
    Bench(Bench),
    /// Put a plugin's file back to a version that has served.
    Rollback(Rollback),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct New {
    /// The plugin's name, such as `api-key`.
    pub(super) name: String,
    /// Its language: rust.
    #[arg(long, default_value = "rust")]
    pub(super) lang: String,
    /// Where the crate is put; a folder of its name if left out.
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
    /// The SDK, `plugin-sdk` of a checkout; that of the checkout around this program if left out.
    #[arg(long, value_name = "DIR")]
    pub(super) sdk: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Build {
    /// The crate's folder.
    #[arg(default_value = ".")]
    pub(super) dir: PathBuf,
    /// Where the component is put; NAME.wasm in the crate's folder if left out.
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Keep files and lines, for backtraces; the component is many times as large.
    #[arg(long)]
    pub(super) debug: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Bench {
    /// A component, the folder of a crate that was built, or a plugin of the gateway such as `jwt`.
    #[arg(default_value = ".")]
    pub(super) subject: PathBuf,
    /// Another one to compare with.
    #[arg(long, value_name = "SUBJECT")]
    pub(super) against: Option<PathBuf>,
    /// A fixture: its configuration, and the request of its first case.
    #[arg(long, value_name = "FIXTURE.toml")]
    pub(super) request: Option<PathBuf>,
    /// The configuration as JSON in a file.
    #[arg(long, value_name = "FILE", conflicts_with = "config_json")]
    pub(super) config: Option<PathBuf>,
    /// The configuration as JSON.
    #[arg(long, value_name = "JSON")]
    pub(super) config_json: Option<String>,
    /// Which instances are called.
    #[arg(long, value_enum, default_value_t = Isolation::Both)]
    pub(super) isolation: Isolation,
    /// How long calls are measured, for each component.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=600))]
    pub(super) seconds: u16,
    /// One JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Isolation {
    /// A fresh one for every call.
    Request,
    /// The same ones again.
    Pooled,
    /// First fresh, then pooled ones.
    Both,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Test {
    /// A component, the folder of a crate that was built, or a plugin of the gateway such as `jwt`;
    /// left out if the fixtures name their component.
    pub(super) subject: Option<PathBuf>,
    /// What to try; of a crate all in its folder `fixtures` if left out.
    #[arg(value_name = "FIXTURE.toml")]
    pub(super) fixtures: Vec<PathBuf>,
    /// Only cases whose names hold this.
    #[arg(long, value_name = "TEXT")]
    pub(super) filter: Option<String>,
    /// Write what comes into the fixtures, in place of what is expected.
    #[arg(long)]
    pub(super) update: bool,
    /// One JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Inspect {
    /// A component, the folder of a crate that was built, or a plugin of the gateway such as `jwt`.
    #[arg(default_value = ".")]
    pub(super) subject: PathBuf,
    /// One JSON object.
    #[arg(long, conflicts_with = "schema")]
    pub(super) json: bool,
    /// Only the JSON Schema of the configuration.
    #[arg(long)]
    pub(super) schema: bool,
}
