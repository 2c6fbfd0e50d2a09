//! Accounts, certificates and keys on disk.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};

use crate::config::Acme;
use crate::listener::tls;

/// Of those of a digest, which tell one file from another.
const DIGEST_BYTES: usize = 8;

/// The files of one certificate. Nobody but the gateway's user may read them.
#[derive(Debug, Clone)]
pub struct Storage {
    folder: PathBuf,
    certificate: String,
    account: String,
}

impl Storage {
    /// Other domains or another directory are other files.
    #[must_use]
    pub fn of(settings: &Acme) -> Self {
        let domain = settings.domains.first().map_or("none", String::as_str);
        let directory = [settings.directory.as_str()];
        let all = directory.into_iter().chain(settings.domains.iter().map(String::as_str));
        Self {
            folder: settings.storage.clone(),
            certificate: format!("{domain}-{}.pem", digest(all)),
            account: format!("account-{}.json", digest(directory.into_iter())),
        }
    }

    /// The chain, leaf first, with its key behind it, in PEM. It need not exist.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.join(&self.certificate)
    }

    /// When the certificate begins and ends, in seconds since 1970; none if there is no good one.
    pub(super) fn validity(&self) -> Option<(i64, i64)> {
        tls::validity(&fs::read(self.certificate()).ok()?)
    }

    pub(super) fn account(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.folder.join(&self.account)) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn keep_account(&self, content: &[u8]) -> io::Result<()> {
        write(&self.folder, &self.account, content)
    }

    pub(super) fn keep_certificate(&self, chain: &str, key: &str) -> io::Result<()> {
        // One file, so that no reader sees a chain with another's key.
        let content = format!("{}\n{}", chain.trim_end(), key);
        write(&self.folder, &self.certificate, content.as_bytes())
    }
}

/// Whole or not at all.
fn write(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let new = folder.join(format!("{name}.new"));
    // One that is left of a crash may have other rights.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(new, folder.join(name))
}

fn digest<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let mut digest = Context::new(&SHA256);
    for part in parts {
        digest.update(part.as_bytes());
        digest.update(b"\0");
    }
    let digest = digest.finish();
    digest.as_ref().iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::{Acme, Storage, fs};
    use crate::config::AcmeChallenge;

    fn settings(storage: std::path::PathBuf, domains: &[&str]) -> Acme {
        Acme {
            domains: domains.iter().map(ToString::to_string).collect(),
            directory: "https://ca.example/directory".to_owned(),
            contact: Vec::new(),
            storage,
            ca: None,
            challenge: AcmeChallenge::Http01,
        }
    }

    #[test]
    fn what_is_kept_is_for_the_gateways_eyes_only() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::of(&settings(folder.path().join("acme"), &["a.example"]));
        assert_eq!(storage.account().unwrap(), None);
        storage.keep_account(b"first").unwrap();
        storage.keep_account(b"second").unwrap();
        assert_eq!(storage.account().unwrap().as_deref(), Some(&b"second"[..]));
        assert_eq!(storage.validity(), None);

        let pair = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        storage.keep_certificate(&pair.cert.pem(), &pair.signing_key.serialize_pem()).unwrap();
        assert!(storage.validity().is_some());
        let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder.path().join("acme")), 0o700);
        assert_eq!(mode(storage.certificate()), 0o600);
        let others =
            Storage::of(&settings(folder.path().join("acme"), &["a.example", "b.example"]));
        assert_ne!(others.certificate(), storage.certificate());
        assert_eq!(others.account().unwrap().as_deref(), Some(&b"second"[..]));
    }
}
