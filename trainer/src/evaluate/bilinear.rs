//! Bilinear resizing of planes of numbers, as the predecessor's evaluation does it.

/// Two source positions and the share of the second.
type Tap = (usize, usize, f32);

/// `plane: [H, W]` with `from = [W, H]` -> a plane of `to = [W, H]`.
///
/// Pixel centres lie at halves, nothing is averaged when the plane shrinks:
/// `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)`.
pub(super) fn resize(plane: &[f32], from: [usize; 2], to: [usize; 2]) -> Vec<f32> {
    let columns = taps(from[0], to[0]);
    let rows = taps(from[1], to[1]);
    let mut resized = Vec::with_capacity(to[0] * to[1]);
    for (upper, lower, down) in rows {
        let [upper, lower] = [upper, lower].map(|row| &plane[row * from[0]..][..from[0]]);
        resized.extend(columns.iter().map(|&(left, right, across)| {
            let [upper, lower] =
                [upper, lower].map(|row| row[left] * (1.0 - across) + row[right] * across);
            upper * (1.0 - down) + lower * down
        }));
    }
    resized
}

fn taps(from: usize, to: usize) -> Vec<Tap> {
    let step = from as f32 / to as f32;
    let tap = |index: usize| {
        let at = ((index as f32 + 0.5) * step - 0.5).max(0.0);
        let first = (at as usize).min(from - 1);
        (first, (first + 1).min(from - 1), at - first as f32)
    };
    (0..to).map(tap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Tensor;

    #[test]
    fn a_row_of_two_grows_as_counted_by_hand() {
        assert_eq!(resize(&[0.0, 4.0], [2, 1], [4, 1]), [0.0, 1.0, 3.0, 4.0]);
    }

    #[test]
    fn shrinking_looks_at_the_nearest_two_only() {
        // Step 3: the centre of output 0 lies on input 1, that of output 1 on input 4.
        assert_eq!(resize(&[9.0, 1.0, 9.0, 9.0, 2.0, 9.0], [6, 1], [2, 1]), [1.0, 2.0]);
    }

    #[test]
    fn every_size_agrees_with_libtorch() {
        let [width, height] = [7, 5];
        let plane: Vec<f32> =
            (0..width * height).map(|at| ((at * 37) % 101) as f32 / 101.0).collect();
        let tensor = Tensor::from_slice(&plane).reshape([1, 1, height as i64, width as i64]);
        for to in [[7, 5], [20, 20], [3, 11], [1, 2], [28, 4]] {
            let expected =
                tensor.upsample_bilinear2d([to[1] as i64, to[0] as i64], false, None, None);
            let expected: Vec<f32> = expected.flatten(0, -1).try_into().unwrap();
            let found = resize(&plane, [width, height], to);
            let largest =
                found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(found.len() == expected.len() && largest <= 1e-6, "{to:?}: {largest}");
        }
    }
}
