//! `metrics`: the plugin's own.

use tidegate_macros::host_calls;
use wasmtime::Result;

use crate::plugin::contract::bindings::tidegate::plugin::metrics::{Host, Label, MetricError};
use crate::plugin::guest::Guest;
use crate::telemetry::metrics::{Interface, MetricError as Refused};

#[host_calls(Interface::Metrics)]
impl Host for Guest {
    fn add(
        &mut self,
        name: String,
        labels: Vec<Label>,
        amount: f64,
    ) -> Result<Result<(), MetricError>> {
        self.in_phase("metrics.add")?;
        Ok(self.shared.metrics.add(&name, &labels, amount).map_err(Into::into))
    }

    fn observe(
        &mut self,
        name: String,
        labels: Vec<Label>,
        value: f64,
    ) -> Result<Result<(), MetricError>> {
        self.in_phase("metrics.observe")?;
        Ok(self.shared.metrics.observe(&name, &labels, value).map_err(Into::into))
    }
}

impl From<Refused> for MetricError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::InvalidName => Self::InvalidName,
            Refused::KindMismatch => Self::KindMismatch,
            Refused::TooManySeries => Self::TooManySeries,
            Refused::InvalidValue => Self::InvalidValue,
        }
    }
}
