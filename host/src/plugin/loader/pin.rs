//! Whether a component's file is the one that the operator trusts.

use std::fs;
use std::path::Path;

use super::identity::hex_digest;
use super::source::Source;
use crate::config::{Pin, Plugin, Untrusted};
use crate::plugin::{Fault, Origin, Place};

/// A signature has four lines; the comments are a few words.
const SIGNATURE_BYTES_MAX: u64 = 16 * 1024;

/// Checks the digest of any component, and the signature of one that is read from a file, which is
/// given back: an embedded one came with the gateway itself.
pub(super) fn check(config: &Plugin, source: &Source) -> Result<Option<String>, Vec<Fault>> {
    let pin = &config.pin;
    let mut faults = Vec::new();
    faults.extend(pin.sha256.as_ref().and_then(|pinned| other_digest(config, pinned, source)));
    let signature = match &source.origin {
        Origin::File(file) => {
            pin.signature_of(file).map(|signature| trusted(pin, file, &signature, &source.bytes))
        }
        Origin::Embedded => None,
    };
    match signature.transpose() {
        Ok(signature) if faults.is_empty() => Ok(signature),
        Ok(_) => Err(faults),
        Err(fault) => {
            faults.push(fault);
            Err(faults)
        }
    }
}

fn other_digest(config: &Plugin, pinned: &str, source: &Source) -> Option<Fault> {
    let found = hex_digest(&source.bytes);
    (found != *pinned).then(|| Fault {
        place: Place::Sha256,
        message: format!("the component of plugin `{}` is not the one that is pinned", config.name),
        hint: Some(format!("if you trust what is there now, write `sha256 = \"{found}\"`")),
    })
}

fn trusted(pin: &Pin, file: &Path, signature: &Path, bytes: &[u8]) -> Result<String, Fault> {
    let (file, shown) = (file.display(), signature.display());
    let fault = |message, hint| Err(Fault { place: Place::Signature, message, hint: Some(hint) });
    let sign = || format!("sign it: `minisign -Sm {file}` writes `{file}.minisig`");
    let text = match read(signature) {
        Ok(text) => text,
        Err(why) => {
            let message = format!("the signature `{shown}` of a component cannot be read: {why}");
            return fault(message, sign());
        }
    };
    match pin.verify(bytes, &text) {
        Ok(()) => Ok(text),
        Err(Untrusted::Malformed) => {
            fault(format!("`{shown}` is not a signature of minisign"), sign())
        }
        Err(Untrusted::UnknownKey) => fault(
            format!("the signature `{shown}` was made by none of the trusted keys"),
            "if you trust who made it, add the public key to `trusted_keys`".to_owned(),
        ),
        Err(Untrusted::OtherFile) => fault(
            format!("the signature `{shown}` is not that of `{file}`"),
            "the file was changed or damaged after it was signed, or the signature is that of \
             another version"
                .to_owned(),
        ),
    }
}

fn read(signature: &Path) -> Result<String, String> {
    let size = fs::metadata(signature).map_err(|error| error.to_string())?.len();
    if size > SIGNATURE_BYTES_MAX {
        return Err(format!("it is longer than {SIGNATURE_BYTES_MAX} bytes"));
    }
    fs::read_to_string(signature).map_err(|error| error.to_string())
}
