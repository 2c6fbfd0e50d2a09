//! Linear memory, and how it gets its first contents again.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::ptr::NonNull;
use std::sync::OnceLock;

use wasmtime::Store;

use crate::plugin::guest::Guest;

/// Of written pages, in bytes. An instance that wrote more is cheaper to make than to put back.
const WRITTEN_BYTES_MAX: usize = 1 << 20;

/// Stretches of pages that one look at the page table may find.
const STRETCHES: usize = 32;

/// What a memory holds at first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::plugin) struct Pristine {
    /// Size of the memory.
    memory_bytes: usize,
    /// Where `contents` begin; all before and after is zero.
    at: usize,
    contents: Box<[u8]>,
}

impl Pristine {
    /// From segments of data with their addresses; later ones overwrite. `None` if one does not fit.
    pub(super) fn of(memory_bytes: u64, segments: &[(u32, &[u8])]) -> Option<Self> {
        let memory_bytes = usize::try_from(memory_bytes).ok()?;
        let mut at = memory_bytes;
        let mut end = 0;
        for (offset, data) in segments {
            let offset = usize::try_from(*offset).ok()?;
            let last = offset.checked_add(data.len()).filter(|last| *last <= memory_bytes)?;
            (at, end) = (at.min(offset), end.max(last));
        }
        let mut contents = vec![0; end.saturating_sub(at)].into_boxed_slice();
        for (offset, data) in segments {
            let offset = usize::try_from(*offset).ok()? - at;
            contents.get_mut(offset..offset + data.len())?.copy_from_slice(data);
        }
        Some(Self { memory_bytes, at, contents })
    }

    /// Fills `bytes`, which lie in the memory at this offset.
    fn fill(&self, offset: usize, bytes: &mut [u8]) {
        let end = offset + bytes.len();
        let contents_end = self.at + self.contents.len();
        let (from, to) = (self.at.clamp(offset, end), contents_end.clamp(offset, end));
        let (before, rest) = bytes.split_at_mut(from - offset);
        let (middle, after) = rest.split_at_mut(to.saturating_sub(from));
        before.fill(0);
        if !middle.is_empty()
            && let Some(contents) = self.contents.get(from - self.at..to - self.at)
        {
            middle.copy_from_slice(contents);
        }
        after.fill(0);
    }
}

/// The linear memory of a live instance.
#[derive(Debug)]
pub(in crate::plugin) struct Memory {
    base: NonNull<u8>,
    bytes: usize,
}

#[expect(unsafe_code, reason = "a pointer, which goes from thread to thread with its store")]
// SAFETY: it is used only by whoever has the store that the memory is of, all to themselves.
unsafe impl Send for Memory {}

#[expect(unsafe_code, reason = "as above; nothing can be done with a shared one")]
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// Whether this system tells which pages were written.
    pub(super) fn can_be_restored() -> bool {
        let mut stretches = [Stretch::default(); 1];
        // Nothing lies there.
        scan(0, 0, &mut stretches).is_some()
    }

    /// The memory that `all` is the whole of, if it is as large as at first.
    pub(in crate::plugin) fn new(all: &[u8], pristine: &Pristine) -> Option<Self> {
        let base = NonNull::new(all.as_ptr().cast_mut())?;
        (all.len() == pristine.memory_bytes).then_some(Self { base, bytes: all.len() })
    }

    /// Puts it back to what it was at first, unless it has grown; whether that was possible.
    ///
    /// `_store` is the one that the memory is of. That it is borrowed says that nothing runs in it and
    /// that nobody else looks at the memory meanwhile.
    #[must_use]
    pub(in crate::plugin) fn restore(
        &self,
        _store: &mut Store<Guest>,
        pristine: &Pristine,
    ) -> bool {
        let base = self.base.as_ptr().addr();
        let end = base + self.bytes;
        let mut next = base;
        let mut written = 0;
        while next < end {
            let mut stretches = [Stretch::default(); STRETCHES];
            let Some((found, walked)) = scan(next, end, &mut stretches) else { return false };
            for stretch in stretches.iter().take(found) {
                let (Ok(from), Ok(to)) =
                    (usize::try_from(stretch.start), usize::try_from(stretch.end))
                else {
                    return false;
                };
                let length = to.saturating_sub(from);
                written += length;
                if from < base || to > end || written > WRITTEN_BYTES_MAX {
                    return false;
                }
                #[expect(
                    unsafe_code,
                    reason = "wasmtime gives no access to memories of components"
                )]
                // SAFETY: the stretch lies within the memory, as was just seen; the memory is mapped as
                // long as its store is alive, which the caller has all to themselves.
                let bytes = unsafe {
                    std::slice::from_raw_parts_mut(self.base.as_ptr().add(from - base), length)
                };
                pristine.fill(from - base, bytes);
            }
            if walked <= next {
                return false;
            }
            next = walked;
        }
        true
    }
}

/// As the kernel tells it: `struct page_region` of linux/fs.h.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
struct Stretch {
    start: u64,
    end: u64,
    categories: u64,
}

/// `struct pm_scan_arg` of linux/fs.h.
#[repr(C)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `PAGEMAP_SCAN`: `_IOWR('f', 16, struct pm_scan_arg)`.
const PAGEMAP_SCAN: u64 = 0xc060_6610;
const PAGE_IS_WRITTEN: u64 = 1 << 1;
const PAGE_IS_FILE: u64 = 1 << 2;
const PAGE_IS_PRESENT: u64 = 1 << 3;
const PAGE_IS_SWAPPED: u64 = 1 << 4;
const PAGE_IS_PFNZERO: u64 = 1 << 5;

/// Finds pages from `start` to `end` that have contents of their own: neither those of the file that
/// is mapped there nor zeroes. Gives how many stretches of them were found, and how far it came.
#[cfg(target_os = "linux")]
fn scan(start: usize, end: usize, stretches: &mut [Stretch]) -> Option<(usize, usize)> {
    static PAGEMAP: OnceLock<Option<File>> = OnceLock::new();
    let pagemap = PAGEMAP.get_or_init(|| File::open("/proc/self/pagemap").ok()).as_ref()?;
    let number = |number: usize| u64::try_from(number).ok();
    let mut scan = Scan {
        size: number(size_of::<Scan>())?,
        flags: 0,
        start: number(start)?,
        end: number(end)?,
        walk_end: 0,
        vec: number(stretches.as_mut_ptr().expose_provenance())?,
        vec_len: number(stretches.len())?,
        max_pages: 0,
        category_inverted: PAGE_IS_PFNZERO | PAGE_IS_FILE,
        category_mask: PAGE_IS_WRITTEN | PAGE_IS_PFNZERO | PAGE_IS_FILE,
        category_anyof_mask: PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
        return_mask: 0,
    };
    #[expect(unsafe_code, reason = "std and the libraries in use have no call for it")]
    // SAFETY: the kernel writes to `scan` and to as many of `stretches` as it was told, and reads the
    // page table; no page is changed.
    let found = unsafe { libc::ioctl(pagemap.as_raw_fd(), PAGEMAP_SCAN, &raw mut scan) };
    Some((usize::try_from(found).ok()?, usize::try_from(scan.walk_end).ok()?))
}

#[cfg(not(target_os = "linux"))]
fn scan(_start: usize, _end: usize, _stretches: &mut [Stretch]) -> Option<(usize, usize)> {
    None
}

#[cfg(test)]
mod tests {
    use super::Pristine;

    #[test]
    fn contents_are_where_segments_put_them_and_zero_elsewhere() {
        let pristine = Pristine::of(64, &[(10, b"abcd"), (12, b"XY"), (20, b"z")]).unwrap();
        let mut whole = [0xff_u8; 64];
        pristine.fill(0, &mut whole);
        let mut expected = [0_u8; 64];
        expected[10..14].copy_from_slice(b"abXY");
        expected[20] = b'z';
        assert_eq!(whole, expected);
        for from in 0..64 {
            for to in from..=64 {
                let mut part = vec![0xff; to - from];
                pristine.fill(from, &mut part);
                assert_eq!(part, expected[from..to], "{from}..{to}");
            }
        }
    }

    #[test]
    fn a_segment_that_does_not_fit_is_noticed() {
        assert_eq!(Pristine::of(64, &[(61, b"abcd")]), None);
        assert_eq!(Pristine::of(64, &[(u32::MAX, b"a")]), None);
        let mut none = [1_u8; 8];
        Pristine::of(64, &[]).unwrap().fill(3, &mut none);
        assert_eq!(none, [0; 8]);
    }
}
