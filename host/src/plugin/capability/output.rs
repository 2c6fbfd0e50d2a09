//! `output`: lines for files and standard output.

use tidegate_macros::host_calls;
use wasmtime::Result;

use crate::plugin::contract::bindings::tidegate::plugin::output as wit;
use crate::plugin::guest::Guest;
use crate::state::output::OutputError;
use crate::state::secret::Ending;
use crate::telemetry::metrics::Interface;

#[host_calls(Interface::Output)]
impl wit::Host for Guest {
    fn names(&mut self) -> Result<Vec<String>> {
        let outputs = self.shared.outputs.load();
        let mut names: Vec<String> = outputs.names().map(str::to_owned).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn write(&mut self, output: String, line: Vec<u8>) -> Result<Result<(), wit::OutputError>> {
        self.in_phase("output.write")?;
        let line = self.redact(&line, Ending::Whole);
        Ok(self.shared.outputs.load().write(&output, &line).map_err(|error| match error {
            OutputError::Unknown => wit::OutputError::Unknown,
            OutputError::Overflow => wit::OutputError::Overflow,
            OutputError::TooLarge => wit::OutputError::TooLarge,
        }))
    }
}
