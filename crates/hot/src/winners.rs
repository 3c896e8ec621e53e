//! Which query wins each of the 64 pixels of a block.

use crate::upsample::BLOCK_PX;

/// The highest margin at each pixel so far, and whose it is. Class 0 has not been challenged
/// successfully.
#[derive(Debug)]
pub(crate) struct Winners {
    margins: [f32; BLOCK_PX],
    classes: [u32; BLOCK_PX],
}

impl Winners {
    /// Class 0 everywhere; only margins above `floor` win.
    pub(crate) fn above(floor: f32) -> Self {
        Self { margins: [floor; BLOCK_PX], classes: [0; BLOCK_PX] }
    }

    /// `class` takes the pixels where its margin `value - threshold` is above the highest so far.
    /// Returns 1 where the margin is above 0.
    #[inline]
    pub(crate) fn challenge(
        &mut self,
        values: &[f32; BLOCK_PX],
        threshold: f32,
        class: u32,
    ) -> [u8; BLOCK_PX] {
        let mut inside = [0; BLOCK_PX];
        for (place, inside) in inside.iter_mut().enumerate() {
            let margin = values[place] - threshold;
            *inside = u8::from(margin > 0.0);
            let highest = self.margins[place];
            // All ones where the class wins: a conditional store would keep the loop from becoming
            // vector code.
            let wins = u32::from(margin > highest).wrapping_neg();
            self.classes[place] = (class & wins) | (self.classes[place] & !wins);
            self.margins[place] = if margin > highest { margin } else { highest };
        }
        inside
    }

    /// Gives the pixels of classes above `last` to class 0.
    pub(crate) fn drop_above(&mut self, last: u32) {
        for class in &mut self.classes {
            *class = if *class > last { 0 } else { *class };
        }
    }

    /// 1 where `class` has won.
    #[inline]
    pub(crate) fn won_by(&self, class: u32) -> [u8; BLOCK_PX] {
        self.classes.map(|winner| u8::from(winner == class))
    }

    pub(crate) fn margins(&self) -> &[f32; BLOCK_PX] {
        &self.margins
    }

    pub(crate) fn classes(&self) -> &[u32; BLOCK_PX] {
        &self.classes
    }
}
