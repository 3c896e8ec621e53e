//! Where a camera looks and where the top of its image points.

use super::metadata::Metadata;
use super::namespaces::{CAMERA, DJI, PARROT};
use super::no_pose::{MOST_OFF_NADIR_DEG, NoPose};

/// Standard deviation of a heading by a drone's compass, in degrees. Assumed; gimbal and aircraft
/// of the flight in reports/positions.md differ by 1.9 (root of the mean square).
const YAW_SD_DEG: f64 = 2.0;

/// Standard deviation of the vertical of a gimbal, and of a camera that is fixed to a wing.
/// Assumed.
const TILT_SD_DEG: [f64; 2] = [0.5, 2.0];

/// Gimbal and aircraft that point further apart are two directions, not one with an error.
const MOST_APART_DEG: f64 = 20.0;

/// Axes of a camera in north, east, down: unit vectors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axes {
    /// Where it looks.
    pub(super) optical: [f64; 3],
    /// To the right of the image as stored.
    pub(super) right: [f64; 3],
    /// To its bottom.
    pub(super) bottom: [f64; 3],
}

/// The direction of a camera that looks down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Direction {
    /// Where the top of the image as stored points: degrees from north to east, 0 to 360.
    pub yaw_deg: f64,
    /// Its standard deviation.
    pub yaw_sd_deg: f64,
    /// Where the yaw is from.
    pub yaw_source: YawSource,
    /// Degrees between the view and the vertical.
    pub off_nadir_deg: f64,
    /// Standard deviation of the vertical about each axis of the image, in degrees.
    pub tilt_sd_deg: f64,
    pub(super) axes: Axes,
}

/// Where a yaw is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum YawSource {
    /// `FlightYawDegree`. Of a gimbal that looks straight down, yaw and roll are one angle, and
    /// what it says of each is little worth.
    Flight,
    /// `DroneYawDegree`, Parrot's name of the same.
    Drone,
    /// `GimbalYawDegree` with `GimbalRollDegree`.
    Gimbal,
    /// `CameraYawDegree`, Parrot's.
    ParrotCamera,
    /// `Camera:Yaw`, Pix4D's.
    Camera,
}

impl YawSource {
    /// The tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Flight => "FlightYawDegree",
            Self::Drone => "DroneYawDegree",
            Self::Gimbal => "GimbalYawDegree",
            Self::ParrotCamera => "CameraYawDegree",
            Self::Camera => "Camera:Yaw",
        }
    }
}

/// Angles as a maker writes them.
struct Angles {
    yaw_deg: f64,
    pitch_deg: f64,
    roll_deg: f64,
    /// Whether a pitch of 0 looks straight down, as in Pix4D's tags, or ahead.
    zero_is_nadir: bool,
    source: YawSource,
    tilt_sd_deg: f64,
    flight_yaw: Option<(f64, YawSource)>,
}

impl Direction {
    /// Of the camera of `metadata`, which must look down.
    pub fn of(metadata: &Metadata) -> Result<Self, NoPose> {
        let angles = Angles::of(metadata)?;
        let axes = angles.axes();
        let off_nadir_deg = axes.optical[2].clamp(-1.0, 1.0).acos().to_degrees();
        if off_nadir_deg > MOST_OFF_NADIR_DEG {
            return Err(NoPose::Oblique { off_nadir_deg });
        }
        let [north, east, _] = axes.bottom.map(|part| -part);
        let heading_deg = east.atan2(north).to_degrees();
        let (turn_deg, yaw_sd_deg, yaw_source) = match angles.flight_yaw {
            None => (0.0, YAW_SD_DEG, angles.source),
            Some((flight_deg, source)) => {
                let turn = (flight_deg - heading_deg + 180.0).rem_euclid(360.0) - 180.0;
                if turn.abs() > MOST_APART_DEG {
                    return Err(NoPose::YawUnsure { apart_deg: turn.abs() });
                }
                (turn, YAW_SD_DEG.max(turn.abs()), source)
            }
        };
        Ok(Self {
            yaw_deg: (heading_deg + turn_deg).rem_euclid(360.0),
            yaw_sd_deg,
            yaw_source,
            off_nadir_deg,
            tilt_sd_deg: angles.tilt_sd_deg,
            axes: axes.turned(turn_deg),
        })
    }
}

impl Angles {
    fn of(metadata: &Metadata) -> Result<Self, NoPose> {
        let dji = |name: &str| metadata.xmp.number(DJI, name);
        let parrot = |name: &str| metadata.xmp.number(PARROT, name);
        let camera = |name: &str| metadata.xmp.number(CAMERA, name);
        if let Some((yaw_deg, pitch_deg)) = dji("GimbalYawDegree").zip(dji("GimbalPitchDegree")) {
            return Ok(Self {
                yaw_deg,
                // No gimbal looks up by more than half a right angle: +90 is a sign left out.
                pitch_deg: if pitch_deg > 45.0 { -pitch_deg } else { pitch_deg },
                roll_deg: dji("GimbalRollDegree").unwrap_or_default(),
                zero_is_nadir: false,
                source: YawSource::Gimbal,
                tilt_sd_deg: TILT_SD_DEG[0],
                flight_yaw: dji("FlightYawDegree").map(|yaw| (yaw, YawSource::Flight)),
            });
        }
        if let Some((yaw_deg, pitch_deg)) =
            parrot("CameraYawDegree").zip(parrot("CameraPitchDegree"))
        {
            return Ok(Self {
                yaw_deg,
                pitch_deg,
                roll_deg: parrot("CameraRollDegree").unwrap_or_default(),
                zero_is_nadir: false,
                source: YawSource::ParrotCamera,
                tilt_sd_deg: TILT_SD_DEG[0],
                flight_yaw: parrot("DroneYawDegree").map(|yaw| (yaw, YawSource::Drone)),
            });
        }
        let Some((yaw_deg, pitch_deg)) = camera("Yaw").zip(camera("Pitch")) else {
            return Err(NoPose::NoAngles);
        };
        let roll_deg = camera("Roll").unwrap_or_default();
        let model = metadata.model().unwrap_or_default();
        let by_pix4d = ["sensefly", "micasense", "sentera"];
        let is_sequoia = model.eq_ignore_ascii_case("sequoia");
        let is_anafi = model.to_lowercase().starts_with("anafi");
        let is_parrot = metadata.is_made_by("parrot");
        let zero_is_nadir = match by_pix4d.iter().any(|maker| metadata.is_made_by(maker)) {
            true => true,
            false if is_parrot && is_sequoia => true,
            false if is_parrot && is_anafi => false,
            false => return Err(NoPose::PitchUnsure { pitch_deg }),
        };
        Ok(Self {
            yaw_deg,
            pitch_deg,
            // senseFly's roll is positive to the left (OpenDroneMap, opendm/photo.py).
            roll_deg: if metadata.is_made_by("sensefly") { -roll_deg } else { roll_deg },
            zero_is_nadir,
            source: YawSource::Camera,
            tilt_sd_deg: TILT_SD_DEG[usize::from(zero_is_nadir)],
            flight_yaw: None,
        })
    }

    /// Yaw about down, then pitch about right, then roll about ahead.
    fn axes(&self) -> Axes {
        let (sy, cy) = self.yaw_deg.to_radians().sin_cos();
        let (sp, cp) = self.pitch_deg.to_radians().sin_cos();
        let (sr, cr) = self.roll_deg.to_radians().sin_cos();
        let ahead = [cy * cp, sy * cp, -sp];
        let right = [cy * sp * sr - sy * cr, sy * sp * sr + cy * cr, cp * sr];
        let below = [cy * sp * cr + sy * sr, sy * sp * cr - cy * sr, cp * cr];
        if self.zero_is_nadir {
            Axes { optical: below, right, bottom: ahead.map(|part| -part) }
        } else {
            Axes { optical: ahead, right, bottom: below }
        }
    }
}

impl Axes {
    /// The same turned by `degrees` to the east, about the vertical.
    pub(super) fn turned(self, degrees: f64) -> Self {
        let (sine, cosine) = degrees.to_radians().sin_cos();
        let turn = |[north, east, down]: [f64; 3]| {
            [north * cosine - east * sine, north * sine + east * cosine, down]
        };
        Self { optical: turn(self.optical), right: turn(self.right), bottom: turn(self.bottom) }
    }

    /// The same with its view tilted by small angles, in radians, to the right and to the bottom
    /// of the image.
    pub(super) fn tilted(self, right: f64, bottom: f64) -> Self {
        let sum = |a: [f64; 3], b: [f64; 3], part: f64| {
            [a[0] + b[0] * part, a[1] + b[1] * part, a[2] + b[2] * part]
        };
        let optical = sum(sum(self.optical, self.right, right), self.bottom, bottom);
        Self {
            optical,
            right: sum(self.right, self.optical, -right),
            bottom: sum(self.bottom, self.optical, -bottom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::exif::Exif;
    use super::super::xmp::Xmp;
    use super::*;

    fn metadata(make: &str, model: &str, namespace: &str, tags: &[(&str, f64)]) -> Metadata {
        let tags: Vec<String> =
            tags.iter().map(|(name, value)| format!("m:{name}=\"{value:+.2}\"")).collect();
        let packet = format!("<x xmlns:m=\"{namespace}\" {}/>", tags.join(" "));
        Metadata {
            exif: Exif { make: Some(make.into()), model: Some(model.into()), ..Exif::default() },
            xmp: Xmp::parse(packet.as_bytes()),
            ..Metadata::default()
        }
    }

    fn dji(yaw: f64, pitch: f64, roll: f64, flight: f64) -> Result<Direction, NoPose> {
        let tags = [
            ("GimbalYawDegree", yaw),
            ("GimbalPitchDegree", pitch),
            ("GimbalRollDegree", roll),
            ("FlightYawDegree", flight),
        ];
        Direction::of(&metadata("DJI", "FC300S", DJI, &tags))
    }

    #[test]
    fn straight_down_the_top_of_the_image_points_where_the_aircraft_does() {
        let found = dji(42.8, -90.0, 0.0, 40.1).unwrap();
        assert_eq!(found.yaw_source, YawSource::Flight);
        assert!((found.yaw_deg - 40.1).abs() < 1e-9, "{found:?}");
        assert!(found.off_nadir_deg < 1e-6);
        let [north, east, down] = found.axes.bottom;
        assert!((north + 40.1_f64.to_radians().cos()).abs() < 1e-9);
        assert!((east + 40.1_f64.to_radians().sin()).abs() < 1e-9);
        assert!(down.abs() < 1e-9);
    }

    #[test]
    fn a_gimbal_that_is_turned_over_has_its_yaw_in_its_roll() {
        let found = dji(-137.0, -90.0, 180.0, 43.0).unwrap();
        assert!((found.yaw_deg - 43.0).abs() < 1e-9, "{found:?}");
        assert!((found.yaw_sd_deg - YAW_SD_DEG).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn a_sign_that_was_left_out_is_put_back() {
        assert!(dji(10.0, 90.0, 0.0, 10.0).unwrap().off_nadir_deg < 1e-6);
    }

    #[test]
    fn two_directions_are_none() {
        let error = dji(42.8, -90.0, 0.0, 132.8).unwrap_err();
        assert!(matches!(error, NoPose::YawUnsure { apart_deg } if (apart_deg - 90.0).abs() < 0.1));
    }

    #[test]
    fn a_camera_that_looks_ahead_is_not_put_on_the_map() {
        let error = dji(42.8, -47.0, 0.0, 40.1).unwrap_err().to_string();
        assert_eq!(error, "the camera looks 43° off the vertical, expected at most 5°");
    }

    #[test]
    fn pix4d_s_pitch_is_from_straight_down_where_the_maker_is_known() {
        let tags = [("Yaw", 90.0), ("Pitch", 2.0), ("Roll", -1.0)];
        let found = Direction::of(&metadata("senseFly", "S.O.D.A.", CAMERA, &tags)).unwrap();
        assert!((found.yaw_deg - 90.0).abs() < 0.1, "{found:?}");
        assert!((found.off_nadir_deg - 5.0_f64.sqrt()).abs() < 0.01, "{found:?}");
        // Nose up, a camera below looks ahead of the aircraft: to the east. Rolled to the right
        // by 1°, it looks to the left: to the north.
        assert!(found.axes.optical[1] > 0.03 && found.axes.optical[0] > 0.01, "{found:?}");
        let unsure = Direction::of(&metadata("Other", "One", CAMERA, &tags)).unwrap_err();
        assert!(matches!(unsure, NoPose::PitchUnsure { .. }));
    }

    #[test]
    fn parrot_s_pitch_is_from_the_horizon_but_for_the_sequoia() {
        let tags = [("Yaw", 0.0), ("Pitch", -89.0)];
        assert!(Direction::of(&metadata("Parrot", "Anafi", CAMERA, &tags)).is_ok());
        let oblique = Direction::of(&metadata("Parrot", "Sequoia", CAMERA, &tags)).unwrap_err();
        assert!(matches!(oblique, NoPose::Oblique { .. }));
        let own = [("CameraYawDegree", 12.0), ("CameraPitchDegree", -90.0)];
        let found = Direction::of(&metadata("Parrot", "Anafi", PARROT, &own)).unwrap();
        assert_eq!(found.yaw_source, YawSource::ParrotCamera);
    }
}
