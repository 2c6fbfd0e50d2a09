//! What outlives an exchange and a reload: counters, keys and values, queued lines; and what is
//! replaced at a reload under the plugins' feet: consumers and secrets.
//!
//! The clock is an argument of everything here that computes with time.

pub mod cache;
pub mod consumer;
pub mod counter;
pub mod kv;
pub mod output;
pub mod secret;
