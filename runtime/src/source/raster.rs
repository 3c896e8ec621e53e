//! Samples as they are stored, before they become a frame.

use super::stretch::{BandLimits, Stretch};
use super::{Frame, Reading, Validity};

/// Samples of a type that a file stores, pixel by pixel.
#[derive(Debug)]
pub(super) enum Samples {
    /// Shown as they are.
    U8(Vec<u8>),
    U16(Vec<u16>),
    /// Whatever else, as real numbers.
    F32(Vec<f32>),
}

/// An image of one or more bands, not yet upright.
#[derive(Debug)]
pub(super) struct Raster {
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    /// `[H, W, bands]`.
    pub(super) samples: Samples,
    pub(super) bands: usize,
    /// Which of them are red, green and blue, counted from 0.
    pub(super) shown: [usize; 3],
    /// A flag a pixel; nothing where all hold an image.
    pub(super) valid: Option<Vec<bool>>,
}

impl Raster {
    /// Fills `frame`, and says what was done. `stretch` is what was typed.
    pub(super) fn into_frame(mut self, frame: &mut Frame, stretch: Option<Stretch>) {
        self.drop_what_is_no_number();
        let Self { width_px, height_px, samples, bands, shown, valid } = self;
        let valid = valid.as_deref();
        (frame.width_px, frame.height_px) = (width_px, height_px);
        frame.rgb.clear();
        let stretch_of = |is_byte: bool| match stretch {
            None if is_byte => None,
            typed => Some(typed.unwrap_or_default()),
        };
        let limits = match &samples {
            Samples::U8(values) => {
                show(values, bands, shown, valid, stretch_of(true), &mut frame.rgb)
            }
            Samples::U16(values) => {
                show(values, bands, shown, valid, stretch_of(false), &mut frame.rgb)
            }
            Samples::F32(values) => {
                show(values, bands, shown, valid, stretch_of(false), &mut frame.rgb)
            }
        };
        frame.valid =
            valid.map_or_else(Validity::everywhere, |flags| Validity::of(flags, width_px));
        let is_choice = shown != [0, 1, 2] && shown != [0; 3];
        frame.reading = Reading {
            bands: is_choice.then(|| shown.map(|band| band + 1)),
            stretch: limits,
            ..Reading::default()
        };
    }

    /// What is not a number holds no image.
    fn drop_what_is_no_number(&mut self) {
        let Samples::F32(values) = &self.samples else { return };
        let is_number = |pixel: &[f32]| self.shown.iter().all(|&band| pixel[band].is_finite());
        if values.chunks_exact(self.bands).all(is_number) {
            return;
        }
        let numbers = values.chunks_exact(self.bands).map(is_number);
        self.valid = Some(match self.valid.take() {
            None => numbers.collect(),
            Some(flags) => {
                flags.iter().zip(numbers).map(|(&flag, number)| flag && number).collect()
            }
        });
    }
}

/// Appends the bytes of the shown bands. Gives back the limits of each band, where it was
/// stretched.
fn show<T: Copy + Into<f32>>(
    values: &[T],
    bands: usize,
    shown: [usize; 3],
    valid: Option<&[bool]>,
    stretch: Option<Stretch>,
    rgb: &mut Vec<u8>,
) -> Option<[BandLimits; 3]> {
    let pixels = || values.chunks_exact(bands);
    let Some(stretch) = stretch else {
        // Bytes, and a byte is its own value.
        let byte = |value: T| value.into() as u8;
        rgb.extend(pixels().flat_map(|pixel| shown.map(|band| byte(pixel[band]))));
        return None;
    };
    let limits = shown.map(|band| {
        let seen: Vec<f32> = pixels()
            .enumerate()
            .filter(|(at, _)| valid.is_none_or(|valid| valid[*at]))
            .map(|(_, pixel)| pixel[band].into())
            .collect();
        stretch.limits(seen.into_iter())
    });
    let byte = |pixel: &[T], place: usize| limits[place].byte(pixel[shown[place]].into());
    rgb.extend(pixels().flat_map(|pixel| [0, 1, 2].map(|place| byte(pixel, place))));
    Some(limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(raster: Raster, stretch: Option<Stretch>) -> Frame {
        let mut frame = Frame::default();
        raster.into_frame(&mut frame, stretch);
        frame
    }

    #[test]
    fn bytes_are_shown_as_they_are_unless_a_stretch_is_typed() {
        let raster = || Raster {
            width_px: 2,
            height_px: 1,
            samples: Samples::U8(vec![10, 20, 30, 40, 50, 60, 70, 80]),
            bands: 4,
            shown: [2, 1, 0],
            valid: None,
        };
        let plain = frame(raster(), None);
        assert_eq!(plain.rgb, [30, 20, 10, 70, 60, 50]);
        assert_eq!((plain.reading.bands, plain.reading.stretch), (Some([3, 2, 1]), None));
        let stretched = frame(raster(), Some(Stretch::Limits { low: 0.0, high: 51.0 }));
        assert_eq!(stretched.rgb, [150, 100, 50, 255, 255, 250]);
    }

    #[test]
    fn limits_are_those_of_valid_pixels_and_what_is_no_number_is_not_valid() {
        let values = [0.0, 1.0, f32::NAN, 9000.0, 0.5];
        let raster = Raster {
            width_px: 5,
            height_px: 1,
            samples: Samples::F32(values.to_vec()),
            bands: 1,
            shown: [0; 3],
            valid: Some(vec![true, true, true, false, true]),
        };
        let shown = frame(raster, Some(Stretch::Percentiles { low: 0.0, high: 100.0 }));
        assert_eq!(shown.valid.invalid_px(), 2);
        let limits = shown.reading.stretch.unwrap()[0];
        assert_eq!((limits.low, limits.high), (0.0, 1.0));
        assert_eq!([shown.rgb[0], shown.rgb[3], shown.rgb[12]], [0, 255, 128]);
    }
}
