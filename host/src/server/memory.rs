//! Memory that a change leaves behind.

/// Gives freed memory back to the system.
///
/// Compiling plugins leaves the allocator with megabytes of free memory in many small places, on
/// threads that may not allocate again for hours; without this, memory would grow with the number
/// of changes. It may run on any thread.
pub(super) fn give_back() {
    #[cfg(target_env = "gnu")]
    {
        #[expect(
            unsafe_code,
            reason = "a function of the C library without arguments to get wrong"
        )]
        // SAFETY: `malloc_trim` is thread-safe and frees only what nobody holds.
        unsafe {
            libc::malloc_trim(0);
        }
    }
}
