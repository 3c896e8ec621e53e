//! The image with its masks drawn over it, as large as a screen needs it.

/// Parts of 256 that a mask's colour takes in its inside; the rest is the image.
const COLOUR_PARTS: u16 = 90;

/// Pixels of the longer side for each pixel of a line's width: seen as a whole, a large image
/// still shows its outlines.
const SIDE_PER_LINE_PX: usize = 1500;

/// The outline's lines outside a mask: whatever the image is, one of them stands out.
const DARK: [u8; 3] = [0; 3];
const LIGHT: [u8; 3] = [255; 3];

/// An image and its classes, smaller by a whole number.
#[derive(Debug, Default)]
pub struct Overview {
    /// `[H, W, 3]`.
    pub rgb: Vec<u8>,
    /// `[H, W]`.
    pub classes: Vec<u8>,
    /// W.
    pub width_px: usize,
    /// H.
    pub height_px: usize,
}

impl Overview {
    /// Makes `rgb: [H, W, 3]` and `classes: [H, W]` as many times smaller that no side exceeds
    /// `most_px`: the mean of the colours, the most frequent of the classes.
    pub fn of(&mut self, rgb: &[u8], classes: &[u8], width_px: usize, most_px: usize) {
        let height_px = classes.len() / width_px;
        let times = width_px.max(height_px).div_ceil(most_px.max(1)).max(1);
        (self.width_px, self.height_px) = (width_px.div_ceil(times), height_px.div_ceil(times));
        self.rgb.clear();
        self.classes.clear();
        if times == 1 {
            self.rgb.extend_from_slice(rgb);
            self.classes.extend_from_slice(classes);
            return;
        }
        let mut block = Vec::with_capacity(times * times);
        for top in (0..height_px).step_by(times) {
            let rows = top..(top + times).min(height_px);
            for left in (0..width_px).step_by(times) {
                let columns = left..(left + times).min(width_px);
                let mut sums = [0_u32; 3];
                block.clear();
                for y in rows.clone() {
                    let pixels = y * width_px + columns.start..y * width_px + columns.end;
                    block.extend_from_slice(&classes[pixels.clone()]);
                    for pixel in rgb[pixels.start * 3..pixels.end * 3].chunks_exact(3) {
                        sums.iter_mut().zip(pixel).for_each(|(sum, &part)| *sum += u32::from(part));
                    }
                }
                let count = block.len() as u32;
                self.rgb.extend(sums.map(|sum| ((sum + count / 2) / count) as u8));
                self.classes.push(most_frequent(&mut block));
            }
        }
    }
}

/// The class that most of `block` have; of several, the highest.
fn most_frequent(block: &mut [u8]) -> u8 {
    block.sort_unstable();
    let runs = block.chunk_by(|a, b| a == b);
    runs.max_by_key(|run| run.len()).and_then(|run| run.first().copied()).unwrap_or_default()
}

/// Draws classes over the image into `out: [H, W, 3]`: mixed with the mask's colour inside, the
/// plain colour along its edge, a dark and a light line around it. `colours` has that of class 1
/// first; a class without a colour is left as it is.
pub fn draw_overlay(overview: &Overview, colours: &[[u8; 3]], out: &mut Vec<u8>) {
    let Overview { rgb, classes, width_px: wide, height_px: high } = overview;
    let (wide, high) = (*wide, *high);
    out.clear();
    out.extend_from_slice(rgb);
    let colour_of = |class: u8| usize::from(class).checked_sub(1).and_then(|at| colours.get(at));
    let line = (wide.max(high) / SIDE_PER_LINE_PX).max(1);
    let is_near = |x: usize, y: usize, distance: usize, meant: &dyn Fn(u8) -> bool| {
        let row = y * wide;
        let (left, right) = (x.checked_sub(distance), (x + distance < wide).then(|| x + distance));
        let (up, down) = (y.checked_sub(distance), (y + distance < high).then(|| y + distance));
        left.is_some_and(|x| meant(classes[row + x]))
            || right.is_some_and(|x| meant(classes[row + x]))
            || up.is_some_and(|y| meant(classes[y * wide + x]))
            || down.is_some_and(|y| meant(classes[y * wide + x]))
    };
    let is_shown = |class: u8| colour_of(class).is_some();
    for y in 0..high {
        for x in 0..wide {
            let class = classes[y * wide + x];
            let pixel = &mut out[(y * wide + x) * 3..][..3];
            if let Some(colour) = colour_of(class) {
                let is_edge = is_near(x, y, line, &|other| other != class);
                for (part, colour) in pixel.iter_mut().zip(colour) {
                    *part = if is_edge { *colour } else { mix(*part, *colour) };
                }
            } else if class == 0 && is_near(x, y, line, &is_shown) {
                pixel.copy_from_slice(&DARK);
            } else if class == 0 && is_near(x, y, 2 * line, &is_shown) {
                pixel.copy_from_slice(&LIGHT);
            }
        }
    }
}

fn mix(image: u8, colour: u8) -> u8 {
    let mixed = u16::from(image) * (256 - COLOUR_PARTS) + u16::from(colour) * COLOUR_PARTS;
    (mixed / 256) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overview(rgb: &[u8], classes: &[u8], wide: usize, most: usize) -> Overview {
        let mut overview = Overview::default();
        overview.of(rgb, classes, wide, most);
        overview
    }

    #[test]
    fn an_image_without_masks_stays_as_it_is() {
        let rgb: Vec<u8> = (0..48).collect();
        let mut out = Vec::new();
        draw_overlay(&overview(&rgb, &[0; 16], 4, 100), &[[255, 0, 0]], &mut out);
        assert_eq!(out, rgb);
    }

    #[test]
    fn a_mask_has_its_colour_mixed_in_an_edge_and_two_lines_around_it() {
        let mut classes = [0; 12];
        classes[..4].fill(1);
        let mut out = Vec::new();
        draw_overlay(&overview(&[100; 36], &classes, 12, 100), &[[200, 0, 0]], &mut out);
        let reds: Vec<u8> = out.iter().step_by(3).copied().collect();
        assert_eq!(reds, [135, 135, 135, 200, 0, 255, 100, 100, 100, 100, 100, 100]);
    }

    #[test]
    fn where_no_image_is_nothing_is_drawn() {
        let mut out = Vec::new();
        draw_overlay(&overview(&[9; 12], &[1, 255, 255, 255], 4, 100), &[[200, 0, 0]], &mut out);
        assert_eq!(out[3..], [9; 9]);
    }

    #[test]
    fn a_large_image_becomes_smaller_by_a_whole_number() {
        let rgb: Vec<u8> = (0..5 * 3).flat_map(|at| [at * 10; 3]).collect();
        let small = overview(&rgb, &[0, 1, 2, 2, 7, 1, 1, 0, 2, 7, 0, 0, 0, 0, 7], 5, 3);
        assert_eq!((small.width_px, small.height_px), (3, 2));
        assert_eq!(small.classes, [1, 2, 7, 0, 0, 7]);
        let first = (10 + 50 + 60) / 4;
        assert_eq!(small.rgb[..3], [first; 3]);
    }
}
