//! Instances that are made new again: for less than it costs to make new ones, and to the same end.
//!
//! With `isolation = "request"` every call has an instance that is as its plugin's image is. Most
//! of what such an instance costs is to make it and to take it down: its store, its core instances, a
//! reference to each function that it imports. None of that holds anything of the call. So if the
//! component allows it, an instance that has answered is put back to what it was at first:
//!
//! - its linear memory by the host, page by page: the kernel tells which pages were written, and each
//!   of those gets its first contents again ([`Memory`]);
//! - its mutable globals by the module itself: each entry sets them before anything else runs
//!   ([`module`]), in code that the guest can neither change nor pass by;
//! - tables and segments cannot have changed, since no instruction that changes them is allowed.
//!
//! A component that keeps state anywhere else is refused here, with the reason, and gets new
//! instances: more than one module with memory or mutable globals, a start function, resources, WASI.
//! An instance whose memory grew, or whose call did not end well, is dropped.

mod component;
mod memory;
mod module;
#[cfg(test)]
mod tests;

pub(super) use memory::{Memory, Pristine};

/// The export that tells where the linear memory lies: `func() -> list<u8>`, all of it.
pub(super) const MEMORY_EXPORT: &str = "tidegate-memory";

/// A component whose instances can be made new again.
#[derive(Debug)]
pub(super) struct Renewable {
    /// The component with what that needs.
    pub(super) bytes: Vec<u8>,
    /// What its memory holds at first.
    pub(super) pristine: Pristine,
}

/// Why the instances of a component cannot be made new again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) &'static str);

impl From<wasmparser::BinaryReaderError> for Refusal {
    fn from(_error: wasmparser::BinaryReaderError) -> Self {
        Self("it cannot be read")
    }
}

/// Equips a component, in which `configure` has run already.
///
/// # Errors
///
/// Where it may keep state that would not be put back.
pub(super) fn equip(component: &[u8]) -> Result<Renewable, Refusal> {
    if !Memory::can_be_restored() {
        return Err(Refusal("this system does not tell which pages were written"));
    }
    component::equip(component)
}
