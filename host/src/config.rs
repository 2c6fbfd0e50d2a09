//! From gateway.toml to a checked [`Config`].
//!
//! ```text
//! files --read--> Document (as written, with places) --check--> Config --build--> snapshot
//! ```
//!
//! Everything behind [`load`] may assume that names resolve and numbers are in range.

pub mod finding;
pub mod model;
