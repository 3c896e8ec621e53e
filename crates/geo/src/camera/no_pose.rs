//! Why an image gets no position.

/// Degrees off the vertical up to which a frame is put on the map.
pub const MOST_OFF_NADIR_DEG: f64 = 5.0;

/// Why an image gets no position on the earth: said to people, after "no georeference: ".
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoPose {
    /// No tags of a camera.
    #[error("the file has no tags of a camera")]
    NoTags,
    /// No position, or one that no camera has.
    #[error("the file has no position (GPSLatitude, GPSLongitude)")]
    NoPosition,
    /// EXIF and XMP name different places.
    #[error("EXIF and XMP name places {apart_m:.0} m apart")]
    PositionsDiffer {
        /// Metres between them.
        apart_m: f64,
    },
    /// No height above ground; an altitude above the sea is none.
    #[error("{0}")]
    Height(#[from] NoHeight),
    /// No direction in which the camera looks.
    #[error("the file does not say where the camera looks (gimbal or camera angles)")]
    NoAngles,
    /// Two readings of one angle.
    #[error("Camera:Pitch {pitch_deg} of this maker stands for straight down or for the horizon")]
    PitchUnsure {
        /// As it stands in the file.
        pitch_deg: f64,
    },
    /// The camera does not look straight down.
    #[error(
        "the camera looks {off_nadir_deg:.0}° off the vertical, expected at most {limit:.0}°",
        limit = MOST_OFF_NADIR_DEG
    )]
    Oblique {
        /// Degrees between the view and the vertical.
        off_nadir_deg: f64,
    },
    /// The two yaws of a camera that looks down differ.
    #[error("gimbal and aircraft point {apart_deg:.0}° apart, which is north is not sure")]
    YawUnsure {
        /// Degrees between them.
        apart_deg: f64,
    },
    /// No focal length in pixels.
    #[error("{0}")]
    Focal(#[from] NoFocalLength),
    /// A program wrote the file after the camera did.
    #[error(
        "the file was written by {program}, which turns images and leaves the camera's angles as \
         they were; use the camera's own files"
    )]
    Edited {
        /// Its name.
        program: String,
    },
}

/// Why the height above ground is not known.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoHeight {
    /// There is an altitude above the sea at most.
    #[error(
        "the file has no height above ground (RelativeAltitude, AboveGroundAltitude); an altitude \
         above the sea is none"
    )]
    Absent,
    /// Not above ground.
    #[error("the file says a height of {metres} m above ground, expected more than {least} m")]
    TooLow {
        /// As it stands in the file.
        metres: f64,
        /// Least that is taken for a flight.
        least: f64,
    },
}

/// Why the focal length in pixels is not known.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoFocalLength {
    /// No tag says it.
    #[error(
        "the focal length in pixels is not known (CalibratedFocalLength, FocalPlaneXResolution, \
         a known camera, FocalLengthIn35mmFilm)"
    )]
    Absent,
    /// Two tags say different ones.
    #[error("tags disagree on the focal length: {first_px:.0} px and {second_px:.0} px")]
    Differ {
        /// By the better source.
        first_px: f64,
        /// By the 35 mm equivalent.
        second_px: f64,
    },
    /// The image is not the sensor's.
    #[error("digital zoom of {0}, of which the tags do not say what it did")]
    DigitalZoom(f64),
    /// The image was cut after it was taken.
    #[error(
        "the camera wrote {}x{} px, found {}x{}: the image was cut", .camera[0], .camera[1],
        .found[0], .found[1]
    )]
    Cut {
        /// Width and height by EXIF.
        camera: [u32; 2],
        /// Width and height of the image.
        found: [u32; 2],
    },
}
