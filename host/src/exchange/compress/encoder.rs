//! The three compressors behind one face.

use std::io::{self, Write as _};

use brotli::CompressorWriter;
use flate2::write::GzEncoder;
use zstd::stream::write::Encoder as ZstdEncoder;

use crate::config::Coding;

/// How far back a match may lie, as a power of two: 256 KiB.
///
/// More finds little in what is sent over the web, and each response that is under way holds a few
/// times as much.
const WINDOW_LOG: u32 = 18;

/// Between the compressor and its output, in bytes.
const BUFFER_BYTES: usize = 4096;

/// As strong as keeps up with a network card of 1 Gbit/s on one core.
const BROTLI_LEVEL: u8 = 4;
const GZIP_LEVEL: u8 = 6;
const ZSTD_LEVEL: u8 = 3;

/// A body that is being compressed. Its output is taken piece by piece.
pub(super) enum Encoder {
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(ZstdEncoder<'static, Vec<u8>>),
}

impl Encoder {
    /// `level` is from 1 to 9.
    ///
    /// # Errors
    ///
    /// There is no memory for it.
    pub(super) fn new(coding: Coding, level: Option<u8>) -> io::Result<Self> {
        Ok(match coding {
            Coding::Brotli => {
                let level = level.unwrap_or(BROTLI_LEVEL).into();
                let writer = CompressorWriter::new(Vec::new(), BUFFER_BYTES, level, WINDOW_LOG);
                Self::Brotli(Box::new(writer))
            }
            Coding::Gzip => {
                let level = flate2::Compression::new(level.unwrap_or(GZIP_LEVEL).into());
                Self::Gzip(GzEncoder::new(Vec::new(), level))
            }
            Coding::Zstd => {
                let level = level.unwrap_or(ZSTD_LEVEL).into();
                let mut encoder = ZstdEncoder::new(Vec::new(), level)?;
                encoder.window_log(WINDOW_LOG)?;
                Self::Zstd(encoder)
            }
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Brotli(encoder) => encoder.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    /// Brings all that was written into the output.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Brotli(encoder) => encoder.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }

    /// What there is of the output.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(match self {
            Self::Brotli(encoder) => encoder.get_mut(),
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
        })
    }

    /// The rest of the output.
    pub(super) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Brotli(encoder) => Ok(encoder.into_inner()),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}
