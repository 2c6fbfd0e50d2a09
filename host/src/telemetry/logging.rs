//! The gateway's own log, on standard error.

use std::fmt;
use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people; in colour on a terminal.
    Text,
}

/// Why there is no log.
#[derive(Debug)]
pub enum LoggingError {
    /// The filter is not one, such as `info,tidegate=debug`.
    Filter(tracing_subscriber::filter::ParseError),
    /// Somebody has set up a log already.
    Taken(tracing::subscriber::SetGlobalDefaultError),
}

impl fmt::Display for LoggingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filter(_) => f.write_str("the log filter is not valid"),
            Self::Taken(_) => f.write_str("a log has been set up already"),
        }
    }
}

impl std::error::Error for LoggingError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Filter(error) => Some(error),
            Self::Taken(error) => Some(error),
        }
    }
}

/// Starts logging to standard error; once in a process.
///
/// `filter` is a level (`info`) or several for parts (`info,tidegate::plugin=debug`).
///
/// # Errors
/// The filter is not valid, or there is a log already.
pub fn init(format: Format, filter: &str) -> Result<(), LoggingError> {
    let is_terminal = io::stderr().is_terminal();
    let subscriber = subscriber(format, filter, is_terminal, io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(LoggingError::Taken)
}

fn subscriber<W>(
    format: Format,
    filter: &str,
    is_terminal: bool,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, LoggingError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(filter).map_err(LoggingError::Filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(is_terminal)
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(writer);
    Ok(match format {
        Format::Json => Box::new(builder.json().flatten_event(true).finish()),
        Format::Text => Box::new(builder.finish()),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn log(format: Format, filter: &str) -> String {
        let page = Page::default();
        let writer = page.clone();
        let subscriber =
            subscriber(format, filter, false, move || writer.clone()).expect("a filter");
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(route = "users", "first");
            tracing::warn!(count = 2, "second");
        });
        let bytes = page.0.lock().expect("no panic").clone();
        String::from_utf8(bytes).expect("a text")
    }

    #[test]
    fn a_json_line_has_its_fields_beside_its_message() {
        let text = log(Format::Json, "info");
        let first: serde_json::Value =
            serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
        assert_eq!(first["level"], "INFO");
        assert_eq!(first["message"], "first");
        assert_eq!(first["route"], "users");
        assert!(first["timestamp"].is_string());
    }

    #[test]
    fn a_text_line_has_no_colours_off_a_terminal() {
        let text = log(Format::Text, "info");
        assert!(text.lines().next().expect("a line").ends_with("first route=\"users\""), "{text}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn the_filter_leaves_out_what_is_below_it() {
        let text = log(Format::Text, "warn");
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains("second"));
    }

    #[test]
    fn a_filter_that_is_none_is_refused() {
        let outcome = subscriber(Format::Text, "tidegate=loud", false, io::sink);
        assert!(matches!(outcome, Err(LoggingError::Filter(_))));
    }
}
