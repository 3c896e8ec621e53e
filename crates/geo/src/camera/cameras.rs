//! Sensors of cameras whose tags leave the size of a pixel out.

/// Width of the sensor's image area, and of the image that it gives as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sensor {
    pub(super) width_mm: f64,
    pub(super) width_px: u32,
}

const ONE_2_3: Sensor = Sensor { width_mm: 6.17, width_px: 4000 };
const ONE: Sensor = Sensor { width_mm: 13.2, width_px: 5472 };

/// By `Model`. Formats and image sizes are of DJI's specification pages: 1/2.3" sensors with 4000
/// columns, 1" sensors with 5472; a format's width in mm is the usual one (6.17, 13.2), of which
/// makers differ by 2 %.
const SENSORS: [(&str, Sensor); 12] = [
    ("FC300S", ONE_2_3), // Phantom 3 Advanced
    ("FC300X", ONE_2_3), // Phantom 3 Professional
    ("FC300C", ONE_2_3), // Phantom 3 Standard
    ("FC330", ONE_2_3),  // Phantom 4
    ("FC220", ONE_2_3),  // Mavic Pro
    ("FC350", ONE_2_3),  // Zenmuse X3
    ("FC6310", ONE),     // Phantom 4 Pro
    ("FC6310S", ONE),    // Phantom 4 Pro V2
    ("FC6310R", ONE),    // Phantom 4 RTK
    ("FC6510", ONE),     // Zenmuse X4S
    ("L1D-20c", ONE),    // Mavic 2 Pro
    ("FC3411", ONE),     // Air 2S
];

/// The sensor of the camera `model`.
pub(super) fn sensor(model: &str) -> Option<Sensor> {
    SENSORS.iter().find(|(name, _)| name.eq_ignore_ascii_case(model)).map(|&(_, sensor)| sensor)
}
