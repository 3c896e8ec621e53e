//! The words for what several sets show, the name first: one concept has one list, so that sets agree on what a query means.

/// Seas, lakes, rivers, pools.
pub(crate) const WATER: &[&str] = &["water", "water body", "open water"];
/// Water where it should not be.
pub(crate) const FLOOD: &[&str] = &["flood", "flood water", "flooded area", "floodwater", "inundation"];
/// Ground without plants and without pavement.
pub(crate) const BARE_GROUND: &[&str] = &["bare ground", "bare soil", "bare land", "unpaved land", "sand", "soil"];
/// What vehicles drive on, paved.
pub(crate) const ROAD: &[&str] = &["road", "street", "paved road", "roadway"];
/// What has a roof.
pub(crate) const BUILDING: &[&str] = &["building", "house", "roof", "rooftop", "buildings"];
/// Any plant cover, grass included.
pub(crate) const VEGETATION: &[&str] = &["vegetation", "greenery", "plants", "trees and grass", "green vegetation"];

/// The list that `prompt` heads, or `prompt` alone.
pub(crate) fn wording(prompt: &'static &'static str) -> &'static [&'static str] {
    let lists = [WATER, FLOOD, BARE_GROUND, ROAD, BUILDING, VEGETATION];
    lists.into_iter().find(|list| list[0] == *prompt).unwrap_or(std::slice::from_ref(prompt))
}
