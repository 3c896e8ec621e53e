//! The focal length in pixels: how many pixels a thing as large as its distance covers.

use super::cameras::sensor;
use super::metadata::Metadata;
use super::namespaces::DJI;
use super::no_pose::NoFocalLength;

/// Width of the film that 35 mm equivalents refer to, in mm.
const FILM_WIDTH_MM: f64 = 36.0;

/// Sources of which one differs by more than this from the 35 mm equivalent are of two images.
const MOST_APART: f64 = 0.2;

/// Aspects of an image and of what the camera wrote that differ by less are the same: programs
/// round a shrunken image to whole pixels.
const SAME_ASPECT: f64 = 0.01;

/// A focal length in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FocalLength {
    /// Pixels of the image in hand.
    pub px: f64,
    /// Standard deviation over the length.
    pub relative_sd: f64,
    /// Where it is from.
    pub source: FocalSource,
}

/// Where a focal length is from, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FocalSource {
    /// `drone-dji:CalibratedFocalLength`, in pixels.
    Calibrated,
    /// `FocalLength` and `FocalPlaneXResolution`.
    FocalPlane,
    /// `FocalLength` and the sensor of a known `Model`.
    KnownCamera,
    /// `FocalLengthIn35mmFilm` by the width of the image.
    FilmEquivalent,
}

impl FocalSource {
    /// The tags it is made of.
    pub fn tags(self) -> &'static str {
        match self {
            Self::Calibrated => "CalibratedFocalLength",
            Self::FocalPlane => "FocalLength and FocalPlaneXResolution",
            Self::KnownCamera => "FocalLength and the sensor of the camera's model",
            Self::FilmEquivalent => "FocalLengthIn35mmFilm",
        }
    }

    /// Standard deviation, as a part of the length.
    ///
    /// Calibrated lengths are of the model, not of the copy, and lenses leave a distortion of
    /// about 1 %. Widths of sensors differ by 2 % between a maker's pages. Film equivalents are
    /// whole millimetres (2.5 % at 20 mm), and by the diagonal for some makers and by the width
    /// for others, 4 % apart at 4:3.
    fn relative_sd(self) -> f64 {
        match self {
            Self::Calibrated => 0.01,
            Self::FocalPlane | Self::KnownCamera => 0.025,
            Self::FilmEquivalent => 0.04,
        }
    }
}

impl FocalLength {
    /// Of the camera of `metadata`, for an image of `size_px`, width and height as stored.
    pub fn of(metadata: &Metadata, size_px: [u32; 2]) -> Result<Self, NoFocalLength> {
        let exif = &metadata.exif;
        if let Some(zoom) = exif.digital_zoom.filter(|zoom| (zoom - 1.0).abs() > 1e-3) {
            return Err(NoFocalLength::DigitalZoom(zoom));
        }
        let written = exif.size_px.unwrap_or(size_px);
        let scale = scale(written, size_px)?;
        let columns = written[0].max(written[1]);
        let width_px = f64::from(columns);
        let film = exif.focal_length_35mm.map(|film_mm| film_mm / FILM_WIDTH_MM * width_px);
        let calibrated = metadata.xmp.number(DJI, "CalibratedFocalLength").filter(|&px| px > 0.0);
        let plane =
            exif.focal_length_mm.zip(exif.pixel_pitch_mm).map(|(focal, pitch)| focal / pitch);
        // A known sensor, if the image is as wide as it: a narrower one is cut or shrunken.
        let known = exif.model.as_deref().and_then(sensor);
        let known = known.filter(|sensor| sensor.width_px == columns);
        let known = exif.focal_length_mm.zip(known);
        let known = known.map(|(focal_mm, sensor)| focal_mm / sensor.width_mm * width_px);
        let sources = [
            (FocalSource::Calibrated, calibrated),
            (FocalSource::FocalPlane, plane),
            (FocalSource::KnownCamera, known),
            (FocalSource::FilmEquivalent, film),
        ];
        let mut stated = sources.into_iter().filter_map(|(source, px)| Some((source, px?)));
        let (source, px) = stated.next().ok_or(NoFocalLength::Absent)?;
        match film {
            Some(film) if (px / film - 1.0).abs() > MOST_APART => {
                Err(NoFocalLength::Differ { first_px: px, second_px: film })
            }
            _ => Ok(Self { px: px * scale, relative_sd: source.relative_sd(), source }),
        }
    }
}

/// How much larger the image is than what the camera wrote, either way up.
fn scale(written: [u32; 2], found: [u32; 2]) -> Result<f64, NoFocalLength> {
    let sides = |[width, height]: [u32; 2]| {
        [f64::from(width.max(height)), f64::from(width.min(height).max(1))]
    };
    let ([long, short], [found_long, found_short]) = (sides(written), sides(found));
    let (by_long, by_short) = (found_long / long, found_short / short);
    if !(by_long > 0.0 && (by_short / by_long - 1.0).abs() < SAME_ASPECT) {
        return Err(NoFocalLength::Cut { camera: written, found });
    }
    Ok(by_long)
}

#[cfg(test)]
mod tests {
    use super::super::exif::Exif;
    use super::*;

    fn phantom() -> Metadata {
        Metadata {
            exif: Exif {
                model: Some("FC300S".into()),
                size_px: Some([4000, 2250]),
                focal_length_mm: Some(3.61),
                focal_length_35mm: Some(20.0),
                ..Exif::default()
            },
            ..Metadata::default()
        }
    }

    #[test]
    fn a_known_camera_is_better_than_whole_millimetres_of_film() {
        let focal = FocalLength::of(&phantom(), [4000, 2250]).unwrap();
        assert_eq!(focal.source, FocalSource::KnownCamera);
        assert!((focal.px - 2340.36).abs() < 0.01, "{focal:?}");
        let mut unknown = phantom();
        unknown.exif.model = Some("Other".into());
        let focal = FocalLength::of(&unknown, [4000, 2250]).unwrap();
        assert_eq!(focal.source, FocalSource::FilmEquivalent);
        assert!((focal.px - 2222.22).abs() < 0.01, "{focal:?}");
    }

    #[test]
    fn a_shrunken_or_turned_image_has_a_shorter_one_and_a_cut_image_none() {
        let half = FocalLength::of(&phantom(), [1125, 2000]).unwrap();
        assert!((half.px - 1170.18).abs() < 0.01, "{half:?}");
        let cut = FocalLength::of(&phantom(), [4000, 2000]).unwrap_err();
        assert!(cut.to_string().ends_with("found 4000x2000: the image was cut"), "{cut}");
    }

    #[test]
    fn zoom_and_tags_that_disagree_are_not_guessed_at() {
        let mut zoomed = phantom();
        zoomed.exif.digital_zoom = Some(2.0);
        assert_eq!(FocalLength::of(&zoomed, [4000, 2250]), Err(NoFocalLength::DigitalZoom(2.0)));
        let mut other = phantom();
        other.exif.focal_length_mm = Some(6.0);
        assert!(matches!(FocalLength::of(&other, [4000, 2250]), Err(NoFocalLength::Differ { .. })));
        assert_eq!(FocalLength::of(&Metadata::default(), [4000, 2250]), Err(NoFocalLength::Absent));
    }
}
