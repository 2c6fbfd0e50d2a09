//! The two functions of C's library by which Rust's standard library would reach for WASI.
//!
//! Every Rust program can print a panic, so every component would import the standard streams and
//! the environment (for `RUST_BACKTRACE`) from WASI, and each instance would carry them. The linker
//! takes these definitions in place of those of the library, and a component imports nothing but
//! the contract. What is printed goes to the gateway's log.
#![expect(unsafe_code, reason = "the signatures are those of C")]

use std::ffi::{c_char, c_int, c_void};

use crate::log::{self, Level};

const STDERR: c_int = 2;

/// Writes to the gateway's log, whatever the descriptor: `println!` as information, all else as
/// an error.
#[unsafe(no_mangle)]
extern "C" fn write(descriptor: c_int, bytes: *const c_void, length: usize) -> isize {
    // SAFETY: POSIX asks the caller for `length` readable bytes.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length) };
    let level = if descriptor == STDERR { Level::Error } else { Level::Info };
    log::write(level, String::from_utf8_lossy(bytes).trim());
    isize::try_from(length).unwrap_or(isize::MAX)
}

/// A plugin has no environment: what it needs to know is in its configuration.
#[unsafe(no_mangle)]
const extern "C" fn getenv(_: *const c_char) -> *const c_char {
    std::ptr::null()
}
