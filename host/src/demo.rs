//! `tidegate demo`: a gateway and an upstream on loopback, and what to type.

mod guide;
mod origin;
mod token;

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::crypto;
use crate::server::{self, Options, StartError};
use guide::Guide;

/// What the demo starts from; its user may change the copy.
const CONFIGURATION: &str = include_str!("../../examples/demo/gateway.toml");

/// Where the admin listener is, unless the port is taken.
const ADMIN_PORT: u16 = 9901;

/// Twice what HS256 asks for.
const SECRET_BYTES: u32 = 64;

/// Why there is no demo.
#[derive(Debug)]
pub(crate) enum DemoError {
    /// The gateway does not start.
    Start(StartError),
    /// A file, a port or the terminal.
    System { what: String, source: io::Error },
}

impl DemoError {
    fn of(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { what: what.into(), source }
    }
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => error.fmt(f),
            Self::System { what, source } => write!(f, "{what}: {source}"),
        }
    }
}

impl std::error::Error for DemoError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Start(error) => Some(error),
            Self::System { source, .. } => Some(source),
        }
    }
}

/// Serves until a signal; the guide goes to `out` first.
pub(crate) fn run(folder: &Path, port: u16, out: &mut dyn Write) -> Result<(), DemoError> {
    let (file, is_new) = configuration(folder)?;
    let secret = URL_SAFE_NO_PAD.encode(crypto::random(SECRET_BYTES));
    let token = token::mint(&secret, crate::clock::unix_ms() / 1000);
    let upstream =
        origin::start().map_err(DemoError::of("the demo's upstream cannot be started"))?;
    let given = free(port)?;
    let variables = [
        ("TIDEGATE_DEMO_PORT", given.to_string()),
        ("TIDEGATE_DEMO_ADMIN_PORT", free(ADMIN_PORT)?.to_string()),
        ("TIDEGATE_DEMO_UPSTREAM_PORT", upstream.port().to_string()),
        ("TIDEGATE_DEMO_SECRET", secret),
    ];
    let environment = move |name: &str| {
        let own = variables.iter().find(|(known, _)| *known == name);
        own.map(|(_, value)| value.clone()).or_else(|| std::env::var(name).ok())
    };
    let options =
        Options { environment: Arc::new(environment), signals: true, ..Options::new(file.clone()) };
    let running = server::start(options).map_err(DemoError::Start)?;

    let guide = Guide {
        gateway: running.addresses().first().copied(),
        admin: running.admin(),
        taken: (given != port).then_some(port),
        file: &file,
        is_new,
        token: &token,
    };
    let shown = write!(out, "{guide}").and_then(|()| out.flush());
    shown.map_err(DemoError::of("the guide cannot be shown"))?;
    running.wait();
    Ok(())
}

/// Puts the configuration into the folder, unless there is one.
fn configuration(folder: &Path) -> Result<(PathBuf, bool), DemoError> {
    let file = folder.join("gateway.toml");
    let failed = |source| DemoError::of(format!("`{}` cannot be written", file.display()))(source);
    fs::create_dir_all(folder.join("plugins")).map_err(failed)?;
    let is_new = match fs::File::create_new(&file) {
        Ok(mut new) => new.write_all(CONFIGURATION.as_bytes()).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    };
    let is_new = is_new.map_err(failed)?;
    Ok((file, is_new))
}

/// The port, or another one if it is taken.
fn free(port: u16) -> Result<u16, DemoError> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let bound = bind(port).or_else(|_taken| bind(0)).and_then(|socket| socket.local_addr());
    bound.map(|address| address.port()).map_err(DemoError::of("there is no free port"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn the_configuration_is_written_once_and_then_its_users() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, is_new) = configuration(folder.path()).expect("written");
        assert!(is_new);
        assert_eq!(fs::read_to_string(&file).expect("there"), CONFIGURATION);
        fs::write(&file, "changed").expect("written");
        let (file, is_new) = configuration(folder.path()).expect("kept");
        assert!(!is_new);
        assert_eq!(fs::read_to_string(file).expect("there"), "changed");
    }

    #[test]
    fn the_configuration_is_good_without_the_demo() {
        let loaded = config::load_text("gateway.toml", CONFIGURATION, &|_| None);
        let loaded = loaded.unwrap_or_else(|findings| panic!("{findings}"));
        assert_eq!(loaded.warnings, []);
        assert_eq!(loaded.config.routes.len(), 2);
    }

    #[test]
    fn a_taken_port_is_replaced_by_a_free_one() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = taken.local_addr().expect("bound").port();
        assert_ne!(free(port).expect("another one"), port);
    }
}
