//! Writes one line about every exchange.
//!
//! The format is taken apart in `configure`. A line then costs one call of the host for each fact
//! that it shows, and one to queue it; facts that it does not show are not asked for.

mod config;
mod encode;
mod field;
mod layout;
mod redact;
mod sample;
mod template;
#[cfg(test)]
mod tests;
mod time;
mod value;
mod variable;

use std::cell::RefCell;

use tidegate_plugin::output::{self, OutputError};
use tidegate_plugin::{ConfigError, OnLog, Plugin, Summary, log, metrics};

pub use config::{Config, FormatName};
use encode::Cut;
pub use field::Field;
use layout::Layout;
use redact::Redaction;
use sample::Sample;

/// As long as a line may be, in bytes.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// What a value keeps if the line would be longer. With all of 27 fields and six bytes for each
/// byte that has to be escaped, that is 41 KiB.
const VALUE_BYTES_IN_LONG_LINE: usize = 256;

/// Room for most lines, so that they are written without moving.
const LINE_BYTES_USUAL: usize = 2 * 1024;

/// The plugin with its configuration.
pub struct AccessLog {
    layout: Layout,
    redaction: Redaction,
    sample: Sample,
    output: String,
    /// Written again for each exchange.
    line: RefCell<Vec<u8>>,
}

tidegate_plugin::export!(AccessLog: OnLog);

impl Plugin for AccessLog {
    type Config = Config;

    const SUMMARY: &'static str = "writes one line about every exchange";

    fn configure(config: Config) -> Result<Self, ConfigError> {
        let sample = Sample::check(&config)?;
        check_output(&config.output)?;
        let redaction = Redaction::new(config.redact.clone(), config.redact_also.clone());
        Ok(Self {
            layout: Layout::check(&config, &redaction)?,
            redaction,
            sample,
            output: config.output,
            line: RefCell::new(Vec::with_capacity(LINE_BYTES_USUAL)),
        })
    }
}

impl OnLog for AccessLog {
    fn on_complete(&self, summary: &Summary) {
        if !self.sample.takes(summary) {
            return count("access_log_sampled_out", &[]);
        }
        let mut line = self.line.borrow_mut();
        self.write(&mut line, summary, Cut(usize::MAX));
        if line.len() > LINE_BYTES_MAX {
            self.write(&mut line, summary, Cut(VALUE_BYTES_IN_LONG_LINE));
        }
        if let Err(error) = output::write(&self.output, line.as_slice()) {
            let reason = match error {
                OutputError::Overflow => "overflow",
                OutputError::TooLarge => "too_large",
                OutputError::Unknown => "unknown_output",
            };
            count("access_log_dropped", &[("reason", reason)]);
        }
    }
}

impl AccessLog {
    fn write(&self, line: &mut Vec<u8>, summary: &Summary, cut: Cut) {
        line.clear();
        self.layout.write(line, summary, &self.redaction, cut);
    }
}

/// Outputs are named in gateway.toml, so a wrong one is found before the first line is lost.
fn check_output(output: &str) -> Result<(), ConfigError> {
    let names = output::names();
    if names.iter().any(|name| name == output) {
        return Ok(());
    }
    let nearest = names
        .iter()
        .map(|name| (strsim::levenshtein(name, output), name))
        .min()
        .filter(|(distance, _)| *distance <= 2);
    let way_out = match nearest {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => format!("there are {}; define it with [outputs.{output}]", names.join(", ")),
    };
    Err(ConfigError::at("/output", format!("there is no output `{output}`; {way_out}")))
}

/// Counts. A sample that is not recorded is not worth a word to each client.
fn count(metric: &str, labels: &[(&str, &str)]) {
    if metrics::count(metric, labels).is_err() {
        log::debug("a sample of the access log was not recorded");
    }
}
