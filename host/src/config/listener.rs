//! The tables `[[listeners]]`.

mod acme;
mod hsts;
mod tls;

use std::net::SocketAddr;

use super::check::Check;
use super::table::Table;
use super::tree::Kind;
use super::value::{Value, each};
use super::{Finding, Gateway, Listener};

/// Of `https` (RFC 9110 section 4.2.2).
const HTTPS_PORT: u16 = 443;

/// How the least listener is written.
const EXAMPLE: &str = "add `[[listeners]]` with `address = \"127.0.0.1:8080\"`";

/// Addresses in use, and how a finding names their holder.
type Taken = Vec<(SocketAddr, String)>;

pub(super) fn read(
    root: &mut Table<'_>,
    admin: Option<SocketAddr>,
    check: &Check<'_>,
) -> Option<Vec<Listener>> {
    let Some(value) = root.take("listeners") else {
        let finding = Finding::about(check.sources.name(0), "there is no listener");
        check.refuse(finding.hint(EXAMPLE));
        return None;
    };
    let tables = value.tables()?;
    if tables.is_empty() {
        return value.refuse(value.finding("there is no listener").hint(EXAMPLE));
    }
    let mut taken: Taken = Vec::new();
    taken.extend(admin.map(|address| (address, "the admin listener has it".to_owned())));
    each(&tables, |value| listener(value, check, &mut taken))
}

fn listener(value: &Value<'_>, check: &Check<'_>, taken: &mut Taken) -> Option<Listener> {
    let mut table = value.table()?;
    let place = table.need("address", "\"127.0.0.1:8080\"");
    let address = place.as_ref().and_then(address);
    let tls = table.take("tls");
    let redirect = table.take("redirect_https");
    let hsts = table.take("hsts");
    let proxy_protocol = table
        .or("proxy_protocol", false, |value| value.one_of(&[("required", true), ("off", false)]));
    table.end();
    if let (Some(redirect), Some(_)) = (&redirect, &tls) {
        let finding = redirect.finding("`redirect_https` has no effect on a listener with `tls`");
        check.refuse(finding.hint("it belongs to the plain listener that clients come to first"));
    }
    if let (Some(hsts), None) = (&hsts, &tls) {
        // RFC 6797 section 7.2: it must not be said without TLS.
        let finding = hsts.finding("`hsts` has no effect on a listener without `tls`");
        check.refuse(finding.hint("it belongs to the listener with `tls`"));
    }
    let tls = tls.map_or(Some(None), |value| tls::read(&value).map(Some));
    let redirect_https = redirect.map_or(Some(None), |value| match value.node.kind {
        Kind::Boolean(redirects) => Some(redirects.then_some(HTTPS_PORT)),
        Kind::Integer(_) => value.integer(1..=u16::MAX).map(Some),
        _ => value.wrong("`true`, `false` or the port of `https`"),
    });
    let hsts = hsts.map_or(Some(None), |value| hsts::read(&value).map(Some));
    if let (Some(place), Some(address)) = (&place, address) {
        // Port 0 is another one each time.
        let other = taken.iter().find(|(other, _)| *other == address && address.port() != 0);
        if let Some((_, holder)) = other {
            let finding = place.finding("two listeners have the same address");
            check.refuse(finding.label("the second").hint(holder.as_str()));
        }
        let line = check.sources.line_of(place.at());
        taken.push((address, format!("the first is at {line}")));
    }
    Some(Listener {
        address: address?,
        tls: tls?,
        redirect_https: redirect_https?,
        hsts: hsts?,
        proxy_protocol: proxy_protocol?,
        at: value.at().clone(),
    })
}

/// Who may say whom a connection is for is a matter of trust, so there is no default.
pub(super) fn refuse_unheard_proxies(check: &Check<'_>, listeners: &[Listener], gateway: &Gateway) {
    let needing = listeners.iter().find(|listener| listener.proxy_protocol);
    let Some(listener) = needing.filter(|_| gateway.trusted_proxies.is_empty()) else { return };
    let message = "a listener takes the PROXY protocol, but nobody is trusted to speak it";
    let finding = check.sources.finding(&listener.at, message);
    check.refuse(finding.hint("list the proxies in front in `gateway.trusted_proxies`"));
}

/// An IP address with a port; names are not looked up.
pub(super) fn address(value: &Value<'_>) -> Option<SocketAddr> {
    let text = value.text()?;
    if let Ok(address) = text.value.parse() {
        return Some(address);
    }
    let finding = value.finding(format!("{} is not an address to listen on", text.quoted()));
    let hint = match text.literal() {
        Some(text) if text.parse::<std::net::IpAddr>().is_ok() => {
            let bracketed = if text.contains(':') { format!("[{text}]") } else { text.to_owned() };
            format!("add a port: `{bracketed}:8080`")
        }
        Some(text) if text.starts_with(':') => {
            format!("write `0.0.0.0{text}` for every IPv4 address, or `[::]{text}` for all")
        }
        Some(text) if text.starts_with("localhost:") => {
            format!("names are not looked up; write `{}`", text.replace("localhost", "127.0.0.1"))
        }
        _ => "write an IP address and a port, such as `127.0.0.1:8080` or `[::1]:8080`".to_owned(),
    };
    value.refuse(finding.hint(hint))
}
