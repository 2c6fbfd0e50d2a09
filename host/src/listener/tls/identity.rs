//! Who a client is by its certificate.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderValue;
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::subject;
use crate::facts::{AlternativeName, ClientCertificate};

/// What a certificate that was verified says of its owner.
///
/// One that cannot be taken apart, though the handshake could verify it, has a fingerprint only.
pub(super) fn of(certificate: &CertificateDer<'_>, is_forwarded: bool) -> ClientCertificate {
    let mut identity = ClientCertificate {
        subject: String::new(),
        names: Vec::new(),
        fingerprint: hexadecimal(digest(&SHA256, certificate).as_ref()),
        serial: String::new(),
        forwarded: None,
    };
    match X509Certificate::from_der(certificate) {
        Ok((_rest, parsed)) => {
            identity.subject = subject::text(parsed.subject());
            identity.serial = hexadecimal(parsed.raw_serial());
            let alternatives = parsed.subject_alternative_name().ok().flatten();
            let names = alternatives.iter().flat_map(|names| &names.value.general_names);
            identity.names = names.filter_map(name).collect();
        }
        Err(error) => tracing::debug!(%error, "a client's certificate cannot be read"),
    }
    if is_forwarded {
        identity.forwarded = forwarded(&identity);
    }
    identity
}

fn name(name: &GeneralName<'_>) -> Option<AlternativeName> {
    match name {
        GeneralName::DNSName(host) => Some(AlternativeName::Dns((*host).to_owned())),
        GeneralName::URI(uri) => Some(AlternativeName::Uri((*uri).to_owned())),
        GeneralName::RFC822Name(mail) => Some(AlternativeName::Email((*mail).to_owned())),
        GeneralName::IPAddress(bytes) => address(bytes).map(AlternativeName::Address),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let short = <[u8; 4]>::try_from(bytes).map(|four| Ipv4Addr::from(four).into());
    short.or_else(|_| <[u8; 16]>::try_from(bytes).map(|long| Ipv6Addr::from(long).into())).ok()
}

/// The value of `X-Forwarded-Client-Cert`, as Envoy writes it: one element, of `Hash`, `Subject`, and
/// `URI` and `DNS` for each name of these kinds.
fn forwarded(identity: &ClientCertificate) -> Option<HeaderValue> {
    let mut value = format!("Hash={};Subject=\"{}\"", identity.fingerprint, identity.subject);
    for name in &identity.names {
        let (key, name) = match name {
            AlternativeName::Uri(uri) => ("URI", uri),
            AlternativeName::Dns(host) => ("DNS", host),
            AlternativeName::Email(_) | AlternativeName::Address(_) => continue,
        };
        value.push(';');
        value.push_str(key);
        value.push('=');
        push(&mut value, name);
    }
    HeaderValue::try_from(value).ok()
}

/// In quotation marks if it could be taken for more than one value.
fn push(value: &mut String, text: &str) {
    if !text.contains([',', ';', '=', '"', '\\', ' ']) {
        return value.push_str(text);
    }
    value.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            value.push('\\');
        }
        value.push(character);
    }
    value.push('"');
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(digits, "{byte:02x}").expect("a string takes all that is written");
    }
    digits
}

#[cfg(test)]
mod tests;
