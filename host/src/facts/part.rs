//! Whether a plugin takes part in an exchange.

/// What was decided of a plugin that does not take part in every exchange, at its first turn. All
/// later phases keep to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Part {
    /// It had no turn yet.
    #[default]
    Undecided,
    /// Its condition does not hold.
    Out,
    /// It runs.
    In,
}
