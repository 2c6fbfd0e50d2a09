//! What outlives an exchange and a reload: counters, keys and values, queued lines.
//!
//! The clock is an argument of everything here that computes with time.

pub mod counter;
pub mod kv;
pub mod output;
