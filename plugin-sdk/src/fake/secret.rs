//! Secrets that the test defines, all of them granted.

use super::{phase, state};

/// Sets the secret of this name.
pub fn define(name: &str, value: impl AsRef<[u8]>) {
    let value = value.as_ref().to_vec();
    state::with(|state| drop(state.secrets.insert(name.to_owned(), value)));
}

pub(crate) fn get(name: &str) -> Option<Vec<u8>> {
    phase::not_in_configure("secret.get");
    state::with(|state| state.secrets.get(name).cloned())
}

#[cfg(test)]
mod tests {
    use crate::fake::{reset, secret as defined};
    use crate::secret::get;

    #[test]
    fn a_secret_is_what_it_was_last_set_to() {
        reset();
        assert_eq!(get("hmac-key"), None);
        defined::define("hmac-key", "first");
        defined::define("hmac-key", "second");
        assert_eq!(get("hmac-key").as_deref(), Some(b"second".as_slice()));
    }
}
