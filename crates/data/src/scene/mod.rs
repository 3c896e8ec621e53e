//! A generated aerial image with its ground truth: a river in flood, a village, roads, fields,
//! trees.
//!
//! It is what a program shows that was given no image. Everything is drawn as reflectance and
//! elevation, then lit by one sun, so roofs, crowns and shadows agree with each other. The same
//! seed gives the same scene.

mod canvas;
mod ground;
mod house;
mod light;
mod noise;
mod path;
mod road;
mod tree;
mod yard;

use crate::class_table::ClassTable;
use crate::image::RgbImage;
use crate::mask::IndexMask;
use crate::rng::Rng;
use crate::words;
use canvas::{Canvas, Colour};
use ground::{Field, Ground, WATER_LEVEL_M};
use house::House;
use noise::Noise;
use path::{Path, Point, distance};
use road::{Road, Surface};
use tree::Tree;
use yard::Yard;

/// Cars.
const OTHER: u8 = 0;
const FLOOD_WATER: u8 = 1;
const BARE_GROUND: u8 = 2;
const ROAD: u8 = 3;
const BUILDING: u8 = 4;
const VEGETATION: u8 = 5;

/// Ground sample distance of the image, at any size.
pub const METRES_PER_PX: f32 = 0.3;
/// Ground sample distance of [`close_up`].
pub const CLOSE_UP_METRES_PER_PX: f32 = 0.1;
/// Width and height that the scene is composed for: 1024 by 768 pixels of [`METRES_PER_PX`].
const COMPOSED_M: Point = [307.2, 230.4];
/// Spots for one pixel, each way.
const OVERSAMPLING: usize = 2;

/// An image and what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// `[H, W, 3]`.
    pub image: RgbImage,
    /// `[H, W]`, indices of [`classes`].
    pub mask: IndexMask,
}

/// What the indices mean. The water of a flood is both "flood" and "water"; a scene has no other.
pub fn classes() -> ClassTable {
    ClassTable::exclusive(
        &[
            (OTHER, "other"),
            (FLOOD_WATER, "flood water"),
            (BARE_GROUND, "bare ground"),
            (ROAD, "road"),
            (BUILDING, "building"),
            (VEGETATION, "vegetation"),
        ],
        &[
            (FLOOD_WATER, words::FLOOD),
            (FLOOD_WATER, words::WATER),
            (BARE_GROUND, words::BARE_GROUND),
            (ROAD, words::ROAD),
            (BUILDING, words::BUILDING),
            (VEGETATION, words::VEGETATION),
        ],
    )
}

/// Draws the scene of `seed`, `width` by `height` pixels of [`METRES_PER_PX`]. 1024 by 768 is the
/// size it was composed for.
pub fn generate(seed: u64, width: usize, height: usize) -> Scene {
    assert!(width > 0 && height > 0, "a scene of {width}x{height}");
    let extent = [width, height].map(|pixels| pixels as f32 * METRES_PER_PX);
    let mut rng = Rng::keyed(&[seed, 0x5CE]);
    let noise = Noise::new(rng.next_u64() as u32);
    let roads = roads(extent, [1.0; 3], &mut rng);
    let canvas = canvas(width, height, METRES_PER_PX, [0.0; 2]);
    draw(canvas, noise, &roads, extent, &mut rng)
}

/// The scene of `seed` as a drone sees it that flies low along one of its streets: `width` by
/// `height` pixels of [`CLOSE_UP_METRES_PER_PX`]. The asphalt of each seed has its own colour.
pub fn close_up(seed: u64, width: usize, height: usize) -> Scene {
    assert!(width > 0 && height > 0, "a scene of {width}x{height}");
    let mut rng = Rng::keyed(&[seed, 0x5CE]);
    let noise = Noise::new(rng.next_u64() as u32);
    let mut view = Rng::keyed(&[seed, 0xC105E]);
    let (light, warmth) = (view.range(0.75, 1.9), view.range(-0.10, 0.08));
    let tint = [light * (1.0 + warmth), light, light * (1.0 - 1.5 * warmth)];
    let roads = roads(COMPOSED_M, tint, &mut rng);
    let streets: Vec<&Road> = roads.iter().filter(|road| road.surface != Surface::Track).collect();
    let street = streets[view.below(streets.len())];
    let (centre, _) = street.path.at(view.range(0.15, 0.85) * street.path.length());
    let half_m = [width, height].map(|pixels| 0.5 * pixels as f32 * CLOSE_UP_METRES_PER_PX);
    let origin =
        std::array::from_fn(|axis| centre[axis] + (view.range(-0.6, 0.6) - 1.0) * half_m[axis]);
    draw(canvas(width, height, CLOSE_UP_METRES_PER_PX, origin), noise, &roads, COMPOSED_M, &mut rng)
}

/// `origin` in metres from the scene's corner.
fn canvas(width: usize, height: usize, metres_per_px: f32, origin: Point) -> Canvas {
    Canvas::new(
        width * OVERSAMPLING,
        height * OVERSAMPLING,
        metres_per_px / OVERSAMPLING as f32,
        origin,
    )
}

/// Everything in a scene of `extent` metres that stands on `canvas`.
fn draw(mut canvas: Canvas, noise: Noise, roads: &[Road], extent: Point, rng: &mut Rng) -> Scene {
    let streets = roads
        .iter()
        .filter(|road| road.surface == Surface::Street)
        .map(|road| road.path.clone())
        .collect();
    let ground = Ground::new(noise, river(extent, rng), streets, 0.32);
    let houses = houses(&ground, roads, extent, rng);
    let yards: Vec<Yard> = houses
        .iter()
        .filter(|house| house.is_family_home())
        .filter_map(|house| {
            ground.nearest_street(house.centre).map(|street| Yard::of(house, street, rng))
        })
        .collect();

    ground.paint_land(&mut canvas);
    for yard in &yards {
        yard.draw(&mut canvas, noise);
    }
    for road in roads {
        road.draw_shoulder(&mut canvas, noise);
    }
    for surface in [Surface::Street, Surface::MainRoad] {
        roads
            .iter()
            .filter(|road| road.surface == surface)
            .for_each(|road| road.draw(&mut canvas, noise));
    }
    ground.flood(&mut canvas);
    for road in roads.iter().filter(|road| road.surface != Surface::Track) {
        road.drive(&mut canvas, if road.surface == Surface::MainRoad { 38.0 } else { 44.0 }, rng);
    }
    for yard in &yards {
        yard.park(&mut canvas, WATER_LEVEL_M + 0.2, rng);
    }
    for house in &houses {
        house.draw(&mut canvas, noise);
    }
    for tree in trees(&ground, roads, &houses, &yards, extent, rng) {
        tree.draw(&mut canvas, noise);
    }
    photograph(&canvas, rng)
}

/// Corners given as shares of the extent, moved a little.
fn bent(extent: Point, shares: &[Point], rng: &mut Rng) -> Path {
    let corner = |share: &Point| {
        std::array::from_fn(|axis| (share[axis] + rng.range(-0.012, 0.012)) * extent[axis])
    };
    Path::through(&shares.iter().map(corner).collect::<Vec<_>>())
}

fn river(extent: Point, rng: &mut Rng) -> Path {
    bent(
        extent,
        &[
            [-0.1, 0.52],
            [0.08, 0.62],
            [0.22, 0.83],
            [0.44, 0.86],
            [0.62, 0.93],
            [0.85, 1.12],
            [1.1, 1.3],
        ],
        rng,
    )
}

fn roads(extent: Point, tint: Colour, rng: &mut Rng) -> Vec<Road> {
    let mut road = |shares: &[Point], half_width_m: f32, surface: Surface| Road {
        path: bent(extent, shares, rng),
        half_width_m,
        surface,
        tint,
    };
    vec![
        road(
            &[[-0.05, 0.10], [0.22, 0.19], [0.48, 0.24], [0.72, 0.20], [1.05, 0.30]],
            3.6,
            Surface::MainRoad,
        ),
        road(&[[0.40, 0.23], [0.36, 0.42], [0.38, 0.60], [0.36, 0.80]], 2.6, Surface::Street),
        road(&[[0.365, 0.45], [0.52, 0.47], [0.66, 0.52], [0.70, 0.66]], 2.4, Surface::Street),
        road(&[[0.585, 0.235], [0.60, 0.36], [0.615, 0.50]], 2.4, Surface::Street),
        road(&[[0.74, 0.20], [0.80, 0.42], [0.86, 0.66], [1.05, 0.80]], 1.4, Surface::Track),
        road(&[[0.14, 0.16], [0.12, 0.35], [0.03, 0.48]], 1.4, Surface::Track),
    ]
}

/// Houses on both sides of the streets, some with a shed, and two barns at the track.
fn houses(ground: &Ground, roads: &[Road], extent: Point, rng: &mut Rng) -> Vec<House> {
    const DEEPEST_M: f32 = 1.9;
    let mut houses: Vec<House> = Vec::new();
    let mut settle = |house: House, gap_m: f32| {
        let reach = house.half_m[1] + 3.0;
        let on_road = roads
            .iter()
            .any(|road| road.path.beside(house.centre).offset.abs() < road.half_width_m + reach);
        let drowned = ground.elevation(house.centre) < WATER_LEVEL_M - DEEPEST_M;
        if !on_road && !drowned && houses.iter().all(|other| house.clear_of(other, gap_m)) {
            houses.push(house);
        }
    };
    for share in [[0.845, 0.40], [0.90, 0.50]] {
        let centre = [share[0] * extent[0], share[1] * extent[1]];
        settle(House::barn(centre, direction(rng.range(1.0, 1.3)), rng), 2.0);
    }
    for road in roads.iter().filter(|road| road.surface == Surface::Street) {
        for side in [-1.0, 1.0] {
            let mut along = rng.range(4.0, 12.0);
            while along < road.path.length() {
                let (on_street, forward) = road.path.at(along);
                let setback = side * rng.range(12.5, 17.0);
                let centre =
                    [on_street[0] - forward[1] * setback, on_street[1] + forward[0] * setback];
                let turned = forward[1].atan2(forward[0]) + rng.range(-0.08, 0.08);
                let gable = if rng.chance(0.3) { std::f32::consts::FRAC_PI_2 } else { 0.0 };
                settle(House::family(centre, direction(turned + gable), rng), 1.5);
                if rng.chance(0.55) {
                    let back = side * rng.range(26.0, 31.0);
                    let shift = rng.range(-5.0, 5.0);
                    let shed = [
                        on_street[0] - forward[1] * back + forward[0] * shift,
                        on_street[1] + forward[0] * back + forward[1] * shift,
                    ];
                    settle(House::shed(shed, direction(turned), rng), 1.0);
                }
                along += rng.range(17.0, 23.0);
            }
        }
    }
    houses
}

fn direction(angle: f32) -> Point {
    [angle.cos(), angle.sin()]
}

/// A wood, the river's banks, hedges, orchards, gardens; nothing on roads and roofs.
fn trees(
    ground: &Ground,
    roads: &[Road],
    houses: &[House],
    yards: &[Yard],
    extent: Point,
    rng: &mut Rng,
) -> Vec<Tree> {
    const GRID_M: f32 = 4.0;
    let free = |place: Point, radius_m: f32| {
        roads
            .iter()
            .all(|road| road.path.beside(place).offset.abs() > road.half_width_m + 0.5 * radius_m)
            && houses.iter().all(|house| !house.covers(place, 0.65 * radius_m))
            && yards.iter().all(|yard| !yard.blocks(place, radius_m))
    };
    let mut trees: Vec<Tree> = yards.iter().flat_map(|yard| yard.hedge(rng)).collect();
    trees.retain(|bush| {
        ground.elevation(bush.centre) > WATER_LEVEL_M - 0.8 && free(bush.centre, bush.radius_m)
    });
    let (columns, rows) = ((extent[0] / GRID_M) as usize + 2, (extent[1] / GRID_M) as usize + 2);
    for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
        let cell = [(column as f32 - 0.5) * GRID_M, (row as f32 - 0.5) * GRID_M];
        let place = [cell[0] + rng.range(0.0, GRID_M), cell[1] + rng.range(0.0, GRID_M)];
        let (radius_m, probability) = growth(ground, place, cell, extent, rng);
        let place = if probability > 1.0 { cell } else { place };
        if rng.chance(probability) && free(place, radius_m) {
            trees.push(Tree::new(place, radius_m, rng));
        }
    }
    trees
}

/// How large a tree would be at a place, and how likely it stands there; above 1 it stands exactly
/// on the grid.
fn growth(ground: &Ground, place: Point, cell: Point, extent: Point, rng: &mut Rng) -> (f32, f32) {
    let wood = distance(place, [0.97 * extent[0], 0.03 * extent[1]]) / extent[0]
        + 0.05 * (place[0] / 17.0).sin() * (place[1] / 13.0).cos();
    if wood < 0.23 {
        return (rng.range(2.4, 4.6), 0.75);
    }
    let bank = ground.river.beside(place).offset.abs();
    if (13.0..21.0).contains(&bank) {
        return (rng.range(2.2, 4.8), 0.24);
    }
    if ground.elevation(place) < WATER_LEVEL_M - 0.9 {
        return (rng.range(1.2, 2.5), 0.008);
    }
    if ground.to_street(place) < 34.0 {
        return (if rng.chance(0.4) { rng.range(2.2, 4.2) } else { rng.range(0.9, 2.0) }, 0.15);
    }
    let field = ground.field(place);
    if field.hedge && field.border < 2.2 {
        return (rng.range(1.3, 3.4), 0.75);
    }
    if field.field == Field::Orchard && field.border > 4.0 {
        let every_other =
            ((cell[0] / 4.0).round() as i32 + (cell[1] / 4.0).round() as i32).rem_euclid(2) == 0;
        return (rng.range(1.5, 1.9), if every_other { 1.1 } else { 0.0 });
    }
    (rng.range(1.5, 4.0), 0.004)
}

/// Light, lens and sensor: from spots to pixels. A pixel shows the class most of its spots have.
fn photograph(canvas: &Canvas, rng: &mut Rng) -> Scene {
    let (width, height) = (canvas.width / OVERSAMPLING, canvas.height / OVERSAMPLING);
    let lit = light::lit(canvas);
    let mut image = RgbImage::filled(width, height, [0; 3]);
    let mut mask = IndexMask::filled(width, height, 0);
    let haze = canvas::paint(150, 160, 172);
    for y in 0..height {
        for x in 0..width {
            let spots = (0..OVERSAMPLING * OVERSAMPLING).map(|part| {
                let (row, column) = (
                    y * OVERSAMPLING + part / OVERSAMPLING,
                    x * OVERSAMPLING + part % OVERSAMPLING,
                );
                row * canvas.width + column
            });
            let mut sum = [0.0_f32; 3];
            let mut votes = [0_u8; 6];
            for spot in spots {
                (0..3).for_each(|channel| sum[channel] += lit[spot][channel]);
                votes[usize::from(canvas.spots[spot].id)] += 1;
            }
            let mean = sum.map(|value| value / (OVERSAMPLING * OVERSAMPLING) as f32);
            let shot = rng.normal() * 0.006;
            let colour = std::array::from_fn(|channel| {
                let value = canvas::mix(mean, haze, 0.035)[channel];
                // A shoulder keeps bright roofs from clipping; the root stands for the sRGB curve.
                let exposed = 1.12 * value / (1.0 + 0.22 * value * value);
                ((exposed.max(0.0).sqrt() + shot).clamp(0.0, 1.0) * 255.0 + 0.5) as u8
            });
            image.set_pixel(x, y, colour);
            let most = (0..6).max_by_key(|&id| votes[id]).unwrap_or(0);
            mask.ids[y * width + x] = most as u8;
        }
    }
    Scene { image, mask }
}

#[cfg(test)]
mod tests;
