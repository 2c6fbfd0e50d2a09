//! One check of all files: what it reads with, and what it found.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::document::Document;
use super::environment::{self, Fault, References};
use super::grants::Known;
use super::names::Names;
use super::table::Table;
use super::tree::{Kind, Node};
use super::value::{Value, each};
use super::{Config, Finding, Sources};
use super::{
    UpstreamId, consumer, gateway, limits, listener, output, pipeline, plugin, route, secret,
    upstream,
};

/// Tables that gateway.toml alone may hold: there is one of each, or their order matters to no
/// included file.
const MAIN_ONLY: [&str; 5] = ["include", "gateway", "admin", "limits", "listeners"];

/// What all readers share.
pub(super) struct Check<'a> {
    pub(super) sources: &'a Sources,
    pub(super) environment: &'a dyn Fn(&str) -> Option<String>,
    folder: &'a Path,
    /// Every file was read, so that a missing name is really missing.
    pub(super) complete: bool,
    findings: RefCell<Vec<Finding>>,
    warnings: RefCell<Vec<Finding>>,
    /// Files that references led to, found or not: a change of one is a change of the configuration.
    read: RefCell<BTreeSet<PathBuf>>,
}

impl<'a> Check<'a> {
    pub(super) fn new(
        document: &'a Document,
        environment: &'a dyn Fn(&str) -> Option<String>,
    ) -> Self {
        Self {
            sources: &document.sources,
            environment,
            folder: &document.folder,
            complete: document.complete,
            findings: RefCell::default(),
            warnings: RefCell::default(),
            read: RefCell::default(),
        }
    }

    pub(super) fn refuse(&self, finding: Finding) {
        self.findings.borrow_mut().push(finding);
    }

    pub(super) fn warn(&self, finding: Finding) {
        self.warnings.borrow_mut().push(finding.warning());
    }

    /// Replaces the references of a string.
    pub(super) fn substitute<'t>(&self, written: &'t str) -> Result<Cow<'t, str>, Fault> {
        let file = |path: &str| self.read_beside(path);
        environment::substitute(written, &References { environment: self.environment, file: &file })
    }

    fn read_beside(&self, path: &str) -> Result<String, String> {
        let bytes = self.read_file(&self.folder.join(path), environment::FILE_BYTES_MAX)?;
        String::from_utf8(bytes).map_err(|_error| "it is not in UTF-8".to_owned())
    }

    /// A file whose content is a part of the configuration, so that it is watched.
    pub(super) fn read_file(&self, file: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
        self.read.borrow_mut().insert(file.to_owned());
        let size = std::fs::metadata(file).map_err(|error| error.to_string())?.len();
        if size > bytes_max {
            return Err(format!("it is longer than {bytes_max} bytes"));
        }
        std::fs::read(file).map_err(|error| error.to_string())
    }

    /// A path of the file, which may be relative to the folder of gateway.toml.
    pub(super) fn path(&self, value: &Value<'_>) -> Option<PathBuf> {
        let text = value.text()?;
        if text.value.is_empty() {
            return value.refuse(value.finding(format!("`{}` is empty", value.name)));
        }
        Some(self.folder.join(text.value.as_ref()))
    }

    /// A path that the file does not mention.
    pub(super) fn beside(&self, relative: &str) -> PathBuf {
        self.folder.join(relative)
    }

    /// Findings, then warnings, then the files that references led to.
    pub(super) fn into_findings(self) -> (Vec<Finding>, Vec<Finding>, BTreeSet<PathBuf>) {
        (self.findings.into_inner(), self.warnings.into_inner(), self.read.into_inner())
    }
}

/// What came of a check.
pub(super) struct Checked {
    /// There is one if there are no findings.
    pub(super) config: Option<Config>,
    pub(super) findings: Vec<Finding>,
    pub(super) warnings: Vec<Finding>,
    /// Files that references led to.
    pub(super) read: BTreeSet<PathBuf>,
}

/// Reads everything.
pub(super) fn run(document: &Document, environment: &dyn Fn(&str) -> Option<String>) -> Checked {
    let check = Check::new(document, environment);
    let config = config(&check, &document.roots);
    let (mut findings, mut warnings, read) = check.into_findings();
    findings.extend(document.findings.iter().cloned());
    warnings.sort_by_key(Finding::order);
    Checked { config: config.filter(|_| findings.is_empty()), findings, warnings, read }
}

/// Reads the root tables: that of gateway.toml first.
pub(super) fn config<'a>(check: &'a Check<'a>, roots: &'a [Node]) -> Option<Config> {
    let mut tables = roots.iter().filter_map(|root| match &root.kind {
        Kind::Table(members) => {
            Some(Table::new(check, "at the top level".to_owned(), members, &root.at))
        }
        _ => None,
    });
    let mut main = tables.next()?;
    let mut included: Vec<Table<'a>> = tables.collect();

    // `Document` has followed it.
    drop(main.take("include"));
    let gateway = main.section("gateway");
    let admin = gateway::admin(&mut main, check);
    let limits = main.section("limits").and_then(limits::read);
    let listeners = listener::read(&mut main, admin.and_then(|admin| admin.address), check);
    refuse_main_only(check, &mut included);

    let mut all = |key: &'static str| -> Vec<Value<'a>> {
        std::iter::once(&mut main).chain(&mut included).filter_map(|t| t.take(key)).collect()
    };
    let outputs = Names::collect(check, "output", all("outputs"));
    let upstreams = Names::collect(check, "upstream", all("upstreams"));
    let plugins = Names::collect(check, "plugin", all("plugins"));
    let consumers = Names::collect(check, "consumer", all("consumers"));
    let secrets = Names::collect(check, "secret", all("secrets"));
    let gateway = gateway.and_then(|table| gateway::read(table, check, &plugins));
    let routes = route::read(check, &all("routes"), &upstreams, &plugins);
    main.end();
    included.into_iter().for_each(Table::end);

    let outputs = output::read(&outputs.entries, check);
    let trusted_keys =
        gateway.as_ref().map_or(&[][..], |(gateway, _)| gateway.trusted_keys.as_slice());
    let known = Known { trusted_keys, upstreams: &upstreams, secrets: &secrets };
    let read_plugins = each(&plugins.entries, |entry| plugin::read(entry, check, &known));
    upstreams.warn_of_unused(check);
    let mut ids = (0..).map(UpstreamId);
    let upstreams = each(&upstreams.entries, |entry| upstream::read(entry, ids.next()?, &plugins));
    plugins.warn_of_unused(check);
    secrets.warn_of_unused(check);
    let consumers = consumer::read(&consumers.entries, check);
    let secrets = secret::read(&secrets.entries, check);

    let (gateway, gateway_pipeline) = gateway?;
    if let Some(listeners) = &listeners {
        listener::refuse_unheard_proxies(check, listeners, &gateway);
    }
    let (upstreams, upstream_pipelines): (Vec<_>, Vec<_>) = upstreams?.into_iter().unzip();
    let (plugins, mut routes) = (read_plugins?, routes?);
    pipeline::compose(check, &mut routes, &gateway_pipeline, &upstream_pipelines, &plugins);
    Some(Config {
        gateway,
        admin: admin?.address,
        limits: limits?,
        listeners: listeners?,
        outputs: outputs?,
        consumers: consumers?,
        secrets: secrets?,
        upstreams,
        plugins,
        routes,
    })
}

fn refuse_main_only(check: &Check<'_>, included: &mut [Table<'_>]) {
    for table in included {
        for key in MAIN_ONLY {
            if let Some(at) = table.remove(key) {
                let message = format!("`{key}` does not belong in an included file");
                let finding = check.sources.finding(at, message);
                let hint = if key == "include" {
                    "includes do not nest; list the files in gateway.toml".to_owned()
                } else {
                    format!("move it to {}", check.sources.name(0))
                };
                check.refuse(finding.hint(hint));
            }
        }
    }
}
