//! From the bytes of a file to pixels.

use std::io::{self, BufReader, Chain, Read};

use mozjpeg::{Decompress, Marker};
use mozjpeg_sys::J_COLOR_SPACE;

use crate::JpegError;
use crate::manager::{caught, strict_manager};
use crate::scans::covered;

/// The marker that begins an image, SOI.
const START_OF_IMAGE: &[u8] = &[0xff, 0xd8];

/// Bytes that libjpeg gets at a time. With 512 a block or more it takes a faster way through the
/// entropy code, which says nothing of codes that no table has. Source: `jdhuff.c`, `BUFSIZE`.
const STRICT_BYTES: usize = 511;

/// What EXIF's marker segment, APP1, begins with.
const EXIF: &[u8] = b"Exif\0\0";

/// Rows of CMYK that are converted at a time.
const CMYK_ROWS: usize = 16;

/// What the samples of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// One a pixel.
    Grey,
    /// Three a pixel, as RGB or `YCbCr`.
    Rgb,
    /// Four a pixel, as CMYK or YCCK.
    Cmyk,
}

/// A JPEG file whose header has been read.
pub struct Decoder<'a> {
    inner: Decompress<BufReader<Chain<&'static [u8], &'a [u8]>>>,
}

/// Where the first image of `bytes` begins: some programs put bytes before it.
pub fn find_start(bytes: &[u8]) -> Option<usize> {
    bytes.windows(3).position(|three| three == [0xff, 0xd8, 0xff])
}

impl<'a> Decoder<'a> {
    /// Reads the header of `bytes`, which begin with the marker SOI. Bytes between it and the next
    /// marker, and bytes behind the image, are passed over.
    pub fn open(bytes: &'a [u8]) -> Result<Self, JpegError> {
        let after = bytes.strip_prefix(START_OF_IMAGE).unwrap_or(bytes);
        let is_marker = |pair: &[u8]| pair[0] == 0xff && pair[1] >= 0xc0;
        let first = after.windows(2).position(is_marker).ok_or(JpegError::EndsEarly)?;
        let reader = START_OF_IMAGE.chain(&after[first..]);
        let reader = BufReader::with_capacity(STRICT_BYTES, reader);
        let opened = caught(|| {
            Decompress::with_err(strict_manager())
                .with_markers(&[Marker::APP(1)])
                .from_reader(reader)
        })?;
        let (components, scanned) = covered(bytes);
        if scanned < components {
            let reason = format!("{scanned} of its {components} components");
            return Err(JpegError::Damaged(reason));
        }
        Ok(Self { inner: opened.map_err(|error| fault(&error))? })
    }

    /// Width and height in pixels.
    pub fn size_px(&self) -> (u32, u32) {
        let (width, height) = self.inner.size();
        (width as u32, height as u32)
    }

    /// What its samples are.
    pub fn colour(&self) -> Colour {
        match self.inner.color_space() {
            J_COLOR_SPACE::JCS_GRAYSCALE => Colour::Grey,
            J_COLOR_SPACE::JCS_CMYK | J_COLOR_SPACE::JCS_YCCK => Colour::Cmyk,
            _ => Colour::Rgb,
        }
    }

    /// Its EXIF data: a TIFF header and what follows.
    pub fn exif(&self) -> Option<&[u8]> {
        self.inner.markers().find_map(|marker| marker.data.strip_prefix(EXIF))
    }

    /// Decodes into `pixels: [H, W]`, one byte each. Colour becomes brightness.
    pub fn read_grey(self, pixels: &mut Vec<u8>) -> Result<(), JpegError> {
        self.read_as(J_COLOR_SPACE::JCS_GRAYSCALE, 1, pixels)
    }

    /// Decodes into `pixels: [H, W, 3]`: red, green, blue.
    pub fn read_rgb(self, pixels: &mut Vec<u8>) -> Result<(), JpegError> {
        match self.colour() {
            Colour::Cmyk => self.read_cmyk(pixels),
            Colour::Grey | Colour::Rgb => self.read_as(J_COLOR_SPACE::JCS_RGB, 3, pixels),
        }
    }

    fn read_as(
        self,
        space: J_COLOR_SPACE,
        channels: usize,
        pixels: &mut Vec<u8>,
    ) -> Result<(), JpegError> {
        let (width, height) = self.inner.size();
        pixels.resize(width * height * channels, 0);
        let decoded = caught(|| -> io::Result<()> {
            let mut started = self.inner.to_colorspace(space)?;
            started.read_scanlines_into(pixels.as_mut_slice())?;
            started.finish()
        })?;
        decoded.map_err(|error| fault(&error))
    }

    /// Inks are stored as what they leave: 255 for none. Adobe's programs write them so, and
    /// whoever reads such files takes all to be like theirs.
    fn read_cmyk(self, pixels: &mut Vec<u8>) -> Result<(), JpegError> {
        let (width, height) = self.inner.size();
        pixels.resize(width * height * 3, 0);
        let mut inks = vec![0_u8; width * CMYK_ROWS * 4];
        let decoded = caught(|| -> io::Result<()> {
            let mut started = self.inner.to_colorspace(J_COLOR_SPACE::JCS_CMYK)?;
            for rows in pixels.chunks_mut(width * CMYK_ROWS * 3) {
                let inks = &mut inks[..rows.len() / 3 * 4];
                started.read_scanlines_into(&mut *inks)?;
                for (inks, rgb) in inks.chunks_exact(4).zip(rows.chunks_exact_mut(3)) {
                    for (ink, value) in inks.iter().zip(rgb) {
                        *value = (u16::from(*ink) * u16::from(inks[3]) / 255) as u8;
                    }
                }
            }
            started.finish()
        })?;
        decoded.map_err(|error| fault(&error))
    }
}

/// What the reader of bytes, or libjpeg for want of them, says.
fn fault(error: &io::Error) -> JpegError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::WouldBlock => JpegError::EndsEarly,
        _ => JpegError::Damaged(error.to_string()),
    }
}
