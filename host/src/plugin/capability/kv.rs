//! `kv`: keys and values in the gateway's memory.

use tidegate_macros::host_calls;
use wasmtime::Result;

use crate::plugin::contract::bindings::tidegate::plugin::kv as wit;
use crate::plugin::guest::Guest;
use crate::state::kv::{Expected, KvError};
use crate::telemetry::metrics::Interface;

#[host_calls(Interface::Kv)]
impl wit::Host for Guest {
    fn get(&mut self, key: String) -> Result<Option<wit::Entry>> {
        self.in_phase("kv.get")?;
        if !self.may_use(&key) {
            return Ok(None);
        }
        Ok(self
            .shared
            .kv
            .get(&key, now_ms())
            .map(|entry| wit::Entry { value: entry.value.to_vec(), version: entry.version }))
    }

    fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
    ) -> Result<Result<u64, wit::KvError>> {
        self.in_phase("kv.set")?;
        Ok(self.write_key(&key, Expected::Anything, value, ttl_ms))
    }

    fn compare_and_set(
        &mut self,
        key: String,
        expected: Option<u64>,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
    ) -> Result<Result<u64, wit::KvError>> {
        self.in_phase("kv.compare-and-set")?;
        let expected = expected.map_or(Expected::Nothing, Expected::Version);
        Ok(self.write_key(&key, expected, value, ttl_ms))
    }

    fn delete(&mut self, key: String) -> Result<bool> {
        self.in_phase("kv.delete")?;
        Ok(self.may_use(&key) && self.shared.kv.delete(&key, now_ms()))
    }
}

impl Guest {
    /// Whether the key is within the scope of the grant.
    fn may_use(&self, key: &str) -> bool {
        self.shared.grants.kv().is_none_or(|scope| scope.allows(key))
    }

    fn write_key(
        &self,
        key: &str,
        expected: Expected,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
    ) -> std::result::Result<u64, wit::KvError> {
        if !self.may_use(key) {
            return Err(wit::KvError::Denied);
        }
        self.shared.kv.set(key, expected, value, ttl_ms, now_ms()).map_err(Into::into)
    }
}

/// On the clock that never jumps, because a value's time must not end early or late.
fn now_ms() -> u64 {
    crate::clock::steady_unix_us() / 1000
}

impl From<KvError> for wit::KvError {
    fn from(error: KvError) -> Self {
        match error {
            KvError::Conflict => Self::Conflict,
            KvError::TooLarge => Self::TooLarge,
            KvError::Full => Self::Full,
        }
    }
}
