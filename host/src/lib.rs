//! Tidegate: a programmable API gateway.
//!
//! Every policy is a WebAssembly component behind the contract in `wit/`; this crate does what must
//! be native. Its modules read in the order a request travels: `listener`, `exchange`, `route`,
//! `plugin`, `upstream`.

pub mod acme;
mod admin;
pub mod author;
pub mod body;
pub mod cli;
pub mod clock;
pub mod config;
pub mod crypto;
mod demo;
pub mod exchange;
mod explain;
pub mod facts;
pub mod failure;
pub mod gate;
pub mod listener;
pub mod plugin;
pub mod route;
pub mod server;
pub mod snapshot;
pub mod state;
pub mod telemetry;
pub mod upstream;
