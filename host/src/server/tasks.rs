//! Tasks that drain waits for, and how an end is announced.

use tokio_util::sync::CancellationToken;

/// The steps of an end, each announced once. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ending {
    /// Somebody wants the gateway to end.
    pub(crate) asked: CancellationToken,
    /// Nothing new is accepted; what is under way is finished.
    pub(crate) drain: CancellationToken,
    /// What is under way is dropped.
    pub(crate) cut: CancellationToken,
    /// Nothing is left.
    pub(crate) ended: CancellationToken,
}
