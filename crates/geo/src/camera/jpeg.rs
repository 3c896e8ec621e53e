//! The segments of a JPEG file in which cameras leave what they know.

/// What a JPEG file carries besides its image, as it stands there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Segments<'a> {
    /// A TIFF file with the tags of EXIF.
    pub(super) exif: Option<&'a [u8]>,
    /// An XMP packet.
    pub(super) xmp: Option<&'a [u8]>,
    /// Whether FLIR's own data are there, which its thermal cameras write.
    pub(super) has_flir: bool,
}

const START: [u8; 2] = [0xff, 0xd8];
const APP1: u8 = 0xe1;
const START_OF_SCAN: u8 = 0xda;
const EXIF: &[u8] = b"Exif\0\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const FLIR: &[u8] = b"FLIR\0";

impl<'a> Segments<'a> {
    /// Those of the JPEG file `bytes`, up to its compressed data or to where it breaks; nothing if
    /// it is no JPEG file. Of several of a kind the first counts.
    pub(super) fn of(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&START)?;
        let mut found = Self::default();
        while let Some((marker, payload, behind)) = next(rest) {
            rest = behind;
            match marker {
                START_OF_SCAN => break,
                APP1 => found.take(payload),
                _ => {}
            }
        }
        Some(found)
    }

    fn take(&mut self, payload: &'a [u8]) {
        if let Some(exif) = payload.strip_prefix(EXIF) {
            self.exif.get_or_insert(exif);
        } else if let Some(xmp) = payload.strip_prefix(XMP) {
            self.xmp.get_or_insert(xmp);
        } else if payload.starts_with(FLIR) {
            self.has_flir = true;
        }
    }
}

/// Marker and payload of the next segment, and what is behind it.
fn next(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    // Any number of fill bytes may stand before a marker (ITU-T T.81, B.1.1.2).
    let start = bytes.strip_prefix(&[0xff])?;
    let fill = start.iter().take_while(|&&byte| byte == 0xff).count();
    let (&marker, rest) = start[fill..].split_first()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length)).checked_sub(2)?;
    let (payload, behind) = rest.split_at_checked(length)?;
    Some((marker, payload, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(marker: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u16 + 2).to_be_bytes();
        [&[0xff, marker], &length[..], payload].concat()
    }

    #[test]
    fn exif_and_xmp_are_found_before_the_scan_alone() {
        let (exif, xmp) = ([EXIF, b"tiff"].concat(), [XMP, b"<x/>"].concat());
        let bytes = [
            &START[..],
            &segment(0xe0, b"JFIF"),
            &[0xff],
            &segment(APP1, &exif),
            &segment(APP1, &xmp),
            &segment(START_OF_SCAN, b""),
            &segment(APP1, b"FLIR\0"),
        ]
        .concat();
        let found = Segments::of(&bytes).unwrap();
        assert_eq!(found, Segments { exif: Some(b"tiff"), xmp: Some(b"<x/>"), has_flir: false });
    }

    #[test]
    fn a_file_that_breaks_keeps_what_came_before() {
        let mut bytes = [&START[..], &segment(APP1, b"FLIR\0")].concat();
        bytes.extend([0xff, APP1, 0x40, 0, 1]);
        assert!(Segments::of(&bytes).unwrap().has_flir);
        assert_eq!(Segments::of(b"\x89PNG"), None);
    }
}
