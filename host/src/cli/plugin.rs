//! `tidegate plugin …`: what is done with one plugin.

mod rollback;

use std::io::Write;

use clap::Subcommand;

use super::Problem;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Put a plugin's file back to a version that has served.
    Rollback(rollback::Rollback),
}

/// Runs one of the commands.
pub(super) fn run(command: &Command, out: &mut dyn Write) -> Result<(), Problem> {
    match command {
        Command::Rollback(arguments) => rollback::run(arguments, out),
    }
}
