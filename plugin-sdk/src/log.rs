//! Messages for the operator, in the gateway's own log, with the plugin, the route and the request
//! id as fields.
//!
//! A message over 4 096 bytes is cut. One call of a phase may emit 64 messages; those beyond are
//! dropped and counted.

use crate::host::log as host;

pub use crate::bindings::plugin::tidegate::plugin::log::Level;

/// Emits one message.
pub fn write(level: Level, message: impl AsRef<str>) {
    host::write(level, message.as_ref());
}

/// Emits a message for whoever debugs this plugin step by step.
pub fn trace(message: impl AsRef<str>) {
    write(Level::Trace, message);
}

/// Emits a message for whoever debugs this plugin.
pub fn debug(message: impl AsRef<str>) {
    write(Level::Debug, message);
}

/// Emits a message that is worth knowing and asks for nothing.
pub fn info(message: impl AsRef<str>) {
    write(Level::Info, message);
}

/// Emits a message that the operator should look at some day.
pub fn warn(message: impl AsRef<str>) {
    write(Level::Warn, message);
}

/// Emits a message that the operator should look at now.
pub fn error(message: impl AsRef<str>) {
    write(Level::Error, message);
}
