//! Messages, kept for the test.

use super::state;
use crate::log::Level;

/// Bytes of one message; the rest is cut.
const MESSAGE_BYTES_MAX: usize = 4096;
/// Messages of one call; those beyond are dropped.
const MESSAGES_MAX: usize = 64;

/// One message that a plugin logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub text: String,
}

/// Takes what was logged since the last phase began, `configure` included.
#[must_use]
pub fn take() -> Vec<Message> {
    state::with(|state| std::mem::take(&mut state.messages))
}

pub(crate) fn write(level: Level, message: &str) {
    let end = message.floor_char_boundary(MESSAGE_BYTES_MAX);
    let text = message.get(..end).unwrap_or_default().to_owned();
    state::with(|state| {
        if state.messages.len() < MESSAGES_MAX {
            state.messages.push(Message { level, text });
        }
    });
}
