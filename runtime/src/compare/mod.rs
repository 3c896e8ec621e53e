//! The same images through two bundles or engines: where do the results differ?
//!
//! Each side runs as deployed, with its own thresholds, tiling and engine; what is compared is what
//! a user would get (masks) and what it was decided from (blended logits).

mod difference;
mod side;

pub use difference::{Difference, DifferenceError};
pub use side::{Side, SideName, SideNameError};
