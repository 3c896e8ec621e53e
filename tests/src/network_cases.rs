//! The whole network, small enough for a naive interpreter.

use rszs_network::{Config, Purpose, image_graph, text_graph};

use crate::Case;

/// `nano` with tiles of 64 px: every op and every connection of the real one, a sixteenth of its
/// cells.
pub fn small() -> Config {
    Config::nano().with_tile_px(64)
}

/// Image side with all ablations and on patches as the published sizes are, and the text tower.
pub fn network_cases() -> Vec<Case> {
    let ablations = [
        ("whole network", true, true),
        ("without MS-CAM", false, true),
        ("without CARH", true, false),
        ("base DSFE", false, false),
    ];
    let image = ablations.map(|(name, multi_scale_cross_attention, category_adaptive_head)| {
        let config = Config { multi_scale_cross_attention, category_adaptive_head, ..small() };
        Case::generated(
            name,
            image_graph(&config, Purpose::Train).expect("the network is well-formed"),
            2,
            3,
        )
    });
    let patches = Config { stem: None, separable: false, vlm_taps: [0, 0], ..small() };
    let patches = image_graph(&patches, Purpose::Train).expect("the network is well-formed");
    let patches = Case::generated("whole network on patches", patches, 2, 3);
    let text = Case::generated(
        "text tower",
        text_graph(&small()).expect("the tower is well-formed"),
        1,
        3,
    );
    image.into_iter().chain([patches, text]).collect()
}
