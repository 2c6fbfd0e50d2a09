//! `acme` in `tls` of a listener.

use crate::config::value::{Value, each};
use crate::config::{Acme, AcmeChallenge, host};

/// Let's Encrypt, which issues to everybody.
const DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// Beside gateway.toml.
const STORAGE: &str = "acme";

/// More are in no certificate of common authorities.
const DOMAINS_MAX: usize = 100;

pub(super) fn read(value: &Value<'_>) -> Option<Acme> {
    let mut table = value.table()?;
    let domains = table.need("domains", "[\"api.example.com\"]").and_then(|it| domains(&it));
    let directory = table.or("directory", DIRECTORY.to_owned(), directory);
    let contact = table.or("contact", Vec::new(), |value| each(&value.items()?, contact));
    let storage = table.or("storage", value.check.beside(STORAGE), |it| it.check.path(it));
    let ca = table.or("ca", None, |value| value.check.path(value).map(Some));
    let challenge = table.or("challenge", AcmeChallenge::TlsAlpn01, |value| {
        value.one_of(&[
            ("tls-alpn-01", AcmeChallenge::TlsAlpn01),
            ("http-01", AcmeChallenge::Http01),
        ])
    });
    table.end();
    Some(Acme {
        domains: domains?,
        directory: directory?,
        contact: contact?,
        storage: storage?,
        ca: ca?,
        challenge: challenge?,
    })
}

fn domains(value: &Value<'_>) -> Option<Vec<String>> {
    let items = value.some_items()?;
    if items.len() > DOMAINS_MAX {
        let message = format!("`{}` lists more than {DOMAINS_MAX} domains", value.name);
        return value.refuse(value.finding(message));
    }
    each(&items, domain)
}

fn domain(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let reason = match host::canonical(&text.value) {
        _ if text.value.starts_with("*.") => "wildcards are proved by DNS alone",
        Ok(name) if super::tls::is_address(&name) => "it is an address",
        Ok(name) => return Some(name),
        Err(reason) => reason,
    };
    let message = format!("{} cannot be got a certificate for: {reason}", text.quoted());
    value.refuse(value.finding(message))
}

fn directory(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let is_good = text.value.parse::<http::Uri>().is_ok_and(|url| {
        url.scheme_str() == Some("https") && url.host().is_some_and(|host| !host.is_empty())
    });
    if is_good {
        return Some(text.value.into_owned());
    }
    let finding = value.finding("`directory` must be a URL that begins with `https://`");
    value.refuse(finding.hint(format!("that of Let's Encrypt is `{DIRECTORY}`")))
}

fn contact(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let is_url = text.value.split_once(':').is_some_and(|(scheme, rest)| {
        !scheme.is_empty() && !rest.is_empty() && text.value.bytes().all(|b| b.is_ascii_graphic())
    });
    if is_url {
        return Some(text.value.into_owned());
    }
    let finding = value.finding(format!("`{}` must be a URL", value.name));
    value.refuse(finding.hint("write `mailto:` before an address of mail"))
}
