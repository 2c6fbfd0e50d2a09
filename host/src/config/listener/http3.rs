//! `http3` of a listener.

use crate::config::check::Check;
use crate::config::value::Value;

/// Whether the listener takes QUIC as well; `takes_proxies` is none if what the file says of it is
/// refused already.
pub(super) fn read(
    value: Option<&Value<'_>>,
    is_tls: bool,
    takes_proxies: Option<bool>,
    check: &Check<'_>,
) -> Option<bool> {
    let Some(value) = value else { return Some(false) };
    let is_on = value.boolean()?;
    if is_on && !is_tls {
        // RFC 9001: there is no QUIC without TLS.
        let finding = value.finding("`http3` has no effect on a listener without `tls`");
        check.refuse(finding.hint("it belongs to the listener with `tls`"));
    }
    if is_on && takes_proxies == Some(true) {
        let finding = value.finding("`http3` does not go with `proxy_protocol`");
        check.refuse(finding.hint("there is no PROXY protocol in QUIC; use a listener of its own"));
    }
    Some(is_on)
}
