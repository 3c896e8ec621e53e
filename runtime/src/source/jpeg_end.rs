//! Whether a JPEG file is all there.
//!
//! JPEG decoders fill what is missing with grey and say nothing, so half an image would become
//! half a mask. The end-of-image marker tells: it stands outside every segment and after the
//! compressed data, where a thumbnail's own marker cannot be mistaken for it. Source: ITU-T T.81,
//! annex B.

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;

/// Whether `jpeg` has its end-of-image marker.
pub(super) fn has_end_of_image(jpeg: &[u8]) -> bool {
    let mut at = 0;
    while let Some(marker) = next_marker(jpeg, &mut at) {
        match marker {
            END_OF_IMAGE => return true,
            // Markers that stand alone: start of image, restarts, the temporary one.
            START_OF_IMAGE | 0xd0..=0xd7 | 0x01 => {}
            _ => {
                let Some(length) = jpeg.get(at..at + 2) else { return false };
                at += usize::from(u16::from_be_bytes([length[0], length[1]]));
                if marker == START_OF_SCAN {
                    skip_compressed_data(jpeg, &mut at);
                }
            }
        }
    }
    false
}

/// Moves past the next `FF xx`; nothing where the file ends or no marker stands.
fn next_marker(jpeg: &[u8], at: &mut usize) -> Option<u8> {
    if *jpeg.get(*at)? != 0xff {
        return None;
    }
    // A marker may be preceded by any number of fill bytes FF.
    *at += jpeg[*at..].iter().position(|byte| *byte != 0xff)? + 1;
    Some(jpeg[*at - 1])
}

/// Moves to the first marker after compressed data: an FF followed neither by 0 (a data byte FF)
/// nor by a restart.
fn skip_compressed_data(jpeg: &[u8], at: &mut usize) {
    let data = jpeg.get(*at..).unwrap_or_default();
    let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff | 0xd0..=0xd7);
    *at += data.windows(2).position(is_marker).unwrap_or(data.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: &[u8] = &[
        0xff, 0xd8, // start
        0xff, 0xe1, 0, 6, 0xff, 0xd9, 0xff, 0xd9, // a segment with end markers in it
        0xff, 0xda, 0, 2, 1, 0xff, 0, 0xff, 0xd3, 2, // a scan with a stuffed FF and a restart
        0xff, 0xff, 0xd9, // fill byte, end
    ];

    #[test]
    fn a_whole_file_has_its_end() {
        assert!(has_end_of_image(TINY));
    }

    #[test]
    fn bytes_after_the_end_do_no_harm() {
        assert!(has_end_of_image(&[TINY, &[0; 100]].concat()));
    }

    #[test]
    fn a_file_cut_anywhere_has_no_end() {
        for length in 0..TINY.len() {
            assert!(!has_end_of_image(&TINY[..length]), "cut after {length} bytes");
        }
    }
}
