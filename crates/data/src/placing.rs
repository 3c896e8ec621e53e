//! Where a crop lies in its sample: on a class, by chance, or where enough is labelled.

use crate::augment::Augment;
use crate::dense_set::Sample;
use crate::mask::{IGNORE, IndexMask};
use crate::resample::{self, Window};
use crate::rng::Rng;
use crate::roles::Roles;

/// Windows drawn before one is taken as it is.
const TRIES: usize = 8;
/// Pixels looked at for the classes of a sample. A class of 1 % of the pixels is found 99 times of
/// 100.
const LOOKS: usize = 500;

impl Augment {
    /// A window with enough labelled pixels, or the last of eight tries.
    pub(crate) fn place(
        &self,
        sample: &Sample,
        roles: &Roles,
        rng: &mut Rng,
    ) -> (Window, IndexMask) {
        let focus = if rng.chance(self.class_share) {
            pixel_of_a_class(&sample.mask, &roles.wanted, rng)
        } else {
            None
        };
        let mut tried = 0;
        loop {
            let step = 1.0 / rng.range(self.scale_min.ln(), self.scale_max.ln()).exp();
            let extent = step * self.tile_px as f32;
            // Inside the image when the window fits; around the image when it does not.
            let mut edge = |size: usize, focus: Option<usize>| {
                let slack = size as f32 - extent;
                let (low, high) = (slack.min(0.0), slack.max(0.0));
                match focus {
                    Some(at) => (at as f32 - extent * rng.range(0.25, 0.75)).clamp(low, high),
                    None => rng.range(low, high),
                }
            };
            let mut x = edge(sample.image.width, focus.map(|[x, _]| x));
            let mut y = edge(sample.image.height, focus.map(|[_, y]| y));
            if self.scale_min >= 1.0 && self.scale_max <= 1.0 {
                (x, y) = (x.round(), y.round());
            }
            let window = Window { x, y, step, side_px: self.tile_px };
            let mask = resample::cut_mask(&sample.mask, window);
            tried += 1;
            if tried == TRIES || self.is_worth_it(&mask, rng) {
                return (window, mask);
            }
        }
    }

    fn is_worth_it(&self, mask: &IndexMask, rng: &mut Rng) -> bool {
        let Some(&first) = mask.ids.iter().find(|&&id| id != IGNORE) else {
            return self.labelled_share <= 0.0;
        };
        let labelled = mask.ids.iter().map(|&id| usize::from(id != IGNORE)).sum::<usize>();
        let of_first = mask.ids.iter().map(|&id| usize::from(id == first)).sum::<usize>();
        labelled as f32 >= self.labelled_share * mask.ids.len() as f32
            && (labelled > of_first
                || self.uniform_probability >= 1.0
                || rng.chance(self.uniform_probability))
    }
}

/// Column and row of a pixel of one of the indices `wanted`; each index that some looks find is as
/// likely as the others.
fn pixel_of_a_class(mask: &IndexMask, wanted: &[u8], rng: &mut Rng) -> Option<[usize; 2]> {
    if wanted.is_empty() || mask.ids.is_empty() {
        return None;
    }
    let mut found: Vec<(u8, usize)> = Vec::new();
    for _ in 0..LOOKS {
        let at = rng.below(mask.ids.len());
        let id = mask.ids[at];
        if wanted.contains(&id) && !found.iter().any(|&(seen, _)| seen == id) {
            found.push((id, at));
            if found.len() == wanted.len() {
                break;
            }
        }
    }
    (!found.is_empty()).then(|| {
        let (_, at) = found[rng.below(found.len())];
        [at % mask.width, at / mask.width]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::RgbImage;

    /// 400 by 300 pixels of index 1, with a patch of 20 by 20 pixels of index 2 and as much of
    /// index 3.
    fn sample() -> Sample {
        let mut mask = IndexMask::filled(400, 300, 1);
        for y in 200..220 {
            mask.ids[y * 400 + 330..][..20].fill(2);
            mask.ids[y * 400 + 50..][..20].fill(3);
        }
        Sample { id: "test".to_owned(), image: RgbImage::filled(400, 300, [0; 3]), mask }
    }

    fn share_with(augment: &Augment, wanted: &[u8], id: u8) -> f32 {
        let (sample, roles) = (sample(), Roles { wanted: wanted.to_vec(), ..Roles::default() });
        let shows =
            |seed: u64| augment.place(&sample, &roles, &mut Rng::new(seed)).1.ids.contains(&id);
        (0..400).filter(|&seed| shows(seed)).count() as f32 / 400.0
    }

    #[test]
    fn rare_classes_are_as_likely_as_common_ones() {
        let augment = Augment { class_share: 1.0, ..Augment::plain(40) };
        // A patch is a third of a hundredth of the sample, and found in four of five looks.
        let shares = [2, 3].map(|id| share_with(&augment, &[1, 2, 3], id));
        assert!(shares.iter().all(|share| (0.22..0.42).contains(share)), "{shares:?}");
        let without = share_with(&Augment { class_share: 0.0, ..augment }, &[1, 2, 3], 2);
        assert!(without < 0.1, "{without}");
    }

    #[test]
    fn only_wanted_indices_are_looked_for() {
        let augment = Augment { class_share: 1.0, ..Augment::plain(40) };
        assert!(share_with(&augment, &[2], 2) > 0.7);
        assert!(share_with(&augment, &[9], 2) < 0.1);
        assert!(share_with(&augment, &[], 2) < 0.1);
    }

    #[test]
    fn windows_stay_inside_and_show_the_pixel_away_from_their_edge() {
        let augment = Augment { class_share: 1.0, ..Augment::plain(40) };
        let (sample, roles) = (sample(), Roles { wanted: vec![2], ..Roles::default() });
        for seed in 0..100 {
            let (window, mask) = augment.place(&sample, &roles, &mut Rng::new(seed));
            assert!(
                (0.0..=360.0).contains(&window.x) && (0.0..=260.0).contains(&window.y),
                "{window:?}"
            );
            assert!(!mask.ids.contains(&IGNORE));
        }
    }

    /// 400 by 50 pixels of index 0.
    fn strip() -> Sample {
        let (image, mask) = (RgbImage::filled(400, 50, [0; 3]), IndexMask::filled(400, 50, 0));
        Sample { id: "strip".to_owned(), image, mask }
    }

    #[test]
    fn crops_of_one_index_can_be_made_rare() {
        let mut sample = strip();
        sample.mask.ids.iter_mut().enumerate().for_each(|(at, id)| *id = u8::from(at % 400 >= 350));
        let mixed = |augment: &Augment| {
            let crops = (0..50)
                .map(|seed| augment.crop(&sample, &Roles::default(), &mut Rng::new(seed)).unwrap());
            crops.filter(|crop| crop.mask.present().len() > 1).count()
        };
        let plain = Augment::plain(32);
        assert!(mixed(&plain) < 12);
        assert!(mixed(&Augment { uniform_probability: 0.0, ..plain }) > 15);
    }

    #[test]
    fn crops_prefer_labelled_places() {
        let mut sample = strip();
        sample
            .mask
            .ids
            .iter_mut()
            .enumerate()
            .filter(|(at, _)| at % 400 >= 150)
            .for_each(|(_, id)| *id = IGNORE);
        let labelled = |augment: &Augment| {
            let crops = (0..50)
                .map(|seed| augment.crop(&sample, &Roles::default(), &mut Rng::new(seed)).unwrap());
            crops.filter(|crop| crop.mask.ids.iter().any(|&id| id != IGNORE)).count()
        };
        let plain = Augment::plain(32);
        assert!(labelled(&plain) < 35);
        assert!(labelled(&Augment { labelled_share: 0.3, ..plain }) > 45);
    }
}
