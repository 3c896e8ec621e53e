//! Against a slow reading of the same protocol, and against the predecessor's steps in PyTorch,
//! with functions in place of a network.

use super::*;

const TILE_PX: usize = 16;

/// An image in which no two places look the same.
fn image(width: usize, height: usize) -> RgbImage {
    let mut image = RgbImage::filled(width, height, [0; 3]);
    for y in 0..height {
        for x in 0..width {
            image.set_pixel(
                x,
                y,
                [(x * 7 % 256) as u8, (y * 5 % 256) as u8, ((x * y) % 256) as u8],
            );
        }
    }
    image
}

/// Two logits of a cell: how red and how green its first pixel is, about 0.
fn colours(tiles: &[u8]) -> Vec<f32> {
    let logit = |tile: &[u8], channel: usize, cell: usize| {
        let (x, y) = (cell % 4 * 4, cell / 4 * 4);
        f32::from(tile[(y * TILE_PX + x) * 3 + channel]) / 32.0 - 4.0
    };
    let of_tile = |tile: &[u8]| -> Vec<f32> {
        (0..2)
            .flat_map(|channel| (0..16).map(move |cell| (channel, cell)))
            .map(|(c, cell)| logit(tile, c, cell))
            .collect()
    };
    tiles.chunks_exact(TILE_PX * TILE_PX * 3).flat_map(of_tile).collect()
}

/// Value at output position `(x, y)` when a plane of `from` is seen as one of `to`.
fn seen(
    plane: &dyn Fn(usize, usize) -> f64,
    from: [usize; 2],
    to: [usize; 2],
    x: usize,
    y: usize,
) -> f64 {
    let place = |at: usize, axis: usize| {
        let source = (at as f64 + 0.5) * from[axis] as f64 / to[axis] as f64 - 0.5;
        source.clamp(0.0, (from[axis] - 1) as f64)
    };
    let (x, y) = (place(x, 0), place(y, 1));
    let mut sum = 0.0;
    for row in 0..from[1] {
        for column in 0..from[0] {
            // A tent of half-width 1 around the place.
            let weight = (1.0 - (x - column as f64).abs()).max(0.0)
                * (1.0 - (y - row as f64).abs()).max(0.0);
            if weight > 0.0 {
                sum += weight * plane(column, row);
            }
        }
    }
    sum
}

/// The protocol at one pixel of the image, from the outside in. `logit(view, x, y)` is one
/// query's, in cells.
fn score_at(
    logit: &dyn Fn(usize, usize, usize) -> f64,
    image: [usize; 2],
    x: usize,
    y: usize,
) -> f64 {
    let (stride, square) = (10, 26);
    let view = |view: usize, x: usize, y: usize| {
        let logit = seen(&|x, y| logit(view, x, y), [4; 2], [TILE_PX; 2], x, y);
        1.0 / (1.0 + (-logit).exp())
    };
    let on_square = |x: usize, y: usize| {
        let (mut sum, mut count) = (0.0, 0.0);
        for window in 0..4 {
            let (left, top) = (window % 2 * stride, window / 2 * stride);
            if (left..left + TILE_PX).contains(&x) && (top..top + TILE_PX).contains(&y) {
                sum += view(window, x - left, y - top);
                count += 1.0;
            }
        }
        0.5 * sum / count + 0.5 * seen(&|x, y| view(4, x, y), [TILE_PX; 2], [square; 2], x, y)
    };
    seen(&on_square, [square; 2], image, x, y)
}

#[test]
fn sizes_are_the_predecessors_at_its_tile_and_keep_their_proportions_at_others() {
    for (tile_px, stride_px, square_px) in
        [(384, 256, 640), (256, 170, 426), (512, 341, 853), (16, 10, 26)]
    {
        let sizes = Sizes::of(tile_px);
        assert_eq!((sizes.stride_px, sizes.square_px()), (stride_px, square_px));
    }
}

#[test]
fn constant_logits_come_out_as_their_scores() {
    let constant = |tiles: &[u8]| {
        let count = tiles.len() / (TILE_PX * TILE_PX * 3);
        Ok((0..count)
            .flat_map(|_| [vec![0.0; 16], vec![3.0_f32.ln(); 16], vec![-9.0; 16]].concat())
            .collect())
    };
    let prediction = predict(&image(31, 19), TILE_PX, 2, 3, constant).unwrap();
    // Scores of 0.5, 0.75 and 0.0001.
    for (scores, expected) in prediction.scores.iter().zip([128, 191, 0]) {
        assert_eq!(*scores, vec![expected; 31 * 19]);
    }
    assert_eq!(prediction.exclusive, vec![2; 31 * 19]);
}

#[test]
fn scores_are_those_of_the_slow_reading_at_every_pixel() {
    for [width, height] in [[31, 19], [26, 26], [12, 40]] {
        let image = image(width, height);
        let logits = colours(&Sizes::of(TILE_PX).views(&image));
        let prediction = predict(&image, TILE_PX, 2, 2, |tiles| Ok(colours(tiles))).unwrap();
        for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
            let scores = [0, 1].map(|query| {
                let logit = |view: usize, x: usize, y: usize| {
                    f64::from(logits[((view * 2 + query) * 4 + y) * 4 + x])
                };
                score_at(&logit, [width, height], x, y)
            });
            let pixel = y * width + x;
            for (found, expected) in prediction.scores.iter().zip(scores) {
                let difference = f64::from(found[pixel]) - expected * 255.0;
                assert!(
                    difference.abs() <= 0.51,
                    "({x}, {y}) of {width}x{height}: {difference} of 255"
                );
            }
            if (scores[0] - scores[1]).abs() > 1e-4 {
                assert_eq!(
                    prediction.exclusive[pixel],
                    1 + u8::from(scores[1] > scores[0]),
                    "({x}, {y})"
                );
            }
        }
    }
}

/// A tensor of `tests/golden/gsnet.safetensors`, as `gsnet.py` beside it writes it.
fn golden(name: &str) -> Vec<f32> {
    let file = safetensors::SafeTensors::deserialize(include_bytes!(
        "../../../tests/golden/gsnet.safetensors"
    ))
    .unwrap();
    let bytes = file.tensor(name).unwrap().data().to_vec();
    bytes.as_chunks::<4>().0.iter().map(|&value| f32::from_le_bytes(value)).collect()
}

#[test]
fn views_and_scores_are_those_of_the_predecessors_steps_in_pytorch() {
    let [width, height] = [45, 30];
    let image = image(width, height);
    let views = Sizes::of(TILE_PX).views(&image);
    let expected = golden("views");
    assert_eq!(views.len(), expected.len());
    // Ours are bytes. Pillow sums in fixed point: a value can be rounded to the other side before
    // it is resized again.
    let largest = views
        .iter()
        .zip(&expected)
        .map(|(&ours, torch)| (f32::from(ours) - torch).abs())
        .fold(0.0, f32::max);
    assert!(largest <= 1.5, "{largest} of 255");

    let prediction = predict(&image, TILE_PX, VIEWS, 3, |_| Ok(golden("logits"))).unwrap();
    let expected = golden("scores");
    let pixels = width * height;
    for (scores, expected) in prediction.scores.iter().zip(expected.chunks_exact(pixels)) {
        let difference = |(&ours, torch): (&u8, &f32)| (f32::from(ours) - torch * 255.0).abs();
        let largest = scores.iter().zip(expected).map(difference).fold(0.0, f32::max);
        assert!(largest <= 0.501, "{largest} of 255: more than rounding to bytes");
    }
    for (pixel, &found) in prediction.exclusive.iter().enumerate() {
        let scores = [0, 1, 2].map(|query| expected[query * pixels + pixel]);
        let chosen = scores[usize::from(found) - 1];
        assert!(
            scores.iter().all(|score| score - chosen <= 1e-5),
            "pixel {pixel}: {found} of {scores:?}"
        );
    }
}

#[test]
fn windows_show_their_parts_of_the_square_and_the_last_view_shows_all() {
    // An image of the square's own size is not resized before it is cut.
    let image = image(26, 26);
    let views = Sizes::of(TILE_PX).views(&image);
    let pixel = |view: usize, x: usize, y: usize| {
        let at = ((view * TILE_PX + y) * TILE_PX + x) * 3;
        [views[at], views[at + 1], views[at + 2]]
    };
    for (view, [left, top]) in [[0, 0], [10, 0], [0, 10], [10, 10]].into_iter().enumerate() {
        for (x, y) in [(0, 0), (15, 0), (3, 9), (15, 15)] {
            assert_eq!(
                pixel(view, x, y),
                image.pixel(left + x, top + y),
                "view {view}, ({x}, {y})"
            );
        }
    }
    // Step 26 / 16: the centre of pixel 8 lies at 13.3125, between 13 and 14 with red at 91 and 98.
    assert_eq!(pixel(4, 8, 0)[0], (91.0_f32 + 0.3125 * 7.0).round() as u8);
}

#[test]
fn a_long_image_is_no_longer_than_four_squares_before_it_is_squashed() {
    let resized = |width, height| {
        let image =
            Sizes::of(TILE_PX).shorter_side_resized(&RgbImage::filled(width, height, [9; 3]));
        [image.width, image.height]
    };
    assert_eq!(resized(52, 78), [26, 39]);
    assert_eq!(resized(520, 52), [104, 10]);
}

#[test]
fn an_image_shrinks_as_pillow_shrinks_it() {
    // Pillow 13.0.0, which detectron2 resizes with: Image.resize((39, 26), Image.BILINEAR) of the
    // same image.
    let image = Sizes::of(TILE_PX).shorter_side_resized(&image(90, 60));
    assert_eq!([image.width, image.height], [39, 26]);
    for ((x, y), expected) in [
        ((0, 0), [6, 4, 1]),
        ((15, 3), [219, 38, 122]),
        ((16, 8), [43, 96, 178]),
        ((22, 22), [104, 137, 125]),
        ((38, 25), [105, 35, 130]),
        ((30, 13), [233, 153, 120]),
    ] {
        let found = image.pixel(x, y);
        // Pillow sums in fixed point: a value can be rounded to the other side.
        assert!(
            found.iter().zip(expected).all(|(a, b): (&u8, u8)| a.abs_diff(b) <= 1),
            "({x}, {y}): {found:?}"
        );
    }
}
