//! How the listeners encrypt.

use std::sync::Arc;

use crate::acme::storage::Storage;
use crate::clock;
use crate::config::{self, Finding, Sources};
use crate::listener::Challenges;
use crate::listener::tls::{Acceptor, Certificate};
use crate::telemetry::Metrics;

use super::Snapshot;

/// Reads every certificate; the place of a listener whose files cannot be used stays empty.
pub(super) fn read(
    listeners: &[config::Listener],
    sources: &Sources,
    (previous, challenges): (Option<&Snapshot>, &Arc<Challenges>),
    metrics: &Metrics,
    findings: &mut Vec<Finding>,
) -> Vec<Option<Acceptor>> {
    let mut acceptor = |listener: &config::Listener| {
        let tls = listener.tls.as_ref()?;
        let known = previous.and_then(|previous| {
            let same = |other: &config::Listener| other.address == listener.address;
            let index = previous.listeners.iter().position(same)?;
            previous.tls.get(index)?.as_ref()
        });
        let metrics = metrics.listener(&listener.address.to_string());
        let issued = tls.acme.as_ref().map(|acme| Storage::of(acme).certificate());
        match Acceptor::build(tls, issued.as_deref(), challenges, metrics, known) {
            Ok(acceptor) => Some(acceptor),
            Err(errors) => {
                let errors = errors.iter();
                findings.extend(errors.map(|error| sources.finding(error.at(), error.to_string())));
                None
            }
        }
    };
    listeners.iter().map(&mut acceptor).collect()
}

/// What clients will refuse, as warnings: who restarts a gateway for another reason needs the rest of
/// it to serve.
pub(super) fn warnings(acceptors: &[Option<Acceptor>], sources: &Sources) -> Vec<Finding> {
    let now = i64::try_from(clock::unix_ms() / 1000).unwrap_or(i64::MAX);
    let certificates = acceptors.iter().flatten().flat_map(Acceptor::certificates);
    let warning = |certificate: &Certificate| {
        let why = certificate.expired(now)?;
        let message = format!("the certificate in `{}` {why}", certificate.file().display());
        let finding = sources.finding(certificate.at(), message);
        Some(finding.hint("renew it; a changed file is taken up at once").warning())
    };
    certificates.filter_map(warning).collect()
}

/// Shows when certificates end.
pub(super) fn show(
    listeners: &[config::Listener],
    acceptors: &[Option<Acceptor>],
    metrics: &Metrics,
) {
    for (listener, acceptor) in listeners.iter().zip(acceptors) {
        let certificates = acceptor.iter().flat_map(Acceptor::certificates);
        let ends = certificates
            .map(|certificate| (certificate.file().display().to_string(), certificate.not_after()));
        metrics.listener(&listener.address.to_string()).set_certificates(ends);
    }
}
