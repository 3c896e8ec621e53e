//! Whether every component of an image is in one of its scans.
//!
//! libjpeg does not ask: a component without a scan is grey, or without colour. Source: ITU-T T.81,
//! annex B.

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;

/// Components of the frame and, of those, how many are in a scan of `jpeg`. Where the first scan
/// has all, the rest is not looked at.
pub(crate) fn covered(jpeg: &[u8]) -> (usize, usize) {
    let mut missing: Vec<u8> = Vec::new();
    let mut components = 0;
    let mut at = 0;
    while let Some(marker) = next_marker(jpeg, &mut at) {
        match marker {
            END_OF_IMAGE => break,
            // Markers that stand alone: start of image, restarts, the temporary one.
            START_OF_IMAGE | 0xd0..=0xd7 | 0x01 => continue,
            _ => {}
        }
        let length = jpeg.get(at..at + 2).map_or(0, |two| u16::from_be_bytes([two[0], two[1]]));
        let segment = jpeg.get(at + 2..at + usize::from(length)).unwrap_or_default();
        at += usize::from(length).max(2);
        match marker {
            // Frames: all of C0 to CF but the tables C4, C8 and CC.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let described = segment.get(6..).unwrap_or_default();
                missing = described.chunks_exact(3).map(|one| one[0]).collect();
                components = missing.len();
            }
            START_OF_SCAN => {
                let count = usize::from(segment.first().copied().unwrap_or_default());
                let scanned: Vec<u8> = segment[segment.len().min(1)..]
                    .chunks_exact(2)
                    .take(count)
                    .map(|one| one[0])
                    .collect();
                missing.retain(|component| !scanned.contains(component));
                if missing.is_empty() {
                    break;
                }
                skip_compressed_data(jpeg, &mut at);
            }
            _ => {}
        }
    }
    (components, components - missing.len())
}

/// Moves past the next `FF xx`; nothing where the file ends.
fn next_marker(jpeg: &[u8], at: &mut usize) -> Option<u8> {
    *at += jpeg.get(*at..)?.iter().position(|byte| *byte == 0xff)?;
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
