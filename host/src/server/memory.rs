//! The allocator, and memory that a change leaves behind.

use mimalloc::MiMalloc;

/// Exchanges are made of many small pieces, on which glibc's allocator spends a tenth of their time.
///
/// Without huge pages, with which an idle gateway would hold 27 MiB more.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Gives freed memory back to the system.
///
/// Compiling plugins leaves the allocator with megabytes of free memory in many small places, on
/// threads that may not allocate again for hours; without this, memory would grow with the number
/// of changes. It is the calling thread's memory that is given back, and that of threads that ended.
pub(super) fn give_back() {
    #[expect(unsafe_code, reason = "a function of the allocator without arguments to get wrong")]
    // SAFETY: it may be called at any time, and frees only what nobody holds.
    unsafe {
        libmimalloc_sys::mi_collect(true);
    }
}
