//! The first-party components, which make one file a whole gateway.

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The component of this name.
pub(super) fn find(name: &str) -> Option<&'static [u8]> {
    EMBEDDED.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}

/// All names, sorted.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    EMBEDDED.iter().map(|(name, _)| *name)
}
