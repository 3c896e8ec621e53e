//! The ground under a frame.

use super::direction::Axes;
use super::ground_sample::GroundSampleDistance;
use super::pose::Pose;
use crate::ellipsoid::{displaced, metres_per_degree};

/// Standard deviations within which 95 % of a normal distribution lie.
const NORMAL_95: f64 = 1.96;

/// The ground under a frame: from pixels to places, each with its error.
///
/// The ground is taken as flat and as high as where the height of the camera is measured from. A
/// pixel's ray (collinearity) meets it at p. The error of p is
///
/// ```text
/// error_m = 1.96 √(2 σ_gps² + Σ |∂p/∂q|² σ_q²),   q: height, focal length, yaw, two tilts
/// ```
///
/// Straight above, r metres from the point below the camera at height H, this is
///
/// ```text
/// 1.96 √(2 σ_gps² + r² (σ_H²/H² + σ_f²/f² + σ_yaw²) + σ_tilt² (2 H² + 2 r² + r⁴/H²))
/// ```
///
/// 1.96 times the root of a trace holds at least 95 % of a normal distribution in the plane,
/// whatever its shape, and at most 98.2 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Footprint {
    pose: Pose,
}

/// A place with its error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Degrees east on WGS84.
    pub longitude_deg: f64,
    /// Degrees north on WGS84.
    pub latitude_deg: f64,
    /// 95 % of places are within this of the truth, in metres.
    pub error_m: f64,
}

impl Footprint {
    /// Of a camera.
    pub fn new(pose: Pose) -> Self {
        Self { pose }
    }

    /// The camera.
    pub fn pose(&self) -> &Pose {
        &self.pose
    }

    /// Width and height of the image turned upright.
    pub fn size_px(&self) -> [u32; 2] {
        let [width, height] = self.pose.size_px;
        if self.pose.orientation >= 5 { [height, width] } else { [width, height] }
    }

    /// Longitude and latitude, in degrees, of a point of the upright image. The centre of the
    /// first pixel is `[0.5, 0.5]`.
    pub fn ground(&self, point_px: [f64; 2]) -> [f64; 2] {
        let position = &self.pose.position;
        let [north_m, east_m] = self.offset_m(point_px);
        displaced([position.longitude_deg, position.latitude_deg], [east_m, north_m])
    }

    /// The place of a point of the upright image, with its error.
    pub fn place(&self, point_px: [f64; 2]) -> Place {
        let [longitude_deg, latitude_deg] = self.ground(point_px);
        Place { longitude_deg, latitude_deg, error_m: self.error_m(point_px) }
    }

    /// The error of the place of a point of the upright image, in metres.
    pub fn error_m(&self, point_px: [f64; 2]) -> f64 {
        let gps = 2.0 * self.pose.position.sd_m.powi(2);
        NORMAL_95 * (gps + self.view_variance_m2(point_px)).sqrt()
    }

    /// The part of it that is not the position's: what remains between frames whose positions
    /// share their error.
    pub fn view_error_m(&self, point_px: [f64; 2]) -> f64 {
        NORMAL_95 * self.view_variance_m2(point_px).sqrt()
    }

    /// Ground along the side of a pixel.
    pub fn ground_sample(&self) -> GroundSampleDistance {
        GroundSampleDistance::between(&self.pose.height, &self.pose.focal_length)
    }

    /// Corners of the upright image as longitude and latitude: top left, bottom left, bottom
    /// right, top right. That is counter-clockwise seen from above, unless the image is mirrored.
    pub fn corners(&self) -> [[f64; 2]; 4] {
        let [width, height] = self.size_px().map(f64::from);
        [[0.0, 0.0], [0.0, height], [width, height], [width, 0.0]].map(|point| self.ground(point))
    }

    /// Metres to the north and to the east of the camera.
    fn offset_m(&self, point_px: [f64; 2]) -> [f64; 2] {
        let Pose { height, focal_length, direction, .. } = &self.pose;
        self.meet(point_px, height.metres, focal_length.px, &direction.axes)
    }

    fn meet(&self, point_px: [f64; 2], height_m: f64, focal_px: f64, axes: &Axes) -> [f64; 2] {
        let [width, height] = self.pose.size_px.map(f64::from);
        let [u, v] = self.stored(point_px);
        let (right, bottom) = ((u - width / 2.0) / focal_px, (v - height / 2.0) / focal_px);
        let ray = [0, 1, 2]
            .map(|axis| axes.optical[axis] + axes.right[axis] * right + axes.bottom[axis] * bottom);
        [ray[0] / ray[2] * height_m, ray[1] / ray[2] * height_m]
    }

    /// Column and row of the pixel of the upright image that sees a place, if one does.
    pub fn pixel(&self, [longitude_deg, latitude_deg]: [f64; 2]) -> Option<[u32; 2]> {
        let Pose { position, height, focal_length, direction, .. } = &self.pose;
        let [east, north] = metres_per_degree(position.latitude_deg);
        let ray = [
            (latitude_deg - position.latitude_deg) * north,
            (longitude_deg - position.longitude_deg) * east,
            height.metres,
        ];
        let along = |axis: [f64; 3]| axis.iter().zip(ray).map(|(a, b)| a * b).sum::<f64>();
        let axes = &direction.axes;
        let ahead = along(axes.optical);
        let [width, height] = self.pose.size_px.map(f64::from);
        let u = along(axes.right) / ahead * focal_length.px + width / 2.0;
        let v = along(axes.bottom) / ahead * focal_length.px + height / 2.0;
        let point = self.upright([u, v]).map(f64::floor);
        let is_inside = ahead > 0.0
            && point.iter().zip(self.size_px()).all(|(&at, side)| at >= 0.0 && at < side.into());
        is_inside.then(|| point.map(|at| at as u32))
    }

    /// A point of the image as stored in the upright image: the way back of `stored`.
    fn upright(&self, [u, v]: [f64; 2]) -> [f64; 2] {
        let [width, height] = self.pose.size_px.map(f64::from);
        match self.pose.orientation {
            2 => [width - u, v],
            3 => [width - u, height - v],
            4 => [u, height - v],
            5 => [v, u],
            6 => [height - v, u],
            7 => [height - v, width - u],
            8 => [v, width - u],
            _ => [u, v],
        }
    }

    /// A point of the upright image in the image as stored (EXIF 2.32, Orientation).
    fn stored(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let [width, height] = self.pose.size_px.map(f64::from);
        match self.pose.orientation {
            2 => [width - x, y],
            3 => [width - x, height - y],
            4 => [x, height - y],
            5 => [y, x],
            6 => [y, height - x],
            7 => [width - y, height - x],
            8 => [width - y, x],
            _ => [x, y],
        }
    }

    /// Sum over height, focal length, yaw and tilts of how far one standard deviation of each
    /// moves a point, squared.
    fn view_variance_m2(&self, point_px: [f64; 2]) -> f64 {
        let Pose { height, focal_length, direction, .. } = &self.pose;
        let (metres, px, axes) = (height.metres, focal_length.px, &direction.axes);
        let tilt = direction.tilt_sd_deg.to_radians();
        let moved = [
            self.meet(point_px, metres + height.sd_m, px, axes),
            self.meet(point_px, metres, px * (1.0 + focal_length.relative_sd), axes),
            self.meet(point_px, metres, px, &axes.turned(direction.yaw_sd_deg)),
            self.meet(point_px, metres, px, &axes.tilted(tilt, 0.0)),
            self.meet(point_px, metres, px, &axes.tilted(0.0, tilt)),
        ];
        let [north, east] = self.offset_m(point_px);
        moved.iter().map(|to| (to[0] - north).powi(2) + (to[1] - east).powi(2)).sum()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::metadata::Metadata;
    use super::super::xmp::Xmp;
    use super::*;

    /// 100 m above the equator, the top to the north, 1000 pixels of focal length.
    pub(in crate::camera) fn footprint(orientation: u32) -> Footprint {
        let packet = "<x xmlns:d=\"http://www.dji.com/drone-dji/1.0/\" d:GpsLatitude=\"0.0\" \
            d:GpsLongitude=\"10\" d:RelativeAltitude=\"+100\" d:GimbalPitchDegree=\"-90\" \
            d:GimbalYawDegree=\"0\" d:CalibratedFocalLength=\"1000\"/>";
        let metadata = Metadata { xmp: Xmp::parse(packet.as_bytes()), ..Metadata::default() };
        let mut pose = Pose::of(&metadata, [800, 600]).unwrap();
        pose.orientation = orientation;
        Footprint::new(pose)
    }

    #[test]
    fn the_top_is_north_and_the_right_is_east() {
        let [north, east] = footprint(1).offset_m([400.0, 100.0]);
        assert!((north - 20.0).abs() + east.abs() < 1e-9);
        let [north, east] = footprint(1).offset_m([700.0, 300.0]);
        assert!(north.abs() + (east - 30.0).abs() < 1e-9);
    }

    /// A pixel of the stored image, wherever turning it upright (EXIF 2.32) takes it, sees one
    /// place: stored (100, 50) of 800x600.
    #[test]
    fn an_image_that_is_turned_upright_sees_the_same() {
        let upright = [
            (1, [100.0, 50.0]),
            (2, [700.0, 50.0]),
            (3, [700.0, 550.0]),
            (4, [100.0, 550.0]),
            (5, [50.0, 100.0]),
            (6, [550.0, 100.0]),
            (7, [550.0, 700.0]),
            (8, [50.0, 700.0]),
        ];
        for (orientation, point) in upright {
            let [north, east] = footprint(orientation).offset_m(point);
            assert!((north - 25.0).abs() + (east + 30.0).abs() < 1e-9, "{orientation}");
        }
        assert_eq!(footprint(6).size_px(), [600, 800]);
    }

    #[test]
    fn the_pixel_of_a_pixels_ground_is_the_pixel() {
        for orientation in 1..=8 {
            let frame = footprint(orientation);
            let [width, height] = frame.size_px();
            for pixel in [[0, 0], [width - 1, 0], [5, height - 1], [123, 456]] {
                let ground = frame.ground(pixel.map(|at| f64::from(at) + 0.5));
                assert_eq!(frame.pixel(ground), Some(pixel), "{orientation}");
            }
            assert_eq!(frame.pixel(frame.ground([-0.5, 10.0])), None);
        }
    }

    /// The formula of the type's documentation.
    #[test]
    fn the_error_straight_above_is_the_documented_one() {
        let frame = footprint(1);
        let Pose { position, height, direction, focal_length, .. } = frame.pose;
        for point in [[400.0, 300.0], [0.0, 0.0], [750.0, 20.0]] {
            let [north, east] = frame.offset_m(point);
            let (r, h) = (north.hypot(east), height.metres);
            let scale = (height.sd_m / h).powi(2)
                + focal_length.relative_sd.powi(2)
                + direction.yaw_sd_deg.to_radians().powi(2);
            let tilt = direction.tilt_sd_deg.to_radians().powi(2);
            let variance = 2.0 * position.sd_m.powi(2)
                + r * r * scale
                + tilt * (2.0 * h * h + 2.0 * r * r + r.powi(4) / (h * h));
            let expected = 1.96 * variance.sqrt();
            let found = frame.error_m(point);
            assert!((found / expected - 1.0).abs() < 0.01, "{point:?}: {found}, {expected}");
        }
    }
}
