//! What light a camera sees.

use super::metadata::Metadata;
use super::namespaces::{CAMERA, DJI, FLIR};

/// What light a frame is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spectrum {
    /// Red, green and blue, or nothing is said.
    Visible,
    /// Heat.
    Thermal,
    /// One band of several, by its name.
    Band(String),
}

impl Metadata {
    /// What light the frame is of.
    pub fn spectrum(&self) -> Spectrum {
        let band = self.xmp.text(CAMERA, "BandName").or(self.xmp.text(FLIR, "BandName"));
        let is_infrared = self
            .xmp
            .text(DJI, "ImageSource")
            .is_some_and(|source| source.eq_ignore_ascii_case("InfraredCamera"));
        match band {
            _ if self.has_flir || is_infrared => Spectrum::Thermal,
            Some(band) if band.eq_ignore_ascii_case("LWIR") => Spectrum::Thermal,
            Some(band) if !band.eq_ignore_ascii_case("RGB") => Spectrum::Band(band.to_owned()),
            _ => Spectrum::Visible,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::xmp::Xmp;
    use super::*;

    fn spectrum(namespace: &str, tag: &str, value: &str) -> Spectrum {
        let packet = format!("<x xmlns:m=\"{namespace}\" m:{tag}=\"{value}\"/>");
        Metadata { xmp: Xmp::parse(packet.as_bytes()), ..Metadata::default() }.spectrum()
    }

    #[test]
    fn heat_and_single_bands_are_no_colours() {
        assert_eq!(spectrum(DJI, "ImageSource", "InfraredCamera"), Spectrum::Thermal);
        assert_eq!(spectrum(CAMERA, "BandName", "LWIR"), Spectrum::Thermal);
        assert_eq!(spectrum(CAMERA, "BandName", "NIR"), Spectrum::Band("NIR".into()));
        assert_eq!(spectrum(CAMERA, "BandName", "RGB"), Spectrum::Visible);
        assert_eq!(spectrum(DJI, "ImageSource", "WideCamera"), Spectrum::Visible);
        let flir = Metadata { has_flir: true, ..Metadata::default() };
        assert_eq!(flir.spectrum(), Spectrum::Thermal);
    }
}
