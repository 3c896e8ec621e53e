//! The words for what several sets show, the name first: one concept has one list, so that sets
//! agree on what a query means.

/// Seas, lakes, rivers, pools.
pub(crate) const WATER: &[&str] = &["water", "water body", "open water"];
/// Water where it should not be.
pub(crate) const FLOOD: &[&str] =
    &["flood", "flood water", "flooded area", "floodwater", "inundation"];
/// Ground without plants and without pavement.
pub(crate) const BARE_GROUND: &[&str] =
    &["bare ground", "bare soil", "bare land", "unpaved land", "sand", "soil"];
/// What vehicles drive on, paved.
pub(crate) const ROAD: &[&str] = &["road", "street", "paved road", "roadway"];
/// What has a roof.
pub(crate) const BUILDING: &[&str] = &["building", "house", "roof", "rooftop", "buildings"];
/// Any plant cover, grass included.
pub(crate) const VEGETATION: &[&str] =
    &["vegetation", "greenery", "plants", "trees and grass", "green vegetation"];
/// A road for fast traffic, without crossings.
pub(crate) const MOTORWAY: &[&str] = &["motorway", "highway", "freeway"];
/// Trees one by one or in groups.
pub(crate) const TREE: &[&str] = &["tree", "trees"];
/// Trees that stand without leaves, dead.
pub(crate) const DEAD_TREE: &[&str] = &["dead tree", "dead trees", "standing dead tree"];
/// Ground that came down a slope.
pub(crate) const LANDSLIDE: &[&str] = &["landslide", "landslip", "debris flow"];
/// Panels of photovoltaic cells, on roofs or on the ground.
pub(crate) const SOLAR_PANEL: &[&str] = &["solar panel", "solar panels", "photovoltaic panel"];
/// Vehicles for a few people.
pub(crate) const CAR: &[&str] = &["car", "vehicle", "automobile"];
/// Vehicles for goods.
pub(crate) const TRUCK: &[&str] = &["truck", "lorry"];
/// Vehicles for many people.
pub(crate) const BUS: &[&str] = &["bus", "coach"];

/// The list that `prompt` heads, or `prompt` alone.
pub(crate) fn wording(prompt: &'static &'static str) -> &'static [&'static str] {
    let lists = [WATER, FLOOD, BARE_GROUND, ROAD, BUILDING, VEGETATION];
    lists.into_iter().find(|list| list[0] == *prompt).unwrap_or(std::slice::from_ref(prompt))
}
