//! The image with its masks drawn over it.

/// Parts of 256 that a mask's colour takes in its inside; the rest is the image.
const COLOUR_PARTS: u16 = 102;

/// Pixels of the longer side for each pixel of a border's width: seen as a whole, a large image
/// still shows its borders.
const SIDE_PER_BORDER_PX: usize = 1000;

/// Draws `classes: [H, W]` over `rgb: [H, W, 3]` into `out`: coloured inside, the plain colour
/// along borders between classes. `palette` has the colour of class 1 first.
pub fn draw_overlay(
    rgb: &[u8],
    classes: &[u8],
    width_px: u32,
    palette: &[[u8; 3]],
    out: &mut Vec<u8>,
) {
    out.clear();
    out.extend_from_slice(rgb);
    let wide = width_px as usize;
    let high = classes.len() / wide;
    let border = wide.max(high).div_ceil(SIDE_PER_BORDER_PX);
    for (y, (row, out_row)) in
        classes.chunks_exact(wide).zip(out.chunks_exact_mut(wide * 3)).enumerate()
    {
        let below = &classes[(y + border).min(high - 1) * wide..][..wide];
        draw_row(row, below, border, palette, out_row);
    }
}

/// `below` is the row that is `border` pixels farther down.
fn draw_row(row: &[u8], below: &[u8], border: usize, palette: &[[u8; 3]], out: &mut [u8]) {
    if row == below && row.iter().all(|class| *class == 0) {
        return;
    }
    let right = row.iter().skip(border).chain(row.last().into_iter().cycle());
    for (((class, right), below), pixel) in
        row.iter().zip(right).zip(below).zip(out.chunks_exact_mut(3))
    {
        let is_border = class != right || class != below;
        // A border between something and nothing has the colour of the something.
        let shown = if *class != 0 || !is_border { *class } else { (*right).max(*below) };
        let Some(colour) = shown.checked_sub(1).and_then(|index| palette.get(usize::from(index)))
        else {
            continue;
        };
        for (part, colour) in pixel.iter_mut().zip(colour) {
            *part = if is_border { *colour } else { mix(*part, *colour) };
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

    #[test]
    fn an_image_without_masks_stays_as_it_is() {
        let rgb: Vec<u8> = (0..48).collect();
        let mut out = Vec::new();
        draw_overlay(&rgb, &[0; 16], 4, &[[255, 0, 0]], &mut out);
        assert_eq!(out, rgb);
    }

    #[test]
    fn borders_of_large_images_are_wider() {
        let wide = 2500;
        let mut classes = vec![0; wide];
        classes[1000..2000].fill(1);
        let mut out = Vec::new();
        draw_overlay(&vec![100; wide * 3], &classes, wide as u32, &[[200, 0, 0]], &mut out);
        let plain: Vec<usize> = (0..wide).filter(|x| out[x * 3] == 200).collect();
        assert_eq!(plain, [997, 998, 999, 1997, 1998, 1999]);
    }

    #[test]
    fn insides_are_mixed_and_borders_plain() {
        let rgb = [100; 4 * 3 * 3];
        let classes = [1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0];
        let mut out = Vec::new();
        draw_overlay(&rgb, &classes, 4, &[[200, 0, 0]], &mut out);
        let mixed = [139, 60, 60];
        assert_eq!(out[..3], mixed);
        assert_eq!(out[2 * 3..3 * 3], [200, 0, 0], "last inside");
        assert_eq!(out[3 * 3..4 * 3], [100, 100, 100], "outside");
    }
}
