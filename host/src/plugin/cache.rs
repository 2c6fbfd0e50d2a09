//! Compiled functions, kept between starts.
//!
//! The code of a function depends on its WebAssembly and the compiler's settings, and on nothing
//! that a plugin was configured with. Two plugins of one component, and a plugin whose
//! configuration changed, therefore share all of it: only the memory image differs, and that is
//! never written anywhere.
//!
//! On disk there is one file for each component, named after its digest:
//! `[key length u32][key][value length u32][value]…` in little-endian, and the SHA-256 of all that at
//! the end. A file that is not whole is ignored and written anew. Whoever can write there can
//! run code in the gateway, so the folder is made for its user alone.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use wasmtime::CacheStore;

/// Bytes of code kept in memory where there is no folder; past it everything is dropped and
/// compiled again when needed.
const MEMORY_BYTES_MAX: usize = 32 << 20;

/// The functions that were compiled or read since the last [`FunctionCache::save`].
pub struct FunctionCache {
    folder: Option<PathBuf>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    functions: HashMap<Vec<u8>, Arc<[u8]>>,
    bytes: usize,
    /// Keys asked for or inserted since `load`; what the file of this component has to hold.
    used: Vec<Vec<u8>>,
    /// Whether anything was inserted since `load`.
    grew: bool,
}

impl FunctionCache {
    /// A cache in `folder`, which is made if it is missing; `None` keeps it in memory only.
    ///
    /// A folder that cannot be made is reported in the log: compiling still works without.
    #[must_use]
    pub fn new(folder: Option<PathBuf>) -> Self {
        let folder = folder.filter(|folder| match make_private(folder) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "no cache for compiled code");
                false
            }
        });
        Self { folder, held: Mutex::default() }
    }

    /// Brings in what is on disk for the components of these digests.
    pub fn load<'a>(&self, digests: impl Iterator<Item = &'a str>) {
        let mut held = self.lock();
        held.used.clear();
        held.grew = false;
        if held.bytes > MEMORY_BYTES_MAX {
            held.functions.clear();
            held.bytes = 0;
        }
        for file in digests.filter_map(|digest| self.file(digest)) {
            let Ok(content) = fs::read(&file) else { continue };
            let Some(functions) = decode(&content) else {
                tracing::warn!(file = %file.display(), "cached code is damaged and ignored");
                continue;
            };
            for (key, value) in functions {
                held.bytes += key.len() + value.len();
                held.functions.insert(key.to_vec(), value.into());
            }
        }
    }

    /// Writes what the component of this digest used, if some of it is new, and frees the memory.
    pub fn save(&self, digest: &str) {
        let Some(file) = self.file(digest) else { return };
        let Held { functions, mut used, grew, .. } = std::mem::take(&mut *self.lock());
        if !grew && file.exists() {
            return;
        }
        used.sort_unstable();
        used.dedup();
        let content =
            encode(used.iter().filter_map(|key| Some((key.as_slice(), &**functions.get(key)?))));
        if let Err(error) = write_whole(&file, &content) {
            tracing::warn!(file = %file.display(), %error, "compiled code was not cached");
        }
    }

    fn file(&self, digest: &str) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(format!("{digest}.functions")))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CacheStore for FunctionCache {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        let mut held = self.lock();
        let value = Arc::clone(held.functions.get(key)?);
        held.used.push(key.to_vec());
        Some(Cow::Owned(value.to_vec()))
    }

    fn insert(&self, key: &[u8], value: Vec<u8>) -> bool {
        let mut held = self.lock();
        held.bytes += key.len() + value.len();
        held.used.push(key.to_vec());
        held.grew = true;
        held.functions.insert(key.to_vec(), value.into());
        true
    }
}

impl std::fmt::Debug for FunctionCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FunctionCache").field("folder", &self.folder).finish_non_exhaustive()
    }
}

fn encode<'a>(functions: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Vec<u8> {
    let mut content = Vec::new();
    for part in functions.flat_map(|(key, value)| [key, value]) {
        let length = u32::try_from(part.len()).expect("code of one function is far below 4 GiB");
        content.extend_from_slice(&length.to_le_bytes());
        content.extend_from_slice(part);
    }
    let sum = digest(&SHA256, &content);
    content.extend_from_slice(sum.as_ref());
    content
}

fn decode(content: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let (mut rest, sum) =
        content.split_at_checked(content.len().checked_sub(SHA256_OUTPUT_LEN)?)?;
    if digest(&SHA256, rest).as_ref() != sum {
        return None;
    }
    let mut functions = Vec::new();
    while !rest.is_empty() {
        let key = take_part(&mut rest)?;
        functions.push((key, take_part(&mut rest)?));
    }
    Some(functions)
}

fn take_part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (part, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = after;
    Some(part)
}

pub(super) fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mode = fs::metadata(folder)?.mode();
    if mode & 0o022 != 0 {
        return Err(std::io::Error::other("the folder can be written by other users"));
    }
    Ok(())
}

/// Writes beside the file and renames, so that a reader sees the old or the new one.
pub(super) fn write_whole(file: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let draft = file.with_extension(format!("{}.draft", std::process::id()));
    let mut open = fs::OpenOptions::new();
    open.write(true).create(true).truncate(true).mode(0o600);
    open.open(&draft)?.write_all(content)?;
    fs::rename(&draft, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_a_damaged_file_is_not() {
        let content = encode([(&b"key"[..], &b"value"[..]), (b"", b"x")].into_iter());
        assert_eq!(decode(&content), Some(vec![(&b"key"[..], &b"value"[..]), (b"", b"x")]));

        for at in 0..content.len() {
            let mut damaged = content.clone();
            damaged[at] ^= 1;
            assert_eq!(decode(&damaged), None, "byte {at}");
            assert_eq!(decode(&content[..at]), None, "cut at {at}");
        }
    }
}
