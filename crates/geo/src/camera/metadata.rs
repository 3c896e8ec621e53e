//! What a file says about its camera, as it stands there.

use std::io::{self, Read, Seek, SeekFrom};

use super::exif::Exif;
use super::jpeg::{self, Segments};
use super::namespaces::{DJI, XMP};
use super::xmp::Xmp;

/// TIFF files up to this size are looked through: cameras write no larger ones, maps do.
const MAX_TIFF_BYTES: u64 = 16 << 20;

/// First bytes of a TIFF file (TIFF 6.0, section 2).
const TIFF: [&[u8]; 2] = [b"II*\0", b"MM\0*"];

/// Parts of the names of programs that turn, cut or shrink an image and leave its tags alone.
const EDITORS: [&str; 16] = [
    "photo viewer",
    "photoshop",
    "lightroom",
    "gimp",
    "picasa",
    "irfanview",
    "xnview",
    "acdsee",
    "imagemagick",
    "snapseed",
    "paint",
    "capture one",
    "digikam",
    "darktable",
    "affinity",
    "microsoft",
];

/// The tags of one image file: EXIF and XMP.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    pub(super) exif: Exif,
    pub(super) xmp: Xmp,
    pub(super) has_flir: bool,
    pub(super) size_px: Option<[u32; 2]>,
}

impl Metadata {
    /// The tags of the JPEG or TIFF file in `reader`, from its start. Nothing is read of a JPEG
    /// file's compressed data. What is damaged or not there is left out: an image without tags is
    /// an image.
    pub fn read(reader: &mut (impl Read + Seek)) -> io::Result<Self> {
        let mut start = Vec::new();
        reader.by_ref().take(4).read_to_end(&mut start)?;
        if start.starts_with(&jpeg::START) {
            reader.seek(SeekFrom::Start(jpeg::START.len() as u64))?;
            let Segments { exif, xmp, has_flir, size_px } = Segments::read(reader)?;
            let (exif, _) = exif.map(Exif::parse).unwrap_or_default();
            let xmp = xmp.map(|packet| Xmp::parse(&packet)).unwrap_or_default();
            return Ok(Self { exif, xmp, has_flir, size_px });
        }
        if TIFF.iter().any(|tiff| start == *tiff)
            && reader.seek(SeekFrom::End(0))? <= MAX_TIFF_BYTES
        {
            reader.rewind()?;
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes)?;
            let (exif, packet) = Exif::parse(bytes);
            let xmp = packet.map(|packet| Xmp::parse(&packet)).unwrap_or_default();
            let size_px = exif.tiff_size_px;
            return Ok(Self { exif, xmp, has_flir: false, size_px });
        }
        Ok(Self::default())
    }

    /// Width and height of the image as stored.
    pub fn size_px(&self) -> Option<[u32; 2]> {
        self.size_px
    }

    /// Whether there is a word of a camera in the air: a position or a maker's own tags.
    pub fn is_of_a_drone(&self) -> bool {
        self.exif.latitude_deg.is_some() || self.xmp.has_namespace(DJI)
    }

    /// When the image was taken, as the camera wrote it: `2016:06:23 16:32:06`, in its own time.
    pub fn time(&self) -> Option<&str> {
        self.exif.time.as_deref()
    }

    /// Model of the camera.
    pub fn model(&self) -> Option<&str> {
        self.exif.model.as_deref()
    }

    /// The program that wrote the image after the camera did, if it is one that turns pixels and
    /// leaves tags alone.
    pub(super) fn editor(&self) -> Option<&str> {
        let names = [self.exif.software.as_deref(), self.xmp.text(XMP, "CreatorTool")];
        names.into_iter().flatten().find(|name| {
            let name = name.to_lowercase();
            EDITORS.iter().any(|editor| name.contains(editor))
        })
    }

    pub(super) fn is_made_by(&self, maker: &str) -> bool {
        let make = self.exif.make.as_deref().unwrap_or_default();
        make.to_lowercase().contains(maker)
    }
}
