//! `tls` of a listener.

use super::acme;
use crate::config::host;
use crate::config::table::Table;
use crate::config::value::{Value, each};
use crate::config::{AcmeChallenge, Certificate, ClientAuth, Tls, TlsVersion};

/// What stands for any first label of a host.
const WILDCARD: &str = "*.";

pub(super) fn read(value: &Value<'_>) -> Option<Tls> {
    let mut table = value.table()?;
    let acme = table.or("acme", None, |value| acme::read(value).map(Some));
    let certificates = match (table.take("certificates"), &acme) {
        (Some(several), _) => {
            alone(&mut table);
            several_of(&several)
        }
        (None, Some(None)) => certificate(&mut table).map(|certificate| vec![certificate]),
        (None, _) => {
            alone(&mut table);
            Some(Vec::new())
        }
    };
    let min_version = table.or("min_version", TlsVersion::V12, |value| {
        value.one_of(&[("1.2", TlsVersion::V12), ("1.3", TlsVersion::V13)])
    });
    let client_auth = table.or("client_auth", None, |value| client_auth(value).map(Some));
    table.end();
    if let (Some(Some(acme)), Some(Some(auth))) = (&acme, &client_auth)
        && acme.challenge == AcmeChallenge::TlsAlpn01
        && auth.is_required
    {
        let finding = value.finding("authorities show no certificate when they look for the proof");
        let hint =
            "write `challenge = \"http-01\"` in `acme`, or `mode = \"optional\"` in `client_auth`";
        return value.refuse(finding.hint(hint));
    }
    Some(Tls {
        certificates: certificates?,
        acme: acme?,
        min_version: min_version?,
        client_auth: client_auth?,
    })
}

/// Refuses the keys of one certificate beside others.
fn alone(table: &mut Table<'_>) {
    let one = ["certificate", "key", "ocsp"].map(|key| (key, table.take(key)));
    let one = one.into_iter().find_map(|(key, value)| Some((key, value?)));
    if let Some((key, value)) = one {
        let finding =
            value.finding(format!("`{key}` does not belong beside `certificates` or `acme`"));
        let hint = "list every certificate of a file in `certificates`; the first is the default";
        value.check.refuse(finding.hint(hint));
    }
}

fn several_of(value: &Value<'_>) -> Option<Vec<Certificate>> {
    each(&value.some_items()?, |value| {
        let mut table = value.table()?;
        let certificate = certificate(&mut table);
        let hosts = table.or("hosts", Vec::new(), |value| each(&value.some_items()?, pattern));
        table.end();
        Some(Certificate { hosts: hosts?, ..certificate? })
    })
}

fn certificate(table: &mut Table<'_>) -> Option<Certificate> {
    let certificate = table.need("certificate", "\"cert.pem\"");
    let key = table.need("key", "\"key.pem\"");
    let ocsp = table.or("ocsp", None, |value| value.check.path(value).map(Some));
    let certificate_file = certificate.as_ref().and_then(|value| value.check.path(value));
    let key_file = key.as_ref().and_then(|value| value.check.path(value));
    Some(Certificate {
        certificate: certificate_file?,
        key: key_file?,
        ocsp: ocsp?,
        hosts: Vec::new(),
        certificate_at: certificate?.at().clone(),
        key_at: key?.at().clone(),
    })
}

/// A host that clients name by SNI, or `*.` before one. Addresses are never named (RFC 6066 section
/// 3).
fn pattern(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let (wildcard, name) = match text.value.strip_prefix(WILDCARD) {
        Some(name) => (WILDCARD, name),
        None => ("", &*text.value),
    };
    let reason = match host::canonical(name) {
        Ok(name) if is_address(&name) => "clients name no address",
        Ok(name) => return Some(format!("{wildcard}{name}")),
        Err(reason) => reason,
    };
    let message = format!("{} cannot be the host of a certificate: {reason}", text.quoted());
    value.refuse(value.finding(message).hint("write a host, or `*.` and a host"))
}

/// Whether a canonical host is one.
pub(super) fn is_address(host: &str) -> bool {
    host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok()
}

fn client_auth(value: &Value<'_>) -> Option<ClientAuth> {
    let mut table = value.table()?;
    let place = table.need("ca", "\"clients-ca.pem\"");
    let ca = place.as_ref().and_then(|value| value.check.path(value));
    let is_required =
        table.or("mode", true, |value| value.one_of(&[("required", true), ("optional", false)]));
    let is_forwarded = table.or("forward", false, Value::boolean);
    table.end();
    Some(ClientAuth {
        ca: ca?,
        is_required: is_required?,
        is_forwarded: is_forwarded?,
        at: place?.at().clone(),
    })
}
