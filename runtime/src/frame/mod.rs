//! An image as the network sees it: metres per pixel, areas, and how small it is shown.

pub mod ground;
pub mod layout;
