//! Geometry of the tiles and of the pixels copied into them.
#![allow(clippy::unwrap_used, reason = "a test")]

use proptest::prelude::*;
use rszs_hot::{MAX_SIDE_PX, Tile, TileError, TileGrid, TileLayout, fill_tile};

const LAYOUT: TileLayout = TileLayout { tile_px: 512, overlap_px: 128, stride_px: 4 };

fn layouts() -> impl Strategy<Value = TileLayout> {
    (1_u32..5, 1_u32..12)
        .prop_flat_map(|(stride_px, tile)| {
            (
                Just(stride_px),
                Just(tile * stride_px),
                (0..tile).prop_map(move |overlap| overlap * stride_px),
            )
        })
        .prop_map(|(stride_px, tile_px, overlap_px)| TileLayout { tile_px, overlap_px, stride_px })
}

fn origins(grid: &TileGrid) -> Vec<(u32, u32)> {
    grid.iter().map(|tile| (tile.x_px, tile.y_px)).collect()
}

#[test]
fn last_column_is_moved_back_to_the_padded_edge() {
    let layout = TileLayout { tile_px: 8, overlap_px: 4, stride_px: 4 };
    let grid = TileGrid::new(18, 8, layout).unwrap();
    assert_eq!(origins(&grid), [(0, 0), (4, 0), (8, 0), (12, 0)]);
    let wide_step = TileLayout { tile_px: 12, overlap_px: 0, stride_px: 4 };
    assert_eq!(origins(&TileGrid::new(18, 12, wide_step).unwrap()), [(0, 0), (8, 0)]);
}

#[test]
fn image_smaller_than_a_tile_gets_one_tile() {
    assert_eq!(origins(&TileGrid::new(1, 1, LAYOUT).unwrap()), [(0, 0)]);
    assert_eq!(origins(&TileGrid::new(512, 512, LAYOUT).unwrap()), [(0, 0)]);
}

#[test]
fn one_pixel_wide_strip_gets_one_column() {
    let grid = TileGrid::new(1, 20_000, LAYOUT).unwrap();
    assert_eq!((grid.columns(), grid.rows()), (1, 52));
    assert_eq!(grid.tile(51), Tile { x_px: 0, y_px: 20_000 - 512 });
}

#[test]
fn image_of_ten_thousand_megapixels_is_tiled() {
    let grid = TileGrid::new(100_000, 100_000, LAYOUT).unwrap();
    assert_eq!((grid.columns(), grid.rows(), grid.len()), (261, 261, 261 * 261));
    assert_eq!(grid.tile(grid.len() - 1), Tile { x_px: 100_000 - 512, y_px: 100_000 - 512 });
}

#[test]
fn largest_image_with_the_smallest_tiles_does_not_overflow() {
    let smallest = TileLayout { tile_px: 1, overlap_px: 0, stride_px: 1 };
    let grid = TileGrid::new(MAX_SIDE_PX, MAX_SIDE_PX, smallest).unwrap();
    assert_eq!(grid.len(), 1 << 40);
    assert_eq!(grid.tile(grid.len() - 1), Tile { x_px: MAX_SIDE_PX - 1, y_px: MAX_SIDE_PX - 1 });
}

#[test]
fn images_without_pixels_and_beyond_the_limit_are_refused() {
    for (width_px, height_px) in [(0, 5), (5, 0), (MAX_SIDE_PX + 1, 5), (5, u32::MAX)] {
        assert_eq!(
            TileGrid::new(width_px, height_px, LAYOUT),
            Err(TileError::ImageSize { width_px, height_px })
        );
    }
}

#[test]
fn layouts_that_do_not_fit_are_refused() {
    let refused = [(0, 0, 4), (8, 8, 4), (8, 12, 4), (10, 4, 4), (8, 2, 4), (8, 4, 0)];
    for (tile_px, overlap_px, stride_px) in refused {
        let layout = TileLayout { tile_px, overlap_px, stride_px };
        assert_eq!(TileGrid::new(64, 64, layout), Err(TileError::Layout(layout)));
    }
}

#[test]
fn overhanging_tile_repeats_the_edges() {
    let image = [[1, 1, 1], [2, 2, 2], [3, 3, 3], [4, 4, 4]].concat();
    let mut tile = [0; 27];
    fill_tile(&image, 2, 2, Tile { x_px: 0, y_px: 0 }, 3, 1, &mut tile).unwrap();
    let first_channel: Vec<u8> = tile.iter().step_by(3).copied().collect();
    assert_eq!(first_channel, [1, 2, 2, 3, 4, 4, 3, 4, 4]);
}

#[test]
fn a_reduced_tile_holds_means_and_repeats_the_last_one() {
    // Five columns, three rows; every pixel of a cell that lies in the image counts, and no other.
    let image: Vec<u8> = [[0, 2, 10, 20, 7], [4, 6, 30, 40, 9], [1, 3, 50, 52, 8]].concat();
    let image: Vec<u8> = image.iter().flat_map(|byte| [*byte; 3]).collect();
    let mut tile = [0; 48];
    fill_tile(&image, 5, 3, Tile { x_px: 0, y_px: 0 }, 4, 2, &mut tile).unwrap();
    let first_channel: Vec<u8> = tile.iter().step_by(3).copied().collect();
    let rows = [[3, 25, 8, 8], [2, 51, 8, 8], [2, 51, 8, 8], [2, 51, 8, 8]];
    assert_eq!(first_channel, rows.concat());
}

#[test]
fn a_reduced_layout_covers_more_of_the_image_with_tiles_of_the_same_size() {
    let layout = TileLayout::of_engine(256, 64).reduced(4);
    assert_eq!(layout, TileLayout { tile_px: 1024, overlap_px: 256, stride_px: 16 });
    assert_eq!((layout.reduction(), layout.engine_px()), (4, 256));
}

#[test]
fn buffers_of_the_wrong_length_are_refused() {
    let origin = Tile { x_px: 0, y_px: 0 };
    let short_image = fill_tile(&[0; 11], 2, 2, origin, 2, 1, &mut [0; 12]);
    assert_eq!(
        short_image,
        Err(TileError::BufferLength { buffer: "image_rgb", expected: 12, found: 11 })
    );
    let short_tile = fill_tile(&[0; 12], 2, 2, origin, 2, 1, &mut [0; 11]);
    assert_eq!(
        short_tile,
        Err(TileError::BufferLength { buffer: "tile", expected: 12, found: 11 })
    );
    let outside = fill_tile(&[0; 12], 2, 2, Tile { x_px: 2, y_px: 0 }, 2, 1, &mut [0; 12]);
    assert_eq!(outside, Err(TileError::ImageSize { width_px: 2, height_px: 2 }));
}

proptest! {
    #[test]
    fn every_pixel_is_covered_and_no_tile_hangs_over_more_than_it_must(
        (width_px, height_px, layout) in (1_u32..90, 1_u32..90, layouts())
    ) {
        let grid = TileGrid::new(width_px, height_px, layout).unwrap();
        let padded = |side_px: u32| side_px.next_multiple_of(layout.stride_px).max(layout.tile_px);
        let mut covered = vec![false; (width_px * height_px) as usize];
        for tile in grid.iter() {
            prop_assert!(tile.x_px % layout.stride_px == 0 && tile.y_px % layout.stride_px == 0);
            prop_assert!(tile.x_px + layout.tile_px <= padded(width_px));
            prop_assert!(tile.y_px + layout.tile_px <= padded(height_px));
            for y in tile.y_px..(tile.y_px + layout.tile_px).min(height_px) {
                for x in tile.x_px..(tile.x_px + layout.tile_px).min(width_px) {
                    covered[(y * width_px + x) as usize] = true;
                }
            }
        }
        prop_assert!(covered.iter().all(|pixel| *pixel));
    }

    #[test]
    fn neighbours_share_at_least_the_overlap((width_px, layout) in (1_u32..200, layouts())) {
        let grid = TileGrid::new(width_px, 1, layout).unwrap();
        let starts: Vec<u32> = grid.iter().map(|tile| tile.x_px).collect();
        for pair in starts.windows(2) {
            prop_assert!(pair[0] < pair[1]);
            prop_assert!(pair[0] + layout.tile_px >= pair[1] + layout.overlap_px);
        }
    }

    #[test]
    fn tile_holds_the_nearest_pixel_of_the_image(
        (width_px, height_px, x_px, y_px, tile_px) in (1_u32..20, 1_u32..20).prop_flat_map(
            |(width, height)| (Just(width), Just(height), 0..width, 0..height, 1_u32..24)
        )
    ) {
        let image: Vec<u8> =
            (0..width_px * height_px * 3).map(|byte| (byte * 7 % 251) as u8).collect();
        let mut tile = vec![0; (tile_px * tile_px * 3) as usize];
        fill_tile(&image, width_px, height_px, Tile { x_px, y_px }, tile_px, 1, &mut tile).unwrap();
        for (index, byte) in tile.iter().enumerate() {
            let (pixel, channel) = (index as u32 / 3, index as u32 % 3);
            let x = (x_px + pixel % tile_px).min(width_px - 1);
            let y = (y_px + pixel / tile_px).min(height_px - 1);
            prop_assert_eq!(*byte, image[((y * width_px + x) * 3 + channel) as usize]);
        }
    }
}
