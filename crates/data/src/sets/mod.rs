//! One file per data set: where it comes from, its split, and what its labels say.
//!
//! [`crate::catalogue`] opens them by name.

pub mod aid_rsicd;
pub mod aid_scenes;
pub mod bijie_landslide;
pub mod cars_boxes;
pub mod cil_roads;
pub mod dead_trees;
pub mod deep_globe;
pub mod dubai;
pub mod fast;
pub mod flair;
pub mod flood_area;
pub mod flood_net;
pub mod gsi_road;
pub mod gsi_solar;
pub mod land_discover;
pub mod love_da;
pub mod ma_roads;
pub mod naip_urban_trees;
pub mod neon_tree_boxes;
pub mod nyc_maps;
pub mod oam_buildings;
pub mod open_earth_map;
pub mod ovrsis;
pub mod potsdam;
pub mod samrs;
