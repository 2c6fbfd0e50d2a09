//! The tables `[gateway]` and `[admin]`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use super::check::Check;
use super::compression;
use super::listener;
use super::names::Names;
use super::pin;
use super::table::Table;
use super::tree::Kind;
use super::value::{Value, each};
use super::{Gateway, Owner, PipelineEntry, pipeline};

/// What `Via` and `Proxy-Status` say unless the operator has a name of their own.
const NAME: &str = "tidegate";

/// In bytes; it is repeated in every message.
const NAME_BYTES_MAX: usize = 64;

/// Far more threads than any machine has cores; more is a typing error.
const WORKERS_MAX: usize = 1024;

/// Most orchestrators kill after 30 s, so what is longer is cut there anyway.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Zero cuts at once; a day is longer than any deployment waits.
const DRAIN_TIMEOUT_RANGE: RangeInclusive<Duration> =
    Duration::ZERO..=Duration::from_secs(24 * 60 * 60);

/// Beside gateway.toml, so that one folder is a whole set-up.
const PLUGINS_DIR: &str = "plugins";

/// A gateway that nobody asked for traces leaves those of others alone: one that named a span which
/// is recorded nowhere would tear a trace apart.
const PROPAGATE: bool = false;

/// Loopback, because `/status` and `/metrics` ask nobody who they are.
const ADMIN_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9901);

/// The settings, and the pipeline that every route begins with.
pub(super) fn read(
    mut table: Table<'_>,
    check: &Check<'_>,
    plugins: &Names<'_>,
) -> Option<(Gateway, Vec<PipelineEntry>)> {
    let name = table.or("name", NAME.to_owned(), token);
    let workers = table.or("workers", None, |value| value.integer(1..=WORKERS_MAX).map(Some));
    let trusted_proxies =
        table.or("trusted_proxies", Vec::new(), |value| each(&value.items()?, network));
    let drain_timeout =
        table.or("drain_timeout", DRAIN_TIMEOUT, |value| value.duration(&DRAIN_TIMEOUT_RANGE));
    let plugins_dir = table.or("plugins_dir", check.beside(PLUGINS_DIR), |value| check.path(value));
    let cache_dir =
        table.or("cache_dir", default_cache_dir(check), |value| match value.node.kind {
            Kind::Boolean(false) => Some(None),
            Kind::Text(_) => check.path(value).map(Some),
            _ => value.wrong("a string or `false`"),
        });
    let pipeline = table.or("pipeline", Vec::new(), |value| {
        pipeline::read(value, "the gateway", Owner::Gateway, plugins)
    });
    let tracing = table.section("tracing").and_then(|mut tracing| {
        let propagate = tracing.or("propagate", PROPAGATE, Value::boolean);
        tracing.end();
        propagate
    });
    let compression = table.or("compression", None, compression::read);
    let trusted_keys = table.or("trusted_keys", Vec::new(), pin::trusted_keys);
    table.end();
    let gateway = Gateway {
        name: name?,
        workers: workers?,
        trusted_proxies: trusted_proxies?,
        drain_timeout: drain_timeout?,
        plugins_dir: plugins_dir?,
        cache_dir: cache_dir?,
        propagates_trace: tracing?,
        compression: compression?,
        trusted_keys: trusted_keys?,
    };
    Some((gateway, pipeline?))
}

/// A token (RFC 9110 section 5.6.2), because `Via` and `Proxy-Status` carry the name as one.
fn token(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let first = text.value.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    if first && text.value.len() <= NAME_BYTES_MAX && text.value.bytes().all(token) {
        return Some(text.value.into_owned());
    }
    value.refuse(
        value
            .finding(format!("{} cannot be the name of the gateway", text.quoted()))
            .label("not a token")
            .hint(format!(
                "a letter, then letters, digits, `-`, `_` or `.`; at most {NAME_BYTES_MAX}"
            )),
    )
}

pub(super) fn network(value: &Value<'_>) -> Option<IpNet> {
    let text = value.text()?;
    if let Ok(address) = text.value.parse::<IpAddr>() {
        return Some(IpNet::from(address));
    }
    let Ok(network) = text.value.parse::<IpNet>() else {
        let message = format!("{} is not a network", text.quoted());
        let hint = "write an address such as `192.0.2.1`, or a network such as `10.0.0.0/8`";
        return value.refuse(value.finding(message).hint(hint));
    };
    if network.addr() == network.network() {
        return Some(network);
    }
    let finding = value.finding(format!("{} has bits set behind its prefix", text.quoted()));
    let hint = text.literal().map(|_| format!("the network is `{}`", network.trunc()));
    value.refuse(finding.maybe_hint(hint))
}

/// `$XDG_CACHE_HOME/tidegate`, else `$HOME/.cache/tidegate`. The XDG specification has relative
/// paths ignored.
fn default_cache_dir(check: &Check<'_>) -> Option<PathBuf> {
    let absolute = |name: &str| {
        (check.environment)(name).filter(|path| Path::new(path).is_absolute()).map(PathBuf::from)
    };
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("tidegate"))
}

/// The table `[admin]`, or `admin = false`.
pub(super) fn admin(root: &mut Table<'_>, check: &Check<'_>) -> Option<Admin> {
    let Some(value) = root.take("admin") else {
        return Some(Admin { address: Some(ADMIN_ADDRESS) });
    };
    match value.node.kind {
        Kind::Boolean(false) => return Some(Admin { address: None }),
        Kind::Table(_) => {}
        _ => return value.wrong("a table or `false`"),
    }
    let mut table = value.table()?;
    let place = table.take("address");
    let address = match &place {
        Some(value) => listener::address(value),
        None => Some(ADMIN_ADDRESS),
    };
    table.end();
    if let (Some(place), Some(address)) = (&place, address)
        && !address.ip().is_loopback()
    {
        let finding = place.finding("the admin listener is not on loopback");
        check.warn(
            finding
                .label("it answers whoever reaches it")
                .hint("keep it on `127.0.0.1`, or let only your own monitoring reach this address"),
        );
    }
    Some(Admin { address: Some(address?) })
}

/// What the file says of the admin listener.
#[derive(Clone, Copy)]
pub(super) struct Admin {
    /// Absent if it is off.
    pub(super) address: Option<SocketAddr>,
}
