//! Curves and images for `TensorBoard`: one event file a start of a run.
//!
//! The file is a row of records (tensorflow `core/lib/io/record_writer.h`), each a protobuf
//! (tensorflow `core/util/event.proto` and `core/framework/summary.proto`), of which this file
//! knows what a scalar and an image need.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use image::ImageEncoder;
use prost::Message;
use rszs_data::RgbImage;

use crate::TrainError;
use crate::run::make_folder;

/// An event file that grows.
#[derive(Debug)]
pub(crate) struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// A new file in `folder` for a run that has taken `steps` steps: readers forget what files
    /// before it say of later steps, as those will be taken again.
    pub(crate) fn create(folder: &Path, steps: u64) -> Result<Self, TrainError> {
        let now = now();
        // Readers take the files of a folder in the order of their names. A process starts a run
        // once.
        let path = folder.join(format!(
            "events.out.tfevents.{:010}.{}",
            now.as_secs(),
            std::process::id()
        ));
        make_folder(folder)?;
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        let file = opened.map_err(|source| TrainError::Write { path: path.clone(), source })?;
        let mut events = Self { path, file };
        events.write(Event {
            wall_time: now.as_secs_f64(),
            what: Some(What::FileVersion(VERSION.to_owned())),
            step: 0,
        })?;
        events.write(Event {
            wall_time: now.as_secs_f64(),
            step: steps as i64 + 1,
            what: Some(What::Session(START)),
        })?;
        Ok(events)
    }

    /// Adds a point to each named curve.
    pub(crate) fn scalars<'a>(
        &mut self,
        step: u64,
        points: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> Result<(), TrainError> {
        let point = |(tag, value): (&str, f64)| Value {
            tag: tag.to_owned(),
            number: Some(value as f32),
            image: None,
        };
        let summary = Summary { values: points.into_iter().map(point).collect() };
        self.write(Event {
            wall_time: now().as_secs_f64(),
            step: step as i64,
            what: Some(What::Summary(summary)),
        })
    }

    /// Adds an image to a row of them, as a JPEG: for looking at, not for measuring.
    pub(crate) fn image(
        &mut self,
        step: u64,
        tag: &str,
        image: &RgbImage,
    ) -> Result<(), TrainError> {
        let (width, height) = (image.width as u32, image.height as u32);
        let mut encoded = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut encoded, JPEG_QUALITY)
            .write_image(&image.pixels, width, height, image::ExtendedColorType::Rgb8)
            .map_err(|error| TrainError::Write {
                path: self.path.clone(),
                source: std::io::Error::other(error),
            })?;
        let image = Image { height: height as i32, width: width as i32, colorspace: RGB, encoded };
        let value = Value { tag: tag.to_owned(), number: None, image: Some(image) };
        let summary = Summary { values: vec![value] };
        self.write(Event {
            wall_time: now().as_secs_f64(),
            step: step as i64,
            what: Some(What::Summary(summary)),
        })
    }

    fn write(&mut self, event: Event) -> Result<(), TrainError> {
        let written = self.file.write_all(&record(&event.encode_to_vec()));
        written.map_err(|source| TrainError::Write { path: self.path.clone(), source })
    }
}

const JPEG_QUALITY: u8 = 85;
const RGB: i32 = 3;
/// What the first event says.
const VERSION: &str = "brain.Event:2";
const START: SessionLog = SessionLog { status: 1 };

#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "What", tags = "3, 5, 7")]
    what: Option<What>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
    #[prost(message, tag = "7")]
    Session(SessionLog),
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    /// `simple_value`.
    #[prost(float, optional, tag = "2")]
    number: Option<f32>,
    #[prost(message, optional, tag = "4")]
    image: Option<Image>,
}

#[derive(Clone, PartialEq, Message)]
struct Image {
    #[prost(int32, tag = "1")]
    height: i32,
    #[prost(int32, tag = "2")]
    width: i32,
    /// Channels.
    #[prost(int32, tag = "3")]
    colorspace: i32,
    /// A PNG or JPEG file.
    #[prost(bytes = "vec", tag = "4")]
    encoded: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct SessionLog {
    /// 1 is the start of a session.
    #[prost(int32, tag = "1")]
    status: i32,
}

fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Length, its checksum, data, its checksum; little-endian.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked(crc32c(&length)).to_le_bytes(), data, &masked(crc32c(data)).to_le_bytes()]
        .concat()
}

/// So that the checksum of data which holds checksums is no trivial one (tensorflow
/// `core/lib/hash/crc32c.h`).
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xA282_EAD8)
}

/// CRC-32C (RFC 3720, appendix B.4), bit by bit: a few hundred bytes a line of metrics.
fn crc32c(bytes: &[u8]) -> u32 {
    let shift = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_rfc_3720() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
    }

    /// The golden file was written by `TensorBoard` itself: see the script beside it.
    #[test]
    fn the_file_is_the_one_that_tensorboard_writes() {
        let point =
            |tag: &str, value| Value { tag: tag.to_owned(), number: Some(value), image: None };
        let image = Image { height: 2, width: 300, colorspace: RGB, encoded: b"JPEG".to_vec() };
        let image =
            Value { tag: "evaluation/a/overlay".to_owned(), number: None, image: Some(image) };
        let summary = Summary {
            values: vec![point("train/loss", 0.75), point("train/images_per_s", 0.0), image],
        };
        let events = [
            Event { wall_time: 1.5e9, step: 0, what: Some(What::FileVersion(VERSION.to_owned())) },
            Event { wall_time: 1.5e9, step: 3, what: Some(What::Session(START)) },
            Event { wall_time: 1_500_000_000.25, step: 300, what: Some(What::Summary(summary)) },
        ];
        let bytes: Vec<u8> =
            events.iter().flat_map(|event| record(&event.encode_to_vec())).collect();
        assert!(bytes == include_bytes!("../../tests/golden/events.tfevents"), "{bytes:02x?}");
    }

    #[test]
    fn a_file_is_whole_records_version_start_and_points() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = EventFile::create(folder.path(), 2).unwrap();
        events.scalars(300, [("train/loss", 0.75)]).unwrap();
        events.image(300, "overlay", &RgbImage::filled(6, 2, [0, 90, 9])).unwrap();
        let mut bytes = &std::fs::read(&events.path).unwrap()[..];
        let mut steps = Vec::new();
        while let Some((length, _)) = bytes.split_first_chunk::<8>() {
            let end = 16 + u64::from_le_bytes(*length) as usize;
            let (data, rest) = bytes.split_at(end);
            assert_eq!(data, record(&data[12..end - 4]));
            steps.push(Event::decode(&data[12..end - 4]).unwrap().step);
            bytes = rest;
        }
        assert_eq!(steps, [0, 3, 300, 300]);
    }
}
