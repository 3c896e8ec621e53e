//! Why a JPEG file gives no image.

use std::os::raw::c_int;

use mozjpeg_sys as libjpeg;

/// A JPEG file gives no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JpegError {
    /// Bytes are missing at its end.
    #[error("the file ends early")]
    EndsEarly,
    /// It is of a kind that libjpeg does not decode: arithmetic coding, 12 bits, lossless.
    #[error("{0}")]
    Unsupported(String),
    /// It breaks the rules of JPEG, or its data is damaged.
    #[error("{0}")]
    Damaged(String),
}

impl JpegError {
    /// What libjpeg's message `code` with the words `text` means. Source: `jerror.h`.
    pub(crate) fn of_message(code: c_int, text: String) -> Self {
        match code {
            libjpeg::JWRN_JPEG_EOF
            | libjpeg::JERR_INPUT_EOF
            | libjpeg::JERR_INPUT_EMPTY
            | libjpeg::JERR_FILE_READ => Self::EndsEarly,
            libjpeg::JERR_ARITH_NOTIMPL
            | libjpeg::JERR_BAD_PRECISION
            | libjpeg::JERR_CCIR601_NOTIMPL
            | libjpeg::JERR_COMPONENT_COUNT
            | libjpeg::JERR_CONVERSION_NOTIMPL
            | libjpeg::JERR_FRACT_SAMPLE_NOTIMPL
            | libjpeg::JERR_NOTIMPL
            | libjpeg::JERR_NOT_COMPILED
            | libjpeg::JERR_OUT_OF_MEMORY
            | libjpeg::JERR_SOF_UNSUPPORTED => Self::Unsupported(text),
            _ => Self::Damaged(text),
        }
    }
}
