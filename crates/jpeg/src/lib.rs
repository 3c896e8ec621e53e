//! JPEG decoding by libjpeg-turbo (in its copy in `mozjpeg-sys`, which compiles it), with its
//! warnings as errors.
//!
//! libjpeg is the reference for what a JPEG file shows: baseline, progressive, one scan a
//! component, any subsampling, CMYK, restart markers. Where data is damaged it warns, fills with
//! grey and goes on; a mask of that grey would be a finding that nobody photographed. So the first
//! warning ends the image here.

mod decoder;
mod error;
mod manager;
mod scans;

pub use decoder::{Colour, Decoder, find_start};
pub use error::JpegError;
