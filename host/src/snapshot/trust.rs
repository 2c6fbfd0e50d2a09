//! Whom connections to upstreams and origins trust.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::Path;

use crate::config::{Config, Finding, Plugin, Sources};
use crate::upstream::{Tls, TlsError};

/// What is trusted by whom.
#[derive(Default)]
pub(super) struct Trust {
    /// Of the upstream of the same index; absent without an `https` endpoint.
    pub(super) upstreams: Vec<Option<Tls>>,
    /// Of the `https` origins that plugins may send to; absent if there are none.
    pub(super) origins: Option<Tls>,
}

/// Reads certificate authorities, those of the system only if somebody needs them; what cannot be
/// used is a finding.
pub(super) fn read(config: &Config, sources: &Sources, findings: &mut Vec<Finding>) -> Trust {
    let system = OnceCell::new();
    let system = || system.get_or_init(Tls::of_system).as_ref();
    // Ten thousand upstreams may trust the same file.
    let mut files: HashMap<&Path, Result<Tls, TlsError>> = HashMap::new();
    let mut trust = Trust::default();
    for upstream in &config.upstreams {
        let tls = upstream.tls.as_ref().and_then(|tls| {
            let built = match &tls.ca {
                Some(file) => files.entry(file).or_insert_with(|| Tls::of_file(file)).clone(),
                None => system().cloned().map_err(TlsError::clone),
            };
            let mut refused = |why: &str, error: TlsError| {
                let message = format!("upstream `{}` {why}: {error}", upstream.name);
                findings.push(sources.finding(&tls.at, message));
            };
            let built = built.map_err(|error| refused("cannot be trusted", error)).ok()?;
            let built = match &tls.identity {
                Some(files) => built
                    .shown_as(files)
                    .map_err(|error| refused("cannot be told who the gateway is", error))
                    .ok()?,
                None => built,
            };
            Some(built.called(tls.server_name.as_deref()))
        });
        trust.upstreams.push(tls);
    }
    if let Some(plugin) = config.plugins.iter().find(|plugin| sends_to_https(plugin)) {
        match system() {
            Ok(tls) => trust.origins = Some(tls.clone()),
            Err(error) => {
                let message = format!("`https` origins cannot be trusted: {error}");
                findings.push(sources.finding(&plugin.at.grants, message));
            }
        }
    }
    trust
}

fn sends_to_https(plugin: &Plugin) -> bool {
    let scope = plugin.grants.as_ref().and_then(|grants| grants.http_client());
    scope.is_some_and(|scope| scope.hosts.iter().any(|origin| origin.is_https))
}
