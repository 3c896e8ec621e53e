//! Sun and sky over a painted canvas.

use super::canvas::{Canvas, Colour};

/// Towards the sun: from the north-west, 42 degrees high. x right, y down, z up.
pub(super) const SUN: [f32; 3] = [-0.48, -0.56, 0.67];
const SUNLIGHT: Colour = [1.30, 1.22, 1.06];
const SKYLIGHT: Colour = [0.26, 0.31, 0.40];

/// Lit colour of every spot.
pub(super) fn lit(canvas: &Canvas) -> Vec<Colour> {
    let surroundings = smoothed(canvas, (2.5 / canvas.spacing_m) as usize);
    let mut colours = Vec::with_capacity(canvas.spots.len());
    for row in 0..canvas.height {
        for column in 0..canvas.width {
            let at = row * canvas.width + column;
            let spot = &canvas.spots[at];
            let facing = facing(canvas, column, row) * sunshine(canvas, column, row);
            // Walls and crowns above a spot hide a part of the sky.
            let sky = 1.0 / (1.0 + 0.35 * (surroundings[at] - spot.elevation).max(0.0));
            colours.push(std::array::from_fn(|channel| {
                spot.colour[channel] * (SUNLIGHT[channel] * facing + SKYLIGHT[channel] * sky)
            }));
        }
    }
    colours
}

/// Cosine of the angle between the sun and the surface, 1 for a surface that faces it.
fn facing(canvas: &Canvas, column: usize, row: usize) -> f32 {
    // Steeper is a wall, which is not seen from above.
    const STEEPEST: f32 = 1.6;
    let height = |column: usize, row: usize| canvas.spots[row * canvas.width + column].elevation;
    let slope = |low: f32, high: f32, steps: usize| {
        ((high - low) / (steps.max(1) as f32 * canvas.spacing_m)).clamp(-STEEPEST, STEEPEST)
    };
    let (left, right) = (column.saturating_sub(1), (column + 1).min(canvas.width - 1));
    let (top, bottom) = (row.saturating_sub(1), (row + 1).min(canvas.height - 1));
    let across = slope(height(left, row), height(right, row), right - left);
    let down = slope(height(column, top), height(column, bottom), bottom - top);
    let length = (across * across + down * down + 1.0).sqrt();
    ((SUN[2] - across * SUN[0] - down * SUN[1]) / length).max(0.0)
}

/// 1 in the sun, 0 in full shadow. The edge is soft, as the sun is a disc.
fn sunshine(canvas: &Canvas, column: usize, row: usize) -> f32 {
    const TALLEST_M: f32 = 16.0;
    let from = canvas.spots[row * canvas.width + column].elevation;
    let level = SUN[0].hypot(SUN[1]);
    let (dx, dy) = (SUN[0] / level, SUN[1] / level);
    let climb = SUN[2] / level * canvas.spacing_m;
    let mut open = 1.0_f32;
    let mut step = 1.5_f32;
    while step * climb < TALLEST_M {
        let (x, y) = (column as f32 + dx * step, row as f32 + dy * step);
        if x < 0.0 || y < 0.0 || x >= canvas.width as f32 || y >= canvas.height as f32 {
            break;
        }
        let clear =
            from + step * climb - canvas.spots[y as usize * canvas.width + x as usize].elevation;
        // How far the obstacle is from touching the ray, seen from the spot, in units of the
        // blurred edge.
        open = open.min(0.5 + clear / (0.12 + 0.05 * step * canvas.spacing_m));
        if open <= 0.0 {
            return 0.0;
        }
        step += 1.0 + step * 0.03;
    }
    open
}

/// Mean elevation in a square of `2 * radius + 1` spots, by two passes of running sums.
fn smoothed(canvas: &Canvas, radius: usize) -> Vec<f32> {
    let elevations: Vec<f32> = canvas.spots.iter().map(|spot| spot.elevation).collect();
    let across = running_mean(&elevations, canvas.width, canvas.height, 1, canvas.width, radius);
    running_mean(&across, canvas.height, canvas.width, canvas.width, 1, radius)
}

/// Running mean along lines: `count` lines of `length` values, `step` apart in a line and
/// `line_step` between lines.
fn running_mean(
    values: &[f32],
    length: usize,
    count: usize,
    step: usize,
    line_step: usize,
    radius: usize,
) -> Vec<f32> {
    let mut means = vec![0.0; values.len()];
    for line in 0..count {
        let value = |at: usize| values[line * line_step + at * step];
        let (mut sum, mut from, mut to) = (0.0, 0, 0);
        for at in 0..length {
            while to < (at + radius + 1).min(length) {
                sum += value(to);
                to += 1;
            }
            while from + radius < at {
                sum -= value(from);
                from += 1;
            }
            means[line * line_step + at * step] = sum / (to - from) as f32;
        }
    }
    means
}

#[cfg(test)]
mod tests {
    use super::super::canvas::Spot;
    use super::*;

    fn canvas() -> Canvas {
        let mut canvas = Canvas::new(40, 40, 0.5, [0.0; 2]);
        canvas.spots.fill(Spot { colour: [0.5; 3], elevation: 0.0, id: 0 });
        canvas
    }

    #[test]
    fn a_block_shades_what_lies_away_from_the_sun() {
        let mut canvas = canvas();
        canvas.paint(([8.0, 8.0], [11.0, 11.0]), |_, spot| spot.elevation = 5.0);
        assert!(sunshine(&canvas, 26, 26) < 0.1, "south-east of the block");
        assert!(sunshine(&canvas, 8, 8) > 0.9, "north-west of the block");
        assert!(sunshine(&canvas, 20, 20) > 0.9, "on its top");
    }

    #[test]
    fn flat_ground_is_evenly_lit() {
        let colours = lit(&canvas());
        assert!(colours.iter().all(|colour| (colour[0] - colours[0][0]).abs() < 1e-5));
    }
}
