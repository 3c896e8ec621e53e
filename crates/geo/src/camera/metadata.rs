//! What a file says about its camera, as it stands there.

use super::exif::Exif;
use super::jpeg::Segments;
use super::namespaces::{DJI, XMP};
use super::xmp::Xmp;

/// TIFF files up to this size are looked through: cameras write no larger ones, maps do.
const MAX_TIFF_BYTES: usize = 64 << 20;

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
}

impl Metadata {
    /// The tags of the JPEG or TIFF file `bytes`. What is damaged or not there is left out: an
    /// image without tags is an image.
    pub fn parse(bytes: &[u8]) -> Self {
        if let Some(segments) = Segments::of(bytes) {
            let (exif, _) = segments.exif.map(Exif::parse).unwrap_or_default();
            let xmp = segments.xmp.map(Xmp::parse).unwrap_or_default();
            return Self { exif, xmp, has_flir: segments.has_flir };
        }
        if TIFF.iter().any(|start| bytes.starts_with(start)) && bytes.len() <= MAX_TIFF_BYTES {
            let (exif, packet) = Exif::parse(bytes);
            let xmp = packet.map(|packet| Xmp::parse(&packet)).unwrap_or_default();
            return Self { exif, xmp, has_flir: false };
        }
        Self::default()
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
