//! Tells what its whole memory holds, as one number, and then writes wherever it can.

use std::cell::Cell;
use std::hint::black_box;

use tidegate_plugin::{
    ConfigError, NoConfig, OnRequest, Plugin, RequestAction, log, request, response,
};

struct Scribbles;

impl Plugin for Scribbles {
    type Config = NoConfig;

    const SUMMARY: &'static str = "writes wherever it can";

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

#[cfg(target_arch = "wasm32")]
const PAGE_BYTES: usize = 64 * 1024;

thread_local! {
    /// Zeroes at first, some words at first, and a pointer to whatever was left behind last.
    static ZEROES: Cell<[u64; 2048]> = const { Cell::new([0; 2048]) };
    static WORDS: Cell<[u64; 512]> = const { Cell::new([7; 512]) };
    static LEFT: Cell<Option<&'static [u8]>> = const { Cell::new(None) };
}

impl OnRequest for Scribbles {
    fn on_request(&self) -> RequestAction {
        let seen = memory();
        for (name, value) in [("x-bytes", seen.len().to_string()), ("x-sum", sum(seen).to_string())]
        {
            if let Err(error) = response::set_header(name, value) {
                log::error(error.name());
            }
        }
        let many = request::header("x-bytes").and_then(|bytes| bytes.parse().ok()).unwrap_or(1000);
        ZEROES.set([black_box(0xaaaa); 2048]);
        WORDS.set([black_box(0xbbbb); 512]);
        LEFT.set(Some(Vec::leak(vec![black_box(0xcc); many])));
        black_box(deep(200));
        RequestAction::Forward
    }
}

/// Everything, from the second byte on: the first has the address zero.
#[cfg(target_arch = "wasm32")]
fn memory() -> &'static [u8] {
    let bytes = core::arch::wasm32::memory_size(0) * PAGE_BYTES;
    #[expect(unsafe_code, reason = "what this guest is for")]
    // SAFETY: the linear memory is as long as that, and nothing is written while it is read.
    unsafe {
        std::slice::from_raw_parts(std::ptr::without_provenance(1), bytes - 1)
    }
}

/// Where there is no linear memory.
#[cfg(not(target_arch = "wasm32"))]
const fn memory() -> &'static [u8] {
    &[]
}

/// FNV-1a.
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Writes to some hundred kilobytes of the stack.
fn deep(depth: u64) -> u64 {
    let frame = black_box([depth; 128]);
    if depth == 0 { 0 } else { deep(depth - 1) + frame.iter().sum::<u64>() }
}

tidegate_plugin::export!(Scribbles: OnRequest);
