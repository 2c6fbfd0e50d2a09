//! Whether a plugin takes part in an exchange, and in which version.

/// What was decided of a plugin that does not take part in every exchange in the same way, at its first
/// turn. All later phases keep to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Part {
    /// It had no turn yet.
    #[default]
    Undecided,
    /// Its condition does not hold.
    Out,
    /// It runs.
    Stable,
    /// Its other version runs.
    Canary,
    /// It runs, and its other version beside it, without effect.
    Both,
}
