//! The keys `sha256`, `signature` and `trusted_keys`.

use super::check::Check;
use super::table::Table;
use super::value::{Value, each};
use super::{Location, Pin, TrustedKey};

/// Characters of a SHA-256 in hexadecimal.
const SHA256_CHARACTERS: usize = 64;

/// What a plugin's table says, with `trusted` for keys that it does not name; and where the digest
/// and the signature are asked for, if they are.
pub(super) fn read(
    table: &mut Table<'_>,
    check: &Check<'_>,
    trusted: &[TrustedKey],
) -> Option<(Pin, [Option<Location>; 2])> {
    let sha256_at = table.take("sha256");
    let sha256 = sha256_at.as_ref().map_or(Some(None), |value| sha256(value).map(Some));
    let keys_at = table.take("trusted_keys");
    let keys = keys_at.as_ref().map_or_else(|| Some(trusted.to_vec()), trusted_keys);
    let signature_at = table.take("signature");
    let signature = match &signature_at {
        Some(value) => check.path(value).map(Some),
        None => Some(None),
    };
    let (sha256, trusted_keys, signature) = (sha256?, keys?, signature?);
    if let (Some(value), true) = (&signature_at, trusted_keys.is_empty()) {
        let finding = value.finding("a signature is of no use without `trusted_keys`");
        let hint = "name the public key that the component is signed with, here or in `[gateway]`";
        return value.refuse(finding.hint(hint));
    }
    let at = |value: Option<Value<'_>>| value.map(|value| value.at().clone());
    let places = [at(sha256_at), at(signature_at.or(keys_at))];
    Some((Pin { sha256, trusted_keys, signature }, places))
}

/// An array of public keys; an empty one trusts nobody, and asks for no signature.
pub(super) fn trusted_keys(value: &Value<'_>) -> Option<Vec<TrustedKey>> {
    each(&value.items()?, |item| {
        let text = item.text()?;
        if let Some(key) = TrustedKey::parse(&text.value) {
            return Some(key);
        }
        let finding = item.finding(format!("{} is not a public key of minisign", text.quoted()));
        item.refuse(finding.hint("write the second line of `minisign.pub`, which begins with `RW`"))
    })
}

fn sha256(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let is_digest = text.value.len() == SHA256_CHARACTERS
        && text.value.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_digest {
        return Some(text.value.to_ascii_lowercase());
    }
    let finding = value.finding(format!("{} is not a SHA-256", text.quoted()));
    value.refuse(finding.hint("write the 64 hexadecimal digits that `sha256sum` shows"))
}
