//! The segments of a JPEG file in which cameras leave what they know.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

/// What a JPEG file carries besides its image, as it stands there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Segments {
    /// A TIFF file with the tags of EXIF.
    pub(super) exif: Option<Vec<u8>>,
    /// An XMP packet.
    pub(super) xmp: Option<Vec<u8>>,
    /// Whether FLIR's own data are there, which its thermal cameras write.
    pub(super) has_flir: bool,
    /// Width and height of the image as stored.
    pub(super) size_px: Option<[u32; 2]>,
}

/// First bytes of a JPEG file.
pub(super) const START: [u8; 2] = [0xff, 0xd8];

const APP1: u8 = 0xe1;
const START_OF_SCAN: u8 = 0xda;
const EXIF: &[u8] = b"Exif\0\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const FLIR: &[u8] = b"FLIR\0";

/// Segments looked at. Thermal cameras write hundreds before the scan.
const MAX_SEGMENTS: usize = 4096;

impl Segments {
    /// Those of the JPEG file in `reader`, which is behind its first two bytes, up to its
    /// compressed data or to where it breaks. Of several of a kind the first counts.
    pub(super) fn read(reader: &mut (impl Read + Seek)) -> io::Result<Self> {
        let mut found = Self::default();
        match found.take_all(reader) {
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(error),
            _ => Ok(found),
        }
    }

    fn take_all(&mut self, reader: &mut (impl Read + Seek)) -> io::Result<()> {
        for _ in 0..MAX_SEGMENTS {
            let Some(marker) = marker(reader)? else { break };
            let length = u16::from_be_bytes(bytes(reader)?);
            let Some(length) = length.checked_sub(2) else { break };
            match marker {
                START_OF_SCAN => break,
                APP1 => {
                    let mut payload = vec![0; usize::from(length)];
                    reader.read_exact(&mut payload)?;
                    self.take(&payload);
                }
                _ if is_frame_header(marker) && length >= 5 => {
                    let [_, high, low, wide, narrow] = bytes(reader)?;
                    let side = |bytes| u32::from(u16::from_be_bytes(bytes));
                    self.size_px.get_or_insert([side([wide, narrow]), side([high, low])]);
                    reader.seek(SeekFrom::Current(i64::from(length) - 5))?;
                }
                _ => {
                    reader.seek(SeekFrom::Current(i64::from(length)))?;
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, payload: &[u8]) {
        if let Some(exif) = payload.strip_prefix(EXIF) {
            self.exif.get_or_insert_with(|| exif.to_vec());
        } else if let Some(xmp) = payload.strip_prefix(XMP) {
            self.xmp.get_or_insert_with(|| xmp.to_vec());
        } else if payload.starts_with(FLIR) {
            self.has_flir = true;
        }
    }
}

/// The next marker, if one stands here. Any number of fill bytes may stand before it (ITU-T T.81,
/// B.1.1.2).
fn marker(reader: &mut impl Read) -> io::Result<Option<u8>> {
    let [first] = bytes(reader)?;
    if first != 0xff {
        return Ok(None);
    }
    loop {
        let [marker] = bytes(reader)?;
        if marker != 0xff {
            return Ok(Some(marker));
        }
    }
}

fn bytes<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// SOF0 to SOF15 (ITU-T T.81, table B.1), without DHT, JPG and DAC, which stand among them.
fn is_frame_header(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn segment(marker: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u16 + 2).to_be_bytes();
        [&[0xff, marker], &length[..], payload].concat()
    }

    #[test]
    fn tags_and_size_are_found_before_the_scan_alone() {
        let (exif, xmp) = ([EXIF, b"tiff"].concat(), [XMP, b"<x/>"].concat());
        let bytes = [
            &segment(0xe0, b"JFIF")[..],
            &[0xff],
            &segment(APP1, &exif),
            &segment(APP1, &xmp),
            &segment(0xc2, &[8, 0x08, 0xca, 0x0f, 0xa0, 3, 1, 1]),
            &segment(START_OF_SCAN, b""),
            &segment(APP1, b"FLIR\0"),
        ]
        .concat();
        let found = Segments::read(&mut Cursor::new(bytes)).unwrap();
        assert_eq!((found.exif.unwrap(), found.xmp.unwrap()), (b"tiff".into(), b"<x/>".into()));
        assert_eq!((found.size_px, found.has_flir), (Some([4000, 2250]), false));
    }

    #[test]
    fn a_file_that_breaks_keeps_what_came_before() {
        let mut bytes = segment(APP1, b"FLIR\0");
        bytes.extend([0xff, APP1, 0x40, 0, 1]);
        assert!(Segments::read(&mut Cursor::new(bytes)).unwrap().has_flir);
    }
}
