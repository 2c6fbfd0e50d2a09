//! From a snapshot to what fresh instances are made from.

use std::borrow::Cow;

use super::super::instance::{Image, Renewal};
use super::super::renewal::{self, MEMORY_EXPORT, Refusal, Renewable};
use super::{Fault, Loader, all, contract};
use crate::config::{self, Isolation};

impl Loader {
    /// Compiles a snapshot, equipped to be made new again if its instances are to be fresh and can be.
    pub(super) fn image_of(
        &self,
        config: &config::Plugin,
        snapshot: &[u8],
    ) -> Result<Image, Vec<Fault>> {
        let renewable = match config.isolation {
            Isolation::Request => renewal::equip(snapshot),
            Isolation::Pooled { .. } => Err(Refusal("instances keep their state")),
        };
        let (bytes, pristine) = match renewable {
            Ok(Renewable { bytes, pristine }) => (Cow::Owned(bytes), Some(pristine)),
            Err(Refusal(reason)) => {
                tracing::debug!(plugin = %config.name, reason, "instances are not made new again");
                (Cow::Borrowed(snapshot), None)
            }
        };
        let component = self.compile(config, &bytes)?;
        let exports = contract::exports(&component).map_err(|unfit| all(config, unfit))?;
        let memory = component.get_export_index(None, MEMORY_EXPORT);
        let renewal = memory.zip(pristine).map(|(memory, pristine)| Renewal { memory, pristine });
        let pre = self.link(config, &component)?;
        Ok(Image { pre, exports, config: None, renewal })
    }
}
